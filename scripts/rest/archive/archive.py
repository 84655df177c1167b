"""Reading message archives. XEP-0313"""

from typing import Any

from tigrest import (
    BoundedService,
    Handler,
    HTTPException,
    Principal,
    Request,
    Result,
    Service,
    Stanza,
    StanzaError,
    TigrestError,
    stanza_json,
)

from .._sending import MAX_TIMEOUT, NO_STANZA, TEXT, as_sent, is_for_gateway, timeout_of

PAGE = "50"
"""Most messages of an answer unless the request says otherwise."""

PLACES = ("after", "after-id", "before", "before-id", "ids", "start")
"""Parameters that say where a page begins or ends; without them it is the newest one."""

ARCHIVES = "urn:xmpp:mam:"
"""Beginning of the features of entities with an archive."""

ABSENT = ("feature-not-implemented", "service-unavailable")
"""Conditions of errors of entities that have none, and of those that are not there."""

MESSAGE = {
    "type": "object",
    "properties": {"id": TEXT, "delay": TEXT, "message": {"$ref": "#/components/schemas/Stanza"}},
}
FOUND = {
    "type": "object",
    "properties": {
        "messages": {"type": "array", "items": MESSAGE},
        "complete": {"type": "boolean"},
        "first": TEXT,
        "last": TEXT,
        "count": {"type": "integer"},
    },
    "required": ["messages", "complete"],
}


KEPT = (*ABSENT, "forbidden", "not-allowed")
"""Conditions of errors of servers that show archives to their owners only: Prosody says the second of the first, ejabberd the last."""


class Archive(Handler):
    """Read the archive of a room, or one's own where the server shows it to the gateway."""

    regex = r"/((?s:.*))"
    requiredRole = "user"
    timeout = MAX_TIMEOUT + 10
    description = {
        "regex": "/{jid}",
        "example": "/alice@example.com",
        "GET": {
            "info": "Read the archive of a room, or one's own",
            "description": "Query parameters: with, start, end, max (50), before and after, which take an id of first or last. Without "
            "any of them the newest messages come. What the archive answers beyond them is in the answer as it comes.",
            "answers": {
                200: {"application/json": FOUND, "application/xml": TEXT, "application/xmpp+xml": TEXT},
                403: "The archive is not for the caller.",
                404: "There is nobody, or no message with such an id.",
                422: NO_STANZA,
                501: "There is no archive, or the server does not let the gateway ask.",
            },
        },
    }

    async def exec_get(self, service: Service, principal: Principal, request: Request, jid: str) -> Result:
        parameters = {name: value for name, value in request.query_params.items() if not is_for_gateway(name, value)}
        if parameters.keys().isdisjoint(PLACES):
            parameters["before"] = ""
        query = as_sent(stanza_json.from_parameters, "archive", {"max": PAGE} | parameters, jid)
        caller = service.for_(principal)
        *messages, end = await caller.request_all(query, timeout_of(request))
        if (error := end.error) is not None:
            raise await explained(caller, jid, error)
        media = stanza_json.choose_media_type(request.headers.get("accept", ""), "application/json", request.query_params.get("type", ""))
        if "xml" in media:
            return Result(media, stanza_json.write_all([*messages, end], media))
        return Result("application/json", page_of(messages, end))


async def explained(caller: BoundedService, jid: str, error: StanzaError) -> Exception:
    """Return what to tell a caller who gets no archive: that there is none, that it is kept from the gateway, or the error itself."""
    if error.condition in ABSENT and await lacks_archive(caller, jid):
        return HTTPException(501, f"{jid} has no archive (XEP-0313)")
    if error.condition in KEPT and caller.principal.jid == jid:
        return HTTPException(501, f"the server shows the archive of {jid} to his own clients only, not to the gateway ({error})")
    return error


async def lacks_archive(caller: BoundedService, jid: str) -> bool:
    """Return whether an entity tells what it can do, and an archive is not among it."""
    try:
        reply = await caller.request(stanza_json.from_parameters("disco", {}, jid))
        found: dict[str, Any] = stanza_json.to_json(reply.raise_error())
    except TigrestError:
        return False
    return not any(feature.startswith(ARCHIVES) for feature in found.get("disco", {}).get("features", []))


def page_of(messages: list[Stanza], end: Stanza) -> dict[str, Any]:
    """Return a page of an archive as JSON. XEP-0313 §4.2, XEP-0059 §2"""
    found = []
    for message in messages:
        result = stanza_json.to_json(message).get("archive", {})
        forward = result.get("forward", {})
        found.append({"id": result.get("id"), "delay": forward.get("delay"), "message": forward.get("message", {})})
    result = stanza_json.to_json(end).get("result", {})
    page = result.get("page", {})
    known = {name: page[name] for name in ("first", "last", "count") if name in page}
    return {"messages": found, "complete": bool(result.get("complete")), **known}
