"""The requests that were recorded at Tigase's own HTTP API, sent to a gateway in front of a played Tigase.

Each has the status that Tigase gave it, and an answer that means the same, or stands in a table below with the reason. Where the guide
and the recorded server differ, the guide decides.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx2

from tests.cli.process import serving
from tests.servers.client import online
from tests.servers.tigase import Tigase
from tests.servers.tigase_recorded import Recorded, recorded
from tigrest.formats.content import read_xml

KEY = "test-key"
"""API key of the recorded requests."""

BOB_IS_THERE = ("end session xml, online", "end session json, online")

PHOTO = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


@dataclass(frozen=True)
class Otherwise:
    """A request that is answered with another status than Tigase's, and why."""

    status: int
    kind: str
    reason: str


FAULT, GUIDE, RIGHTS, LOGIN, CLEARER, MISSING = "fault", "guide", "rights", "login", "clearer", "missing"

_KEY_ENOUGH = Otherwise(200, GUIDE, "the guide sends it with the API key alone, and an admin's login does as well")
_KEY_NOT_NEEDED = Otherwise(200, LOGIN, "handlers need a key only where they say so; a login is enough")
_NOT_ADMIN = Otherwise(403, LOGIN, "he is logged in, so that asking him to log in again (401) does not help: he lacks the role")
_OWN_SESSION = Otherwise(200, GUIDE, "the guide: a user may pre-bind a session of his own")
_IQ = Otherwise(200, FAULT, "the guide: an iq is answered with its reply; Tigase calls a method that is gone")
_BAD = Otherwise(400, FAULT, "a body that cannot be read, or does not say what is wanted, is the caller's mistake")

OTHERWISE: Mapping[str, Otherwise] = {
    "avatar none no key": Otherwise(404, GUIDE, "the guide: avatars are for browsers, which send no key"),
    "avatar percent-encoded": Otherwise(200, FAULT, "%40 is @: RFC 3986 §2.1"),
    "adhoc list no key": _KEY_NOT_NEEDED,
    "adhoc list by user": Otherwise(403, RIGHTS, "commands run with the gateway's rights, so that users are refused with the reason"),
    "form no content type": Otherwise(415, FAULT, "a body without a type is not guessed; the answer names the header"),
    "active users json by user": Otherwise(403, RIGHTS, "as the list: refused with the reason"),
    "number types (25)": Otherwise(200, FAULT, "a number is written as a number in JSON"),
    "adhoc unknown node": Otherwise(504, CLEARER, "Tigase never answers: there is an end to waiting"),
    "adhoc no node": Otherwise(400, CLEARER, "the node is missing in the request, nothing is missing here"),
    "adhoc empty json": _BAD,
    "adhoc bad json": _BAD,
    "adhoc bad xml": _BAD,
    "stream iq version": _IQ,
    "stream iq no id": _IQ,
    "stream iq error": _IQ,
    "stream iq with from": _IQ,
    "stream no slash": Otherwise(200, CLEARER, "with and without the slash, as older versions of Tigase redirected"),
    "stream by user": _NOT_ADMIN,
    "stream two stanzas": Otherwise(400, CLEARER, "Tigase sends the first and drops the second without a word"),
    "status no login": _KEY_ENOUGH,
    "status by user": _KEY_ENOUGH,
    "status no key": _KEY_ENOUGH,
    "prebind xml own": _OWN_SESSION,
    "prebind json own": _OWN_SESSION,
    "user get by user": _NOT_ADMIN,
    "user post unknown": Otherwise(404, FAULT, "there is no such account"),
    "user self get": Otherwise(404, MISSING, "not in the guide: a user's own account is not served"),
    "users by user": _NOT_ADMIN,
    "HEAD": Otherwise(200, FAULT, "HEAD is GET without a body: RFC 9110 §9.3.2"),
    "OPTIONS": Otherwise(204, FAULT, "OPTIONS tells the methods: RFC 9110 §9.3.7"),
}
"""By the name of the request."""

NEW_EACH_TIME = "a value that is new each time"
ACCOUNT = "numbers and states in Tigase's database, which no command tells"
RUN = "of the accounts that there were when it was recorded"

DIFFERENT: Mapping[str, Mapping[str, str]] = {
    **{
        key: {"uid": ACCOUNT, "accountStatus": ACCOUNT}
        for key in ("user get", "user get json", "user put json", "user put no email", "user put xml", "user post password")
    },
    "user delete": {"uid": ACCOUNT},
    "stats": {"everything": "not in the guide: here it asks by XEP-0039, which Tigase has not; /metrics has the gateway's own numbers"},
    **{
        key: {"success": "the guide: true once it is done; Tigase says false and has done it"}
        for key in ("status off", "status resource off", "status of nobody off")
    },
    **{key: {"from": NEW_EACH_TIME, "rid": NEW_EACH_TIME, "sid": NEW_EACH_TIME} for key in ("prebind xml by admin",)},
    **{
        key: {"rid": "new each time; that of the client's first request, one more than Tigase tells", "sid": NEW_EACH_TIME}
        for key in ("prebind full jid by admin",)
    },
    **{key: {"S2S secret": NEW_EACH_TIME} for key in ("form comp-repo-item-add application/xml", "form comp-repo-item-add text/xml")},
    **{key: {"S2S secret": NEW_EACH_TIME} for key in ("form xml with type=json", "vhost add without marker")},
    **{key: {"items": "accounts of Tigase's own components stand in its list", "count": RUN} for key in ("users list", "users list json")},
    "users of domain": {"items": RUN, "count": RUN},
    "vhost remove form": {"options of item-list": RUN},
}
"""What answers of the same status do not have in common with Tigase's, by the name of the request: key or field, and why."""

