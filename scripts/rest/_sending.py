"""Shared by the handlers of stanzas: reading and sending them, and the time to wait."""

from collections.abc import Callable
from typing import ParamSpec

from tigrest import BoundedService, HTTPException, InvalidStanza, Request, Result, Stanza, stanza_json

from ._confirming import wish_in
from ._room_messages import said

TIMEOUT = 30.0
"""Seconds that an iq waits for its reply unless the request says otherwise."""

MAX_TIMEOUT = 300.0
"""Longest it may say, with ``Prosody-Rest-Timeout``."""

IN_BODY = ("body", "from", "kind", "subject", "to")
"""Keys of stanzas that people write behind the ``?`` of a ``POST``, where nobody reads them."""

STANZA = {"$ref": "#/components/schemas/Stanza"}
"""JSON schema of a stanza, which the OpenAPI document of the gateway has."""

TEXT = {"type": "string"}

BODIES = {"application/json": STANZA, "application/xml": TEXT, "application/xmpp+xml": TEXT, "text/plain": TEXT}
"""Media types of a stanza in a request, with JSON schemas."""

QUERY_BODIES = {**BODIES, "application/json": {}}
"""Those of what an iq asks, which is not always an object."""

SHOWN = {media: schema for media, schema in {**BODIES, "text/xml": TEXT}.items() if media != "text/plain"}
SHOWN |= {"application/x-www-form-urlencoded": TEXT}
"""Media types of a stanza in an answer, with JSON schemas."""

NO_STANZA = "The body can be read, but is no stanza that can be sent."

ANSWERS = {200: SHOWN, 202: "Sent; an iq is answered with its reply instead.", 422: NO_STANZA}
"""Answers to requests that send stanzas."""

P = ParamSpec("P")


async def stanza_in(
    request: Request, content: Request | None, *, kind: str | None = None, type: str | None = None, to: str | None = None
) -> Stanza:
    """Return the stanza in the body of a request; what is given takes the place of what the body says."""
    body = await body_of(content)
    if request.scope["query_string"]:
        refuse_keys_in_query(request)
    if not body and kind is None:
        raise HTTPException(400, "there is no body: send a stanza in JSON, XML, a form or text")
    return as_sent(stanza_json.read, request.content_type, body, kind=kind, type=type, to=to)


def refuse_keys_in_query(request: Request) -> None:
    """Refuse a ``POST`` with keys of its stanza in the query: they would be lost."""
    for key in IN_BODY:
        if key in request.query_params:
            raise HTTPException(400, f"{key} stands in the query: write it into the body")


async def query_in(request: Request, content: Request | None, query: str, to: str) -> Stanza:
    """Return the iq that a body is the query of."""
    return as_sent(stanza_json.read_query, request.content_type, await body_of(content), query, to)


def as_sent(make: Callable[P, Stanza], *arguments: P.args, **keywords: P.kwargs) -> Stanza:
    """Make a stanza; what can be read but is none is 422."""
    try:
        return make(*arguments, **keywords)
    except InvalidStanza as error:
        raise HTTPException(422, str(error)) from None


async def body_of(content: Request | None) -> bytes:
    """Return a body; empty when there is none."""
    return await content.body() if content is not None else b""


async def sent(caller: BoundedService, request: Request, stanza: Stanza) -> Result:
    """Send a stanza for a caller; return the reply to an iq, the ids of a message to a room, else 202 or the confirmation he wants."""
    if stanza.kind != "iq":
        wish = wish_in(request)
        if stanza.kind == "message" and (stanza.type == "groupchat" or "/" in stanza.attributes.get("to", "")):
            if wish is not None and wish.until == "receipt" and stanza.type == "groupchat":
                raise HTTPException(400, "confirm=receipt is for messages to somebody: rooms send none, but each message back")
            answer = await said(caller, stanza)
            if answer is not None:
                return answer
        if wish is not None:
            return await wish.fulfilled(caller, request, stanza)
        await caller.send(stanza)
        return Result("", b"", 202)
    if not stanza.awaits_reply:
        raise HTTPException(422, f"an iq is sent with type get or set, this one has {stanza.type or 'none'!r}")
    replies = await caller.request_all(stanza, timeout_of(request))
    if replies[-1].type == "error" and request.query_params.get("errors") == "http":
        replies[-1].raise_error()
    media = media_for(request)
    return Result(media, stanza_json.write_all(replies, media))


def shown(caller: BoundedService, request: Request, stanza: Stanza) -> Result:
    """Return the stanza as it would be sent, for those who want to see what they do."""
    media = media_for(request)
    return Result(media, stanza_json.write(caller.addressed(stanza), media))


def media_for(request: Request) -> str:
    """Return the media type that the caller wants the answer in."""
    wanted = request.query_params.get("type", "")
    return stanza_json.choose_media_type(request.headers.get("accept", ""), request.content_type, wanted)


def is_for_gateway(name: str, value: str) -> bool:
    """Tell whether a query parameter is for the gateway, and no member of a query; a type that is no media type is a member."""
    return name in ("errors", "api-key") or (name == "type" and (not value or stanza_json.named_type(value) != ""))


def timeout_of(request: Request) -> float:
    """Return the seconds that the caller wants to wait; what is no number counts for nothing."""
    given = request.headers.get("prosody-rest-timeout")
    try:
        seconds = float(given) if given else TIMEOUT
    except ValueError:
        return TIMEOUT
    return min(max(seconds, 0.001), MAX_TIMEOUT) if seconds == seconds else TIMEOUT
