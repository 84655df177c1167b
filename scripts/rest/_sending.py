"""What the handlers of stanzas share: who sends, what is answered, and how long one waits."""

from tigrest import HTTPException, Result
from tigrest.errors import InvalidStanza
from tigrest.formats.stanza_json.media_types import choose_media_type
from tigrest.formats.stanza_json.representations import read, read_query, write, write_all

TIMEOUT = 30.0
"""Seconds that an iq waits for its reply unless the request says otherwise."""

MAX_TIMEOUT = 300.0
"""Longest it may say, with ``Prosody-Rest-Timeout``."""


async def stanza_in(request, content, **overrides):
    """The stanza in the body of a request."""
    return as_sent(read, content_type(request), await body_of(content), **overrides)


async def query_in(request, content, query, to):
    """The iq that a body is the query of."""
    return as_sent(read_query, content_type(request), await body_of(content), query, to)


def as_sent(make, *arguments, **overrides):
    """Make a stanza; what can be read but is none is 422."""
    try:
        return make(*arguments, **overrides)
    except InvalidStanza as error:
        raise HTTPException(422, str(error)) from None


def content_type(request):
    return request.headers.get("content-type", "")


async def body_of(content):
    return await content.body() if content is not None else b""


async def sent(caller, request, stanza):
    """Send a stanza for a caller; the reply to an iq, 202 for everything else."""
    if stanza.kind != "iq":
        await caller.send(stanza)
        return Result("", b"", 202)
    if not stanza.awaits_reply:
        raise HTTPException(422, f"an iq is sent with type get or set, this one has {stanza.type or 'none'!r}")
    replies = await caller.request_all(stanza, timeout_of(request))
    if replies[-1].type == "error" and request.query_params.get("errors") == "http":
        replies[-1].raise_error()
    media = media_for(request)
    return Result(media, write_all(replies, media))


def shown(caller, request, stanza):
    """Return the stanza as it would be sent, for those who want to see what they do."""
    media = media_for(request)
    return Result(media, write(caller.addressed(stanza), media))


def media_for(request):
    """The form that the caller wants the answer in."""
    return choose_media_type(request.headers.get("accept", ""), content_type(request))


def timeout_of(request):
    """How long the caller wants to wait."""
    given = request.headers.get("prosody-rest-timeout")
    try:
        seconds = float(given) if given else TIMEOUT
    except ValueError:
        return TIMEOUT
    return min(max(seconds, 0.001), MAX_TIMEOUT) if seconds == seconds else TIMEOUT
