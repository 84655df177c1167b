"""Stanzas as XML, JSON, forms or text, the way Prosody's mod_rest takes them."""

from tigrest import Handler, Principal, Request, Result, Service, stanza_json

from ._multipart import MULTIPART, UPLOAD_SECONDS, is_multipart, stanza_in_form
from ._sending import (
    ANSWERS,
    BODIES,
    MAX_TIMEOUT,
    NO_STANZA,
    QUERY_BODIES,
    SHOWN,
    as_sent,
    is_for_gateway,
    query_in,
    sent,
    shown,
    stanza_in,
)

ASKING, CHANGING = "|".join(sorted(stanza_json.ASKING)), "|".join(sorted(stanza_json.CHANGING))


class Stanzas(Handler):
    """Send a stanza; an iq is answered with its reply."""

    regex = r"/?"
    requiredRole = "user"
    decodeContent = False
    idempotencyKey = True
    takesUploads = True
    timeout = UPLOAD_SECONDS
    description = {
        "regex": "",
        "POST": {
            "info": "Send a stanza in JSON, XML, a form or plain text",
            "description": "An iq of type get or set is answered with its reply, be it a result or an error, everything else with "
            "202; or with its confirmation, where ?confirm=server, ?confirm=receipt or Prefer: wait=5 asks for that. Without from it is "
            "from the caller's address at the gateway, without to for himself.",
            "request": '{"kind": "message", "type": "chat", "to": "alice@example.com", "body": "Hello"}',
            "accepts": {**BODIES, MULTIPART: {"type": "object"}},
            "answers": ANSWERS,
        },
    }

    async def exec_post(self, service: Service, principal: Principal, request: Request, content: Request | None) -> Result:
        caller = service.for_(principal)
        if is_multipart(request):
            return await sent(caller, request, await stanza_in_form(caller, request))
        return await sent(caller, request, await stanza_in(request, content))


class Echo(Handler):
    """Show a stanza as it would be sent."""

    regex = r"/echo"
    requiredRole = "user"
    decodeContent = False
    description = {
        "POST": {
            "info": "Show a stanza as it would be sent, without sending it",
            "request": '{"body": "Hello", "to": "alice@example.com"}',
            "accepts": BODIES,
            "answers": {200: SHOWN, 422: NO_STANZA},
        },
    }

    async def exec_post(self, service: Service, principal: Principal, request: Request, content: Request | None) -> Result:
        return shown(service.for_(principal), request, await stanza_in(request, content))


class Path(Handler):
    """Send a stanza whose kind, type and to stand in the path."""

    regex = r"/(message|presence|iq)/([^/]+)/((?s:.*))"
    requiredRole = "user"
    decodeContent = False
    idempotencyKey = True
    takesUploads = True
    timeout = UPLOAD_SECONDS
    description = {
        "regex": "/{kind}/{type}/{to}",
        "example": "/message/chat/alice@example.com",
        "POST": {
            "info": "Send a stanza whose kind, type and to stand in the path",
            "description": "The kind is message, presence or iq. The rest is in the body; that of a message may be plain text, or a form "
            "with a file. For an iq the second segment may be a query such as version instead of get or set: the body is what is asked.",
            "request": '{"body": "Hello"}',
            "accepts": {**QUERY_BODIES, MULTIPART: {"type": "object"}},
            "answers": ANSWERS,
        },
    }

    async def exec_post(
        self, service: Service, principal: Principal, request: Request, content: Request | None, kind: str, type: str, to: str
    ) -> Result:
        caller = service.for_(principal)
        if kind == "iq" and type not in ("get", "set", "result", "error"):
            stanza = await query_in(request, content, type, to)
        elif is_multipart(request):
            stanza = await stanza_in_form(caller, request, kind=kind, type=type, to=to)
        else:
            stanza = await stanza_in(request, content, kind=kind, type=type, to=to)
        return await sent(caller, request, stanza)


class Query(Handler):
    """Ask somebody something by an iq."""

    regex = rf"/({ASKING})/((?s:.*))"
    requiredRole = "user"
    timeout = MAX_TIMEOUT + 10
    description = {
        "regex": "/{query}/{to}",
        "example": "/version/example.com",
        "GET": {
            "info": "Ask for something: ping, version, disco, items, lastactivity, …",
            "description": "Query parameters are members of the query, e.g. ?node=… of disco; but type=json, xml or html is the form of "
            "the answer.",
            "answers": {200: SHOWN, 422: NO_STANZA},
        },
    }

    async def exec_get(self, service: Service, principal: Principal, request: Request, query: str, to: str) -> Result:
        parameters = {name: value for name, value in request.query_params.items() if not is_for_gateway(name, value)}
        return await sent(service.for_(principal), request, as_sent(stanza_json.from_parameters, query, parameters, to))


class Change(Handler):
    """Send an iq of type set, which a GET never does."""

    regex = rf"/({CHANGING})/((?s:.*))"
    requiredRole = "user"
    decodeContent = False
    idempotencyKey = True
    timeout = MAX_TIMEOUT + 10
    description = {
        "regex": "/{query}/{to}",
        "example": "/command/example.com",
        "POST": {
            "info": "Have something done: block, command",
            "description": "The same as /iq/{query}/{to}: the body is what is asked.",
            "login": "admin",
            "request": '{"node": "http://jabber.org/protocol/admin#get-registered-users-list"}',
            "accepts": QUERY_BODIES,
            "answers": {200: SHOWN, 422: NO_STANZA},
        },
    }

    async def exec_post(
        self, service: Service, principal: Principal, request: Request, content: Request | None, query: str, to: str
    ) -> Result:
        return await sent(service.for_(principal), request, await query_in(request, content, query, to))
