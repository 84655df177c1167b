"""Ad-hoc commands (XEP-0050) of any XMPP entity."""

from typing import Any

from tigrest import JID, Handler, Principal, Service

from .._content import DOCUMENT
from ._command import Shown, command_of, executed, listed

NODE = "http://jabber.org/protocol/admin#get-active-users"
FIELDS = [{"var": "domainjid", "value": "example.com"}, {"var": "max_items", "value": "25"}]


class AdHoc(Handler):
    """List the commands of an entity, fetch their forms, execute them."""

    regex = r"/([^/]+)"
    requiredRole = "user"
    idempotencyKey = True
    description = {
        "regex": "/{jid}",
        "example": "/sess-man@example.com",
        "GET": {
            "info": "List the ad-hoc commands of an entity",
            "response": {"items": [{"jid": "sess-man@example.com", "node": NODE, "name": "Get list of active users"}]},
            "answers": {200: DOCUMENT},
        },
        "POST": {
            "info": "Execute an ad-hoc command",
            "login": "admin",
            "description": "Without fields the form comes back. Fields that are not given keep what the form has; text of several "
            "lines is sent as such where the form takes it. A stage that asks for more comes back, and goes on with the sessionid "
            "of the answer and, if wanted, an action: next, prev, complete or cancel.",
            "request": {"command": {"node": NODE, "fields": FIELDS}},
            "response": {
                "command": {
                    "jid": "sess-man@example.com",
                    "node": NODE,
                    "fields": [{"var": "Users: 1", "label": "text-multi", "value": ["alice@example.com"]}],
                }
            },
            "answers": {200: DOCUMENT},
        },
    }

    async def exec_get(self, service: Service, principal: Principal, jid: JID) -> Shown:
        return await listed(service.for_(principal), jid)

    async def exec_post(self, service: Service, principal: Principal, content: Any, jid: JID) -> Shown:
        return await executed(service.for_(principal), jid, command_of(content))


class ClientAdHoc(Handler):
    """List the commands of one client, such as a bot, fetch their forms, execute them."""

    regex = r"/([^/]+/(?s:.+))"
    requiredRole = "user"
    idempotencyKey = True
    description = {
        "regex": "/{jid}/{resource}",
        "example": "/bot@example.com/desk",
        "GET": {"info": "List the ad-hoc commands of a client", "answers": {200: DOCUMENT}},
        "POST": {
            "info": "Execute an ad-hoc command of a client",
            "request": {"command": {"node": "uptime"}},
            "answers": {200: DOCUMENT},
        },
    }

    async def exec_get(self, service: Service, principal: Principal, jid: JID) -> Shown:
        return await listed(service.for_(principal), jid)

    async def exec_post(self, service: Service, principal: Principal, content: Any, jid: JID) -> Shown:
        return await executed(service.for_(principal), jid, command_of(content))
