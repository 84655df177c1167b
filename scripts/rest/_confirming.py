"""Confirmations that callers ask for: ``?confirm=server``, ``?confirm=receipt`` and ``Prefer: wait=5``."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qsl

from tigrest import BoundedService, HTTPException, Request, Result, Stanza, stanza_json

from ._prefer import wait_in

WAIT = 5.0
"""Seconds to wait for a confirmation unless ``Prefer`` says otherwise."""

MAX_WAIT = 300
"""Longest it may say."""


MEMOISED_LENGTH = 128
"""Length of the longest query and preference that are memoised, in bytes: callers choose them, and must not fill the memory."""


@dataclass(frozen=True)
class Wish:
    """A wish of a caller to wait for a confirmation.

    Args:
        until: what he waits for.
        wait: seconds that he prefers to wait; ``None`` when he has not said.
        type: media type of the answer that the query names; empty when it names none.
    """

    until: Literal["server", "receipt"]
    wait: int | None
    type: str = ""

    async def fulfilled(self, caller: BoundedService, request: Request, stanza: Stanza) -> Result:
        """Send a stanza and return the answer: 200 when it is confirmed as wished, else 202.

        ``{"id": "m1", "confirmed": "server"}``

        RFC 7240 §3
        """
        timeout = WAIT if self.wait is None else float(self.wait)
        outcome = await caller.send_confirmed(stanza, until=self.until, timeout=timeout)
        headers = {"Preference-Applied": f"wait={self.wait}"} if self.wait is not None and outcome.waited else {}
        status = 200 if outcome.confirmed == self.until else 202
        media = _media_for(request.headers.get("accept", ""), request.content_type, self.type)
        return Result(media, {"id": outcome.id, "confirmed": outcome.confirmed}, status, headers)


def wish_in(request: Request) -> Wish | None:
    """Return what the caller wants to wait for; ``None`` when he wants no confirmation.

    The answers to a ``POST`` say nothing of caches, so they need no ``Vary: Prefer``. RFC 7240 §2, RFC 9110 §9.3.3
    """
    scope = request.scope
    query, prefer = scope["query_string"], b""
    for name, value in scope["headers"]:
        if name == b"prefer":
            prefer = prefer + b"," + value if prefer else value
    if not query and not prefer:
        return None
    is_memoised = len(query) + len(prefer) <= MEMOISED_LENGTH and b"key" not in query  # API keys are not to be kept
    return _memoised_wish(query, prefer) if is_memoised else _read_wish(query, prefer)


def _read_wish(query: bytes, prefer: bytes) -> Wish | None:
    given = dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    confirm = given.get("confirm")
    wait = wait_in(prefer.decode("latin-1")) if prefer else None
    if confirm is None and wait is None:
        return None
    if confirm not in (None, "server", "receipt"):
        raise HTTPException(400, f"confirm={confirm[:40]} is none of: server, receipt")
    until: Literal["server", "receipt"] = "receipt" if confirm == "receipt" else "server"
    return Wish(until, wait if wait is None else min(wait, MAX_WAIT), given.get("type", ""))


_memoised_wish = lru_cache(maxsize=256)(_read_wish)


def _media_for(accept: str, content_type: str, type: str) -> str:
    """Return the media type of the answer: XML where the caller wants or sends that, else JSON."""
    if len(accept) + len(content_type) + len(type) <= MEMOISED_LENGTH:
        return _memoised_media(accept, content_type, type)
    return _chosen_media(accept, content_type, type)


def _chosen_media(accept: str, content_type: str, type: str) -> str:
    sent = content_type if "xml" in content_type else "application/json"
    wanted = stanza_json.choose_media_type(accept, sent, type)
    return "application/xml" if "xml" in wanted else "application/json"


_memoised_media = lru_cache(maxsize=256)(_chosen_media)
