"""What comes in for the gateway's addresses, live."""

from starlette.responses import StreamingResponse

from tigrest import JID, Handler, HTTPException, inject
from tigrest.events import Events

#: For proxies: do not keep it, do not hold it back.
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


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
        },
    }

    async def exec_get(self, service, user, request):
        query = request.query_params
        address = whose(service, user, query.get("address"))
        last_id = request.headers.get("last-event-id") or query.get("last-event-id", "")
        stream = self.events.subscribe(address, user, last_id)
        return StreamingResponse(stream, headers=HEADERS, media_type="text/event-stream")


def whose(service, user, wanted):
    """The address to read; ``None`` for all."""
    own = service.address_of(user)
    address = own if not wanted else None if wanted == "*" else JID(wanted)
    if not service.is_admin(user):
        if address != own:
            raise HTTPException(403, f"only admins may read other addresses than their own, which is {own}")
        if own == service.jid:
            raise HTTPException(403, f"all users share {own} here, so only admins may read it")
    return address
