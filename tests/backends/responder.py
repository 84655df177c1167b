"""A responder to ad-hoc commands that answers what a test says, and pieces of such answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from xml.etree import ElementTree as ET

from tigrest.xmpp.namespaces import COMMANDS, DATA_FORMS
from tigrest.xmpp.stanza import Stanza

DONE = f'<command xmlns="{COMMANDS}" status="completed" sessionid="s1"><note type="info">Done</note></command>'
CANCELED = f'<command xmlns="{COMMANDS}" status="canceled" sessionid="s1"/>'
WHO = '<field var="nick" type="text-single"><value>romeo</value></field><field var="secret" type="text-private"><value>pw</value></field>'


def stage(fields: str, actions: str = '<actions execute="complete"><complete/></actions>', sessionid: str = "s1", more: str = "") -> str:
    """Write a stage with a form."""
    form = f'<x xmlns="{DATA_FORMS}" type="form">{fields}</x>'
    return f'<command xmlns="{COMMANDS}" status="executing" sessionid="{sessionid}">{actions}{more}{form}</command>'


NEXT = '<actions execute="next"><next/></actions>'


def asking(*names: str, required: bool = False) -> str:
    """Write fields without values."""
    return "".join(f'<field var="{name}" type="text-single">{"<required/>" if required else ""}</field>' for name in names)


class Peer:
    """Answers each request with the next of its answers, and to cancelling.

    Args:
        answers: payloads of results, errors to raise, stanzas, or functions that give payloads.
        loop: the event loop on which it is asked; the running one when ``None``.
    """

    def __init__(self, *answers: str | Exception | Stanza | Callable[[], str], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.loop = loop or asyncio.get_running_loop()
        self.answers = list(answers)
        self.requests: list[ET.Element] = []
        self.cancelled: list[str] = []
        self.timeouts: list[float] = []

    async def request(self, iq: Stanza, timeout: float = 30.0) -> Stanza:
        """Answer."""
        payload = iq.payload
        assert payload is not None
        if payload.get("action") == "cancel":
            self.cancelled.append(payload.get("sessionid", ""))
            return Stanza.received(f'<iq type="result" id="1">{CANCELED}</iq>')
        self.requests.append(payload)
        self.timeouts.append(timeout)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Stanza):
            return answer
        return Stanza.received(f'<iq type="result" id="1">{answer if isinstance(answer, str) else answer()}</iq>')

    @property
    def submitted(self) -> list[tuple[str, dict[str, list[str]] | None]]:
        """Action and values of each request."""
        found: list[tuple[str, dict[str, list[str]] | None]] = []
        for request in self.requests:
            form = request.find(f"{{{DATA_FORMS}}}x")
            fields = form.findall(f"{{{DATA_FORMS}}}field") if form is not None else []
            values = {field.get("var", ""): [value.text or "" for value in field] for field in fields}
            found.append((request.get("action", ""), values if form is not None else None))
        return found
