"""What is done at a time: requests on many connections, stanzas of a client, and what others answer meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import quoteattr

from hypothesis import strategies as st

from tests.servers.fuzzing.calls import Call, calls
from tests.servers.fuzzing.values import ADDRESSES, BAD_ADDRESSES, Draw, altered, dialect, dumped, payloads, stanzas, texts, xml_text

GATEWAY = (
    *(
        "http.localhost",
        "alice@http.localhost",
        "carol@http.localhost",
        "mallory@http.localhost",
        "bot@http.localhost",
        "nobody@http.localhost",
    ),
    *(
        "bot@http.localhost/r",
        "x@HTTP.localhost./\u212b",
        "eve\\40localhost@http.localhost",
        "http.localhost/\U0001f4f1",
        "\u0378@http.localhost",
    ),
)
"""Addresses of the gateway."""


@dataclass(frozen=True)
class HookAnswer:
    """What a webhook answers.

    Args:
        status: of HTTP.
        content_type: of the body.
        body: in the answer.
    """

    status: int
    content_type: str
    body: bytes


@dataclass(frozen=True, repr=False)
class Batch:
    """What is done at a time.

    Args:
        calls: what is sent to the gateway by HTTP, all at once.
        stanzas: what eve's client sends meanwhile, one after another.
        replies: what eve's client answers iqs: attributes of the iq and what is in it.
        hook: what the webhook answers.
    """

    calls: tuple[Call, ...]
    stanzas: tuple[bytes, ...]
    replies: tuple[tuple[str, str], ...]
    hook: tuple[HookAnswer, ...]

    def __repr__(self) -> str:
        return f"<{len(self.calls)} calls, {len(self.stanzas)} stanzas>"

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(repr(self))

    def all(self) -> str:
        """Write it in Python; of what is large, the beginning."""
        parts = [
            "calls:",
            *self.calls,
            "stanzas of eve:",
            *self.stanzas,
            "replies of eve:",
            *self.replies,
            "answers of the webhook:",
            *self.hook,
        ]
        return "\n".join([part if isinstance(part, str) else _shortened(repr(part)) for part in parts])


def _shortened(text: str) -> str:
    return text if len(text) < 8000 else f"{text[:2000]} … and {len(text) - 2000} more"


@st.composite
def batches(draw: Draw, size: int = 32) -> Batch:
    """Return batches.

    Args:
        size: requests of each, and about as many stanzas.
    """
    return Batch(
        tuple(draw(st.lists(calls(), min_size=size, max_size=size))),
        tuple(draw(st.lists(_sent_by_client(), min_size=size, max_size=size))),
        tuple(draw(st.lists(_replies(), min_size=6, max_size=6))),
        tuple(draw(st.lists(_hook_answers(), min_size=6, max_size=6))),
    )


_LARGE = (
    b"<message to='%b'><body>" + b"x" * 200_000 + b"</body></message>",
    b"<message to='%b'><body>" + b"&lt;" * 40_000 + b"</body></message>",
    b"<presence to='%b'>" + b"<a xmlns='urn:a'/>" * 10_000 + b"</presence>",
    b"<iq type='get' id='l' to='%b'><a xmlns='urn:a'>" + b"<b/>" * 40_000 + b"</a></iq>",
    b"<message to='%b'><a xmlns='urn:a' " + b" ".join([b"a%d=''" % n for n in range(15_000)]) + b"/></message>",
    b"<message to='%b'><body/>" + b"<a>" * 250 + b"</a>" * 250 + b"</message>",
)
"""Stanzas about as large as a server lets clients send."""


@st.composite
def _sent_by_client(draw: Draw) -> bytes:
    """Return what a client sends to its server: mostly for the gateway, sometimes about itself."""
    match draw(st.sampled_from(["gateway"] * 16 + ["own"] * 2 + ["others"] * 2 + ["flood", "large"])):
        case "gateway":
            return draw(stanzas(st.sampled_from(GATEWAY), strict=True))
        case "flood":
            return draw(stanzas(st.sampled_from(GATEWAY), strict=True)) * 200
        case "large":
            return draw(st.sampled_from(_LARGE)) % draw(st.sampled_from(GATEWAY)).encode()
        case "others":
            return draw(stanzas(st.sampled_from(ADDRESSES), strict=True))
    # Avatars, vCards and presence of its own, for those who ask the gateway for them.
    if draw(st.integers(0, 4)) == 0:
        return b"<presence><show>away</show></presence>"
    inside = draw(payloads(strict=True))
    return f"<iq type='set' id='own'>{inside}</iq>".encode("utf-8", "surrogatepass")


@st.composite
def _replies(draw: Draw) -> tuple[str, str]:
    """Return attributes and payload of a reply; those not given are as they should be."""
    kind = draw(st.sampled_from(["result", "result", "result", "error", "get", "bogus"]))
    more = draw(st.sampled_from(["", "", "", " to='alice@http.localhost'", " xml:lang='&#10;'", " odd='1'"]))
    return f"type={quoteattr(kind)}{more}", draw(st.just("") | payloads(strict=True) | payloads(strict=True))


@st.composite
def _hook_answers(draw: Draw) -> HookAnswer:
    """Return answers of webhooks: JSON, XML, text, or something else."""
    status = draw(st.sampled_from([200, 200, 200, 200, 202, 204, 201, 301, 400, 403, 404, 410, 501, 599]))
    if status == 204:
        return HookAnswer(204, "", b"")
    match draw(st.sampled_from(["json", "xml", "text", "odd", "none"])):
        case "json":
            return HookAnswer(status, "application/json", dumped(draw(dialect() | altered({"body": "b"}))))
        case "xml":
            to = st.sampled_from([*ADDRESSES, *BAD_ADDRESSES])
            return HookAnswer(status, "application/xmpp+xml", draw(stanzas(to)))
        case "text":
            return HookAnswer(status, "text/plain", draw(texts()).encode("utf-8", "surrogatepass"))
        case "odd":
            return HookAnswer(
                status,
                xml_text(draw(st.sampled_from(["", "image/png", ";", "application/json; charset=x", "text/html"]))),
                draw(st.binary(max_size=30)),
            )
    return HookAnswer(status, draw(st.sampled_from(["", "application/json"])), b"")
