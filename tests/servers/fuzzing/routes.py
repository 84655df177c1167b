"""Hypothesis strategies of requests that are HTTP as it should be: every built-in route, with values that fit or not."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from tests.servers.fuzzing.callers import KEY, WHO
from tests.servers.fuzzing.values import (
    LARGE,
    NODES,
    TEXTS,
    VICTIMS,
    Draw,
    addresses,
    altered,
    dialect,
    dumped,
    fields,
    payloads,
    stanzas,
    texts,
    values,
)

ASKED_FOR = ("ping", "version", "disco", "items", "lastactivity", "stats", "archive", "extdisco", "register", "blocklist", "gateway")
SHORT = ("0.05", "0.3", "0.5")
"""Seconds that iqs wait for their replies."""


ODD_LOGINS = (
    b"Basic",
    b"Basic ",
    b"Basic !!!",
    b"Basic Og==",
    b"Bearer x",
    b"bAsIc eDp5",
    b"\xff",
    b"Basic /////w==",
    b"Digest a=b",
    b"Basic eDo=",
)
"""Headers ``Authorization`` of which none is right."""


@dataclass(frozen=True)
class Request:
    """A request.

    Args:
        method: of HTTP.
        path: percent-encoded.
        query: likewise.
        headers: those that matter to us.
        body: as it is sent.
    """

    method: str
    path: str
    query: str
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes

    def head(self, *more: tuple[bytes, bytes], target: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
        """Write the head."""
        where = target or (self.path + (f"?{self.query}" if self.query else "")).encode("ascii")
        lines = [b"%b %b %b" % (self.method.encode(), where, version), *[b"%b: %b" % header for header in (*self.headers, *more)]]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def written(self, *more: tuple[bytes, bytes]) -> bytes:
        """Write all of it."""
        framing = [(b"Content-Length", b"%d" % len(self.body))] if self.body or self.method not in ("GET", "HEAD") else []
        return self.head(*more, *framing) + self.body


@st.composite
def requests(draw: Draw) -> Request:
    method, path, content_type, body = draw(_routes())
    headers = [(b"Host", b"localhost"), (b"Prosody-Rest-Timeout", draw(st.sampled_from(SHORT)).encode())]
    headers.append((b"X-Forwarded-For", f"198.51.100.{draw(st.integers(1, 250))}".encode()))
    headers.append(WHO)
    if content_type is not None:
        headers.append((b"Content-Type", content_type.encode("latin-1", "replace")))
    if draw(st.integers(0, 2)) == 0:
        headers += draw(st.lists(_extra_headers(), max_size=2))
    query = draw(_queries())
    return Request(method, path, query, tuple(headers), body)


@st.composite
def _extra_headers(draw: Draw) -> tuple[bytes, bytes]:
    """Return a header that means something to us, with an odd value."""
    names = ("Accept", "Accept-Language", "Api-Key", "Content-Encoding", "If-None-Match", "If-Modified-Since", "Range", "Cookie", "Prefer")
    more = ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "Last-Event-ID", "Expect", "Origin", "Sec-Fetch-Site", "Idempotency-Key")
    name = draw(st.sampled_from([*names, *more, "Accept", "Accept", "Origin", "Authorization"]))
    if name == "Authorization":
        return name.encode(), draw(st.sampled_from(ODD_LOGINS))
    accepts = [
        "*/*",
        "text/html",
        "application/json;q=0.5, */*;q=0",
        "application/xmpp+xml",
        "application/xml",
        "image/*",
        "text/plain",
        ";",
        "a/b;q=x",
    ]
    value = draw(st.sampled_from(accepts)) if name == "Accept" and draw(st.integers(0, 3)) else draw(texts())
    return name.encode(), bytes(byte for byte in value.encode("utf-8", "surrogatepass") if byte >= 32 and byte != 127)[:8000].strip()


@st.composite
def _queries(draw: Draw) -> str:
    if draw(st.integers(0, 2)):
        return ""
    names = ("type", "errors", "api-key", "node", "max", "with", "address", "last-event-id", "a", "method", "wait", "confirm")
    known = {"type": ["json", "xml", "html", "x"], "errors": ["http"], "address": ["*", "http.localhost"], "api-key": [KEY]}
    pairs = []
    for name in draw(st.lists(st.sampled_from(names), max_size=3)):
        value = draw(st.sampled_from(known[name])) if name in known and draw(st.booleans()) else draw(texts())
        pairs.append((name, value))
    query = urlencode(pairs, errors="surrogatepass")
    return query + draw(st.sampled_from(["", "", "", "&", "%ff", "&=&", "&%", "?", "&a"])) if len(query) < 9000 else query[:9000]


_Route = tuple[str, str, str | None, bytes]

XML_TYPES = ("application/xmpp+xml", "application/xml", "text/xml; charset=utf-8", "application/soap+xml")
JSON_TYPES = ("application/json", "text/json", "application/problem+json; charset=utf-16")
FORM = "application/x-www-form-urlencoded"
OTHER_TYPES = (
    "text/plain",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "multipart/form-data",
    "image/png",
    "a/b",
    "",
    "/",
    ";",
    "\xe9",
)


def _segment(text: str) -> str:
    return quote(text, safe="@", errors="surrogatepass")


def _path(*parts: str) -> str:
    return "/".join(["/rest", *map(_segment, parts)])


@st.composite
def _bodies(draw: Draw, json_value: st.SearchStrategy[object], xml: st.SearchStrategy[bytes]) -> tuple[str | None, bytes]:
    """Return a Content-Type with a body that fits, or nearly."""
    match draw(
        st.sampled_from(["json"] * 4 + ["xml"] * 3 + ["form", "text", "other", "crossed", "none"] + ["large"] * draw(st.integers(0, 1)))
    ):
        case "json":
            return draw(st.sampled_from(JSON_TYPES)) if draw(st.integers(0, 4)) == 0 else JSON_TYPES[0], dumped(draw(json_value))
        case "xml":
            return draw(st.sampled_from(XML_TYPES)), draw(xml)
        case "form":
            value = draw(json_value)
            pairs = (
                [(name, item if isinstance(item, str) else str(item)[:500]) for name, item in value.items()]
                if isinstance(value, dict)
                else []
            )
            return FORM, urlencode(pairs, errors="surrogatepass").encode()
        case "text":
            return "text/plain", draw(texts()).encode("utf-8", "surrogatepass")
        case "crossed":
            return draw(st.sampled_from([*JSON_TYPES, FORM, *OTHER_TYPES])), draw(xml)
        case "large":
            return draw(st.sampled_from(LARGE))
        case "none":
            return draw(st.sampled_from([None, *JSON_TYPES])), b""
    return draw(st.sampled_from(OTHER_TYPES)), draw(st.binary(max_size=30)) if draw(st.booleans()) else dumped(draw(json_value))


PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg==")


@st.composite
def _stanza_routes(draw: Draw) -> _Route:
    """Return a request to send a stanza."""
    to, kind = draw(addresses()), draw(st.sampled_from(["message", "presence", "iq"]))
    types = ("chat", "normal", "get", "set", "result", "subscribe", "error", *ASKED_FOR)
    whole = ("/rest", "/rest", "/rest/echo", "/rest/stream", "/rest/stream/" + _segment(to))
    paths = (*whole, *[_path(kind, draw(st.sampled_from(types)), to)] * 2)
    path = draw(st.sampled_from(paths))
    values = dialect() if path in whole else altered({"body": "b"}) | dialect(kind)
    return "POST", path, *draw(_bodies(values, stanzas(addresses())))


@st.composite
def _query_routes(draw: Draw) -> _Route:
    """Return a request to ask somebody something."""
    to = draw(addresses())
    if draw(st.integers(0, 2)):
        return "GET", _path(draw(st.sampled_from(ASKED_FOR)), to), None, b""
    path = _path(draw(st.sampled_from(["block", "command"])), to)
    return "POST", path, *draw(_bodies(altered({"node": draw(st.sampled_from(NODES))}), payloads().map(_encoded)))


@st.composite
def _command_routes(draw: Draw) -> _Route:
    """Return a request about ad-hoc commands."""
    to, node = draw(st.sampled_from([("bosh@localhost", "pre-bind-bosh-session")]) | st.tuples(addresses(), st.sampled_from(NODES)))
    if draw(st.integers(0, 2)) == 0:
        return "GET", _path("adhoc", to), None, b""
    return "POST", _path("adhoc", to), *draw(_bodies(_commands(node), _as_xml()))


@st.composite
def _avatar_routes(draw: Draw) -> _Route:
    """Return a request about avatars."""
    if draw(st.integers(0, 2)):
        source = draw(st.sampled_from(["", "", "/", "/avatar", "/vcard4", "/vcard-temp", "/x"]))
        return "GET", _path("avatar", draw(st.just("eve@localhost") | addresses())) + source, None, b""
    image = draw(st.sampled_from([PNG, PNG[:20], b"", b"GIF89a", b"<svg/>"]) | st.binary(max_size=20).map(lambda tail: PNG + tail))
    types = ("image/png", "image/svg+xml", *OTHER_TYPES)
    return "PUT", _path("avatar", draw(st.sampled_from(["mallory@localhost", *VICTIMS]))), draw(st.sampled_from(types)), image


STATUS = {"available": True, "priority": 5, "show": "away", "status": "s", "activity": {"category": "talking", "type": "on_the_phone"}}


@st.composite
def _account_routes(draw: Draw) -> _Route:
    """Return a request about accounts or their status."""
    match draw(st.sampled_from(["status", "account", "accounts"])):
        case "status":
            path = _path("user", draw(st.sampled_from(["eve@localhost", "mallory@localhost", *VICTIMS])), "status")
            path += draw(st.sampled_from(["", "/x", "/%F0%9F%98%80", "/%00"]))
            return "POST", path, *draw(_bodies(altered(STATUS) | altered({"command": STATUS}), _as_xml()))
        case "account":
            account = {"user": {"password": draw(texts()), "email": "a@b"}}
            method, path = draw(st.sampled_from(["GET", "PUT", "POST", "DELETE"])), _path("user", draw(st.sampled_from(VICTIMS)))
            return method, path, *draw(_bodies(altered(account, times=1), _as_xml()))
    return "GET", draw(st.sampled_from(["/rest/users", "/rest/users/", _path("users", draw(addresses()))])), None, b""


@st.composite
def _other_routes(draw: Draw) -> _Route:
    """Return a request for a path that there is, or nearly."""
    match draw(st.sampled_from(["events", "reflect", "odd"])):
        case "events":
            return "GET", "/rest/events", None, b""
        case "reflect":
            return "POST", "/rest/reflect", *draw(_bodies(values(), _as_xml() | stanzas(addresses())))
    odd = "/".join([_segment(part) for part in draw(st.lists(texts(), max_size=3))])
    method = draw(st.sampled_from(["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]))
    return method, draw(st.sampled_from(PATHS)) + odd, *draw(_bodies(values(), stanzas(addresses())))


PATHS = (
    *("/", "/rest/", "/rest", "//", "/rest/../", "/rest/tested/test", "/rest/echo", "/rest/stream", "/rest/adhoc", "/rest/avatar/"),
    *("/rest/user/", "/rest/users/", "/rest/events/", "/rest/message/", "/health/ready", "/health/", "/metrics", "/console/", "/api/"),
)
"""Beginnings of paths."""

_ROUTES = st.one_of(
    *[_stanza_routes()] * 3, *[_query_routes()] * 2, *[_command_routes()] * 2, *[_avatar_routes()] * 2, _account_routes(), _other_routes()
)


def _routes() -> st.SearchStrategy[_Route]:
    """Return requests for all routes there are: method, path, Content-Type, body."""
    return _ROUTES


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def _commands(draw: Draw, node: str) -> object:
    command = {
        "node": node,
        "fields": draw(fields()),
        "sessionid": draw(texts()),
        "action": draw(st.sampled_from(["next", "complete", "cancel", "x"])),
    }
    for name in draw(st.lists(st.sampled_from(["fields", "sessionid", "action"]), max_size=2, unique=True)):
        del command[name]
    if draw(st.integers(0, 3)):
        return {"command": command}
    return {"command": draw(altered(command | {"fields": []}))}


@st.composite
def _as_xml(draw: Draw) -> bytes:
    """Return a document such as handlers get: names that are theirs, or odd."""
    names = (
        "command",
        "node",
        "fields",
        "item",
        "var",
        "value",
        "user",
        "password",
        "available",
        "priority",
        "show",
        "status",
        "activity",
        "a-b",
        "\xe9",
    )
    opened, parts = [], []
    for name in draw(st.lists(st.sampled_from(names), min_size=1, max_size=6)):
        parts.append(f"<{name}>")
        opened.append(name)
        if draw(st.integers(0, 2)) == 0:
            parts += [
                draw(st.sampled_from(["t", "uptime", "&amp;", "&e;", "<!-- -->", "<?x y?>", "<a/>", *TEXTS[:20]])),
                f"</{opened.pop()}>",
            ]
    text = "".join([*parts, *[f"</{name}>" for name in reversed(opened)]])
    start = draw(
        st.sampled_from(
            ["", "", "<?xml version='1.0'?>", "<?xml version='1.0' encoding='utf-16'?>", "\ufeff", "<!DOCTYPE a [<!ENTITY e 'x'>]>", " "]
        )
    )
    return _encoded(start + text)
