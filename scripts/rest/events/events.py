"""Event stream of what comes in for the gateway's addresses."""

from tigrest import JID, Events, Handler, Principal, Request, Service, StreamingResponse, inject

HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
"""For proxies: do not keep it, do not hold it back."""


class LiveEvents(Handler):
    """Messages, presence and iqs for your own address of the gateway, as Server-Sent Events."""

    regex = r"/?"
    requiredRole = "user"
    events: Events = inject()
    description = {
        "regex": "",
        "GET": {
            "info": "Receive stanzas live",
            "description": "Server-Sent Events: message, presence and iq, each with the stanza as JSON. Last-Event-ID (a header, or the "
            "query parameter last-event-id) goes on behind an event. Admins may ask for ?address=, any of the gateway's, or * for all.",
            "curl": "-N",
            "answers": {200: {"text/event-stream": {"type": "string"}}},
        },
    }

    async def exec_get(self, service: Service, principal: Principal, user: JID, request: Request) -> StreamingResponse:
        query = request.query_params
        wanted = query.get("address")
        address = None if wanted == "*" else JID(wanted) if wanted else service.address_of(user)
        service.policy.require(principal, "listen", address)
        last_id = request.headers.get("last-event-id") or query.get("last-event-id", "")
        token = principal.name if principal.via == "bearer" else ""
        stream = self.events.subscribe(address, user, last_id, token)
        return StreamingResponse(stream, headers=HEADERS, media_type="text/event-stream")