NOT_COMPARED = ("avatar", "index", "stats", "stream")
"""Beginnings of the names of requests whose answers are no values: images, pages, and what is empty."""


class Sent:
    """A gateway in front of a played Tigase, to which all requests are sent in order.

    Args:
        folder: for its files.
    """

    def __init__(self, folder: Path) -> None:
        self.answers: dict[str, httpx2.Response] = {}
        server = Tigase(folder)
        server.stored["alice@localhost", "{vcard-temp}vCard"] = ET.fromstring(
            f"<vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>{PHOTO}</BINVAL></PHOTO></vCard>"
        )
        vcard4 = "urn:ietf:params:xml:ns:vcard-4.0"
        server.stored["alice@localhost", f"{{{vcard4}}}vcard"] = ET.fromstring(
            f"<vcard xmlns='{vcard4}'><photo><uri>data:image/png;base64,{PHOTO}</uri></photo></vcard>"
        )
        settings = {**server.settings(), "XMPP__SEND_AS": "user", "STATE__DATABASE": str(folder / "state.sqlite3")}
        settings["HTTP__REQUEST_TIMEOUT"] = "10"  # one request waits as long
        variables = {f"TIGREST__{name}": value for name, value in settings.items()} | {"HTTP_API_KEY_BOOTSTRAP": KEY}
        with ExitStack() as stack:
            stack.callback(server.stop)
            server.start()
            _, base = stack.enter_context(serving(cwd=folder, **variables))
            stack.enter_context(online(server, "alice"))
            with httpx2.Client(base_url=base, timeout=40) as client:
                end = time.monotonic() + 20
                while client.get("/health/ready").status_code != 200:
                    assert time.monotonic() < end, (folder / "log").read_text()
                    time.sleep(0.05)
                for request in recorded().values():
                    if request.name in BOB_IS_THERE:
                        stack.enter_context(online(server, "bob", "resource-1"))
                    self.answers[request.name] = _send(client, request)


def _send(client: httpx2.Client, request: Recorded) -> httpx2.Response:
    headers = dict(request.headers)
    user, _, password = headers.pop("login", "").partition(":")
    path, body = (text.replace("{t}", "tigase") for text in (request.path, request.body))
    return client.request(request.method, path, headers=headers, content=body.encode() or None, auth=(user, password) if user else None)


def test_recorded_requests_have_the_same_status_and_meaning_or_a_reason(tmp_path: Path) -> None:
    sent = Sent(tmp_path)
    faults = {name: fault for name, request in recorded().items() if (fault := fault_of(request, sent.answers[name]))}
    assert not faults


def fault_of(request: Recorded, answer: httpx2.Response) -> str:
    """Return what is wrong with an answer; empty when nothing is."""
    name, otherwise = request.name, OTHERWISE.get(request.name)
    expected = request.status if otherwise is None else otherwise.status
    if answer.status_code != expected:
        return f"{answer.status_code}, not {expected}: {answer.text}"
    if otherwise is not None and otherwise.status == request.status:
        return "it is answered as Tigase does: the exception can go"
    if otherwise is None and request.status == 200 and not name.startswith(NOT_COMPARED):
        theirs = meaning(request.answer.replace("{t}", "tigase"), request.media_type)
        ours = meaning(answer.text, answer.headers["content-type"])
        different = {key for key, value in theirs.items() if ours.get(key) != value}
        if different != set(DIFFERENT.get(name, {})):
            return f"different: { ({key: (theirs[key], ours.get(key)) for key in different}) }"
    return ""


def test_the_tables_name_requests_that_there_are() -> None:
    assert len(recorded()) == 111
    assert not (OTHERWISE.keys() | DIFFERENT.keys()) - recorded().keys()
    assert all(each.reason for each in OTHERWISE.values())


def test_the_page_about_tigase_counts_them_right() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "tigase.md").read_text("utf-8")
    assert f"of {len(recorded())} requests that were recorded there, {len(recorded()) - len(OTHERWISE)} have the same\nstatus here" in page


def meaning(text: str, media_type: str) -> dict[str, Any]:
    """Return the values of an answer by key, all of them as texts; the fields of a form by their names.

    One value and a list of one are the same, as are nothing and an empty text: Tigase writes XML and JSON alike in both ways.
    """
    value: Any = json.loads(text) if "json" in media_type else read_xml(text.encode())
    content = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value
    if isinstance(content, list):
        return {"items": sorted(json.dumps(item, sort_keys=True) for item in content)}
    found: dict[str, Any] = {}
    for key, item in (content or {}).items():
        if key == "fields":
            _read_fields(item or [], found)
        elif key != "activity" or item:
            found[key] = plain(item)
    return found


def _read_fields(fields: list[dict[str, Any]], found: dict[str, Any]) -> None:
    for field in fields:
        var = field["var"]
        found.setdefault(var, []).extend(plain(field.get("value")))
        if field.get("label"):
            found[f"label of {var}"] = field["label"]
        if field.get("options"):
            found[f"options of {var}"] = sorted(str(option.get("value") or "") for option in field["options"])


def plain(value: Any) -> list[str]:
    """Return values as a list of texts without space around them; empty ones are left out."""
    if isinstance(value, dict):
        return [json.dumps(value, sort_keys=True)]
    values = value if isinstance(value, list) else [value]
    texts = [str(each).lower() if isinstance(each, bool) else "" if each is None else str(each) for each in values]
    return [text.replace("&apos;", "'").replace("&quot;", '"').strip() for text in texts if text.strip()]
