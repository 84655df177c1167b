"""Requests as ``curl`` sends them: paths and bodies go out as they are written, nothing is normalised."""

from __future__ import annotations

import base64
import http.client
import json
import re
import time
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, urlencode
from xml.etree import ElementTree as ET

XML, JSON, FORM, TEXT = "application/xml", "application/json", "application/x-www-form-urlencoded", "text/plain"

PATIENCE = "1"
"""Seconds that an iq waits for its reply: a reply that the server sends elsewhere does not hold up the tests."""

IDLE = 2.0
"""Seconds after which a connection is not used again: the gateway may be about to close it."""


@dataclass(frozen=True)
class Request:
    """One request.

    Args:
        method: of HTTP.
        path: with its query, percent-encoded as it is to go out.
        body: what is sent.
        type: the header ``Content-Type``; none when empty.
        login: local part of the caller, or ``name:password``; nobody when empty.
        headers: further ones.
        steps: whether it begins an ad-hoc command: the session that comes back is completed with the same form.
    """

    method: str
    path: str
    body: bytes = b""
    type: str = ""
    login: str = "alice"
    headers: tuple[tuple[str, str], ...] = ()
    steps: bool = False

    def __str__(self) -> str:
        body = self.body.decode("utf-8", "replace")
        return f"{self.method} {self.path} {self.type} {body[:300]}".strip()


@dataclass(frozen=True)
class Answer:
    """What came back.

    Args:
        status: of HTTP.
        body: as text.
    """

    status: int
    body: str

    @property
    def detail(self) -> str:
        """Return why it was refused, in words."""
        found = re.search(r'"detail":\s*"((?:[^"\\]|\\.)*)"|<detail>([^<]*)</detail>', self.body)
        return (found[1] or found[2] or "") if found else ""

    @property
    def condition(self) -> str:
        """Return the condition in a problem document: of an error stanza that came back; empty when the gateway itself refused."""
        found = re.search(r'"condition":\s*"([^"]*)"|<condition>([^<]*)</condition>', self.body) if self.status != 200 else None
        return (found[1] or found[2] or "") if found else ""

    @property
    def error(self) -> str:
        """Return the condition of the error stanza that answered an iq; empty when it was none."""
        if self.status != 200 or "error" not in self.body:
            return ""
        if self.body.startswith("{"):
            stanza = json.loads(self.body)
            return str(stanza.get("error", {}).get("condition", "error")) if stanza.get("type") == "error" else ""
        element = ET.fromstring(self.body)
        if element.get("type") != "error":
            return ""
        conditions = [
            child.tag.partition("}")[2] for child in element.iter() if child.tag.startswith("{urn:ietf:params:xml:ns:xmpp-stanzas}")
        ]
        return next((name for name in conditions if name != "text"), "error")

    def __str__(self) -> str:
        return f"{self.status} {self.detail or self.body[:300]}"


def xml(stanza: str, path: str = "/rest", type: str = XML, **options: Any) -> Request:
    """Return the request that sends a stanza as XML."""
    return Request("POST", path, stanza.encode(), type, **options)


def in_json(value: Any, path: str = "/rest", **options: Any) -> Request:
    """Return the request that sends a stanza, or whatever a handler takes, as JSON."""
    return Request("POST", path, json.dumps(value).encode(), JSON, **options)


def form(path: str = "/rest", **fields: str) -> Request:
    """Return the request that sends a stanza as a form; ``from_`` is ``from``."""
    return Request("POST", path, urlencode({name.rstrip("_"): value for name, value in fields.items()}).encode(), FORM)


def text(words: str, path: str) -> Request:
    """Return the request that sends the text of a message, addressed by the path."""
    return Request("POST", path, words.encode(), TEXT)


def get(path: str, **options: Any) -> Request:
    """Return a plain GET."""
    return Request("GET", path, **options)


def at(jid: str) -> str:
    """Quote an address as one segment of a path."""
    return quote(jid, safe="")


class Curl:
    """Sends requests over one connection, which is made anew where the gateway has closed it.

    Args:
        base: URL of the gateway.
        passwords: by local part of the callers.
    """

    def __init__(self, base: str, passwords: dict[str, str]) -> None:
        host, _, port = base.removeprefix("http://").partition(":")
        self._connection = http.client.HTTPConnection(host, int(port), timeout=40)
        self._passwords = passwords
        self._used = 0.0

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def send(self, request: Request) -> Answer:
        """Send a request and return the answer, of a event stream only its status."""
        headers = {"Accept": XML, "Prosody-Rest-Timeout": PATIENCE, "Content-Type": request.type, **dict(request.headers)}
        if request.login:
            name, colon, password = request.login.partition(":")
            credentials = f"{name}:{password if colon else self._passwords[name]}"
            headers["Authorization"] = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        if time.monotonic() > self._used + IDLE:
            self._connection.close()
        self._connection.request(request.method, request.path, request.body, {name: value for name, value in headers.items() if value})
        response = self._connection.getresponse()
        self._used = time.monotonic()
        if response.getheader("Content-Type", "").startswith("text/event-stream"):
            response.close()
            self._connection.close()
            return Answer(response.status, "")
        return Answer(response.status, response.read().decode("utf-8", "replace"))

    def run(self, request: Request) -> list[Answer]:
        """Send a request and, where it begins a command that opens a session, the step that completes it."""
        answers = [self.send(request)]
        found = re.search(r'sessionid="([^"]+)"|sessionid=\'([^\']+)\'|"sessionid":\s*"([^"]+)"|<sessionid>([^<]+)<', answers[0].body)
        if request.steps and found is not None and answers[0].status == 200:
            session = next(group for group in found.groups() if group)
            answers.append(self.send(replace(request, body=_continued(request.body.decode(), session).encode())))
        return answers


def _continued(body: str, session: str) -> str:
    """Return the second step of a command: the same with the session, to be completed."""
    if body.startswith("{"):
        return body.replace('"node":', f'"sessionid": "{session}", "action": "complete", "node":', 1)
    return body.replace(" node=", f" sessionid='{session}' action='complete' node=", 1)
