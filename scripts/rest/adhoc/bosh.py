"""BOSH sessions that are logged in already, for a client in a browser to go on with (XEP-0124, XEP-0206)."""

from collections.abc import Mapping, Sequence
from typing import Any

from tigrest import (
    JID,
    BoshEndpoint,
    Handler,
    HTTPException,
    Principal,
    Request,
    Service,
    TigrestError,
    read_argument,
)

from .._content import DOCUMENT
from .._prebind import NODE, expect_offered, first_rid, opened_by_server, password_of_login
from ._command import Shown, as_dict, command_of, executed, expect_known, fields_of, listed, text

Given = Mapping[str, Sequence[str] | None]

NAME = "Pre-bind BOSH user session"
KNOWN = ("from", "hold", "wait", "password")
"""Names of its fields."""


class Bosh(Handler):
    """Open a BOSH session and log a user in; what else is asked of bosh@domain goes there."""

    regex = r"/bosh@([^/]+)"
    requiredRole = "user"
    description = {
        "regex": "/bosh@{domain}",
        "GET": {
            "info": "List the ad-hoc commands of bosh@domain",
            "response": {"items": [{"jid": "bosh@example.com", "node": NODE, "name": NAME}]},
            "answers": {200: DOCUMENT},
        },
        "POST": {
            "info": "Pre-bind a BOSH session",
            "description": "Logs a user in with the password of your own login, and binds the resource of from, or a random one. "
            "A client goes on with sid and rid: rid is that of its first request. Admins log in others with their password in "
            "the field password. Without fields the form comes back.",
            "request": {
                "command": {
                    "node": NODE,
                    "fields": [
                        {"var": "from", "value": "alice@example.com/web"},
                        {"var": "hold", "value": "1"},
                        {"var": "wait", "value": "60"},
                    ],
                }
            },
            "response": {
                "command": {
                    "jid": "bosh@example.com",
                    "node": NODE,
                    "fields": [
                        {"var": "from", "label": "jid-single", "value": "alice@example.com/web"},
                        {"var": "hostname", "label": "jid-single", "value": "example.com"},
                        {"var": "rid", "label": "text-single", "value": "9929332"},
                        {"var": "sid", "label": "text-single", "value": "3f1b6e70-8528-44bb-8f23-77e7c4a8cf1a"},
                        {"var": "hold", "label": "text-single", "value": "1"},
                        {"var": "wait", "label": "text-single", "value": "60"},
                    ],
                }
            },
            "answers": {200: DOCUMENT},
        },
    }

    async def exec_get(self, service: Service, principal: Principal, domain: str) -> Shown:
        jid, caller = JID(f"bosh@{domain}"), service.for_(principal)
        if service.bosh is None or jid.domain != service.domain:
            return await listed(caller, jid)
        try:
            offered = await listed(caller, jid)
        except TigrestError:
            offered = {"items": []}
        return offered if offered["items"] else {"items": [{"jid": jid, "node": NODE, "name": NAME}]}

    async def exec_post(self, service: Service, principal: Principal, user: JID, request: Request, content: Any, domain: str) -> Shown:
        jid, caller = JID(f"bosh@{domain}"), service.for_(principal)
        command = command_of(content)
        if text(command, "node") != NODE or jid.domain != service.domain:
            return await executed(caller, jid, command)
        values = fields_of(command.get("fields"))
        if service.bosh is None and not values:
            await expect_offered(service, jid)
            if principal.is_admin:
                return await executed(caller, jid, command)
        if not values:
            return answer(jid, [field("from", user, "jid-single"), field("hold", 1), field("wait", 60)])
        expect_known(values, KNOWN, "pre-bind-bosh-session: field ")
        whose = JID(one(values, "from")) if one(values, "from") else user
        if service.bosh is None:
            return await prebound_by_server(service, principal, request, whose, values)
        password = password_of(service, principal, request, whose, one(values, "password"))
        return answer(jid, await prebound(service.bosh, whose, password, values))


async def prebound_by_server(service: Service, principal: Principal, request: Request, whose: JID, values: Given) -> Shown:
    """Open a session by the server's own command, and return its answer. An admin needs no password there."""
    is_asked = not principal.is_admin
    password = password_of(service, principal, request, whose, one(values, "password")) if is_asked else ""
    hold, wait = numbers_of(values)
    reply = await opened_by_server(service, principal, whose, password, hold, wait)
    shown = as_dict(reply)
    for each in shown["fields"]:
        if each["var"] == "rid":
            each["value"] = str(first_rid(reply))
    return {"command": shown}


def numbers_of(values: Given) -> tuple[int, int]:
    """Return hold and wait."""
    hold, wait = (read_argument(int, one(values, name) or default, name) for name, default in (("hold", 1), ("wait", 60)))
    return hold, wait


async def prebound(bosh: BoshEndpoint, whose: JID, password: str, values: Given) -> list[Shown]:
    """Open a session, and return it as the guide prints it."""
    hold, wait = numbers_of(values)
    session = await bosh.prebind(whose, password, hold, wait)
    return [
        field("from", session.jid, "jid-single"),
        field("hostname", session.host, "jid-single"),
        field("rid", session.rid),
        field("sid", session.sid),
        field("hold", session.hold),
        field("wait", session.wait),
    ]


def password_of(service: Service, principal: Principal, request: Request, whose: JID, given: str) -> str:
    """Return the password to log in with: the caller's own, or for admins the one they give."""
    service.policy.require(principal, "act_as", whose)
    if given and not principal.is_admin:
        raise HTTPException(403, "the field password is for admins; yours is that of your login")
    if given:
        return given
    if whose.bare != principal.jid:
        raise HTTPException(400, f"give the password of {whose.bare} in the field password")
    return password_of_login(request, principal, service)


def one(values: Given, name: str) -> str:
    """Return the only value of a field; empty when there is none."""
    found = values.get(name) or []
    if len(found) > 1:
        raise HTTPException(400, f"field {name} must have one value")
    return found[0] if found else ""


def field(var: str, value: object, kind: str = "text-single") -> Shown:
    """Return a field of the answer."""
    return {"var": var, "label": kind, "value": str(value)}


def answer(jid: JID, fields: Sequence[Shown]) -> Shown:
    """Return the answer to the command."""
    return {"command": {"jid": jid, "node": NODE, "fields": fields}}
