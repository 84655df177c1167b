"""Confirmations that callers ask for: ``?confirm=server``, ``?confirm=receipt`` and ``Prefer: wait=5``."""

from dataclasses import dataclass
from typing import Literal

from tigrest import BoundedService, HTTPException, Request, Result, Stanza, stanza_json

from ._prefer import wait_in

WAIT = 5.0
"""Seconds to wait for a confirmation unless ``Prefer`` says otherwise."""

MAX_WAIT = 300
"""Longest it may say."""


@dataclass(frozen=True)
class Wish:
    """A wish of a caller to wait for a confirmation.

    Args:
        until: what he waits for.
        wait: seconds that he prefers to wait; ``None`` when he has not said.
    """

    until: Literal["server", "receipt"]
    wait: int | None

    async def fulfilled(self, caller: BoundedService, request: Request, stanza: Stanza) -> Result:
        """Send a stanza and return the answer: 200 when it is confirmed as wished, else 202.

        ``{"id": "m1", "confirmed": "server"}``

        RFC 7240 §3
        """
        timeout = WAIT if self.wait is None else float(self.wait)
        outcome = await caller.send_confirmed(stanza, until=self.until, timeout=timeout)
        headers = {"Preference-Applied": f"wait={self.wait}"} if self.wait is not None and outcome.waited else {}
        status = 200 if outcome.confirmed == self.until else 202
        return Result(_media_for(request), {"id": outcome.id, "confirmed": outcome.confirmed}, status, headers)


def wish_in(request: Request) -> Wish | None:
    """Return what the caller wants to wait for; ``None`` when he wants no confirmation.

    The answers to a ``POST`` say nothing of caches, so they need no ``Vary: Prefer``. RFC 7240 §2, RFC 9110 §9.3.3
    """
    if not request.scope["query_string"] and b"prefer" not in dict(request.scope["headers"]):
        return None
    prefer = [value for name, value in request.scope["headers"] if name == b"prefer"]
    confirm = request.query_params.get("confirm")
    wait = wait_in(b",".join(prefer).decode("latin-1")) if prefer else None
    if confirm is None and wait is None:
        return None
    if confirm not in (None, "server", "receipt"):
        raise HTTPException(400, f"confirm={confirm[:40]} is none of: server, receipt")
    return Wish("receipt" if confirm == "receipt" else "server", wait if wait is None else min(wait, MAX_WAIT))


def _media_for(request: Request) -> str:
    """Return the media type of the answer: XML where the caller wants or sends that, else JSON."""
    sent = request.content_type if "xml" in request.content_type else "application/json"
    wanted = stanza_json.choose_media_type(request.headers.get("accept", ""), sent, request.query_params.get("type", ""))
    return "application/xml" if "xml" in wanted else "application/json"
