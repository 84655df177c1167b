"""Accounts, one by one."""

from collections.abc import Mapping
from typing import Any

from tigrest import JID, Handler, HTTPException, Service

from .._content import DOCUMENT, decoded

EXISTS = "There is such an account already."
USER = {"user": {"jid": "alice@example.com", "domain": "example.com", "isAdmin": False}}


class User(Handler):
    """Look at, create, change and delete an account."""

    regex = r"/([^/]+)"
    requiredRole = "admin"
    description = {
        "regex": "/{jid}",
        "GET": {"info": "Get an account", "response": USER, "answers": {200: DOCUMENT}},
        "PUT": {
            "info": "Create an account",
            "example": "/carol@example.com",
            "request": {"user": {"password": "secret", "email": "carol@example.com"}},
            "response": USER,
            "answers": {200: DOCUMENT, 409: EXISTS},
        },
        "POST": {
            "info": "Change the password of an account",
            "example": "/carol@example.com",
            "request": {"user": {"password": "secret"}},
            "response": USER,
            "answers": {200: DOCUMENT},
        },
        "DELETE": {
            "info": "Delete an account and all it owns",
            "example": "/carol@example.com",
            "response": USER,
            "answers": {200: DOCUMENT},
        },
    }

    async def exec_get(self, service: Service, jid: JID) -> dict[str, Any] | None:
        jid = account(service, jid)
        return as_dict(service, jid) if await service.users.exists(jid) else None

    async def exec_put(self, service: Service, content: Any, jid: JID) -> dict[str, Any]:
        jid = account(service, jid)
        user = user_of(content)
        await service.users.add(jid, password_of(user), str(user["email"]) if user.get("email") else None)
        return as_dict(service, jid)

    async def exec_post(self, service: Service, content: Any, jid: JID) -> dict[str, Any]:
        jid = account(service, jid)
        await service.users.set_password(jid, password_of(user_of(content)))
        return as_dict(service, jid)

    async def exec_delete(self, service: Service, jid: JID) -> dict[str, Any]:
        jid = account(service, jid)
        await service.users.remove(jid)
        return as_dict(service, jid)


def account(service: Service, jid: JID) -> JID:
    """Return the bare address of an account; a local part alone is one of our domain."""
    return jid.bare if jid.local else JID(f"{jid.domain}@{service.domain}")


def user_of(content: Any) -> Mapping[str, Any]:
    """Return what stands under ``user`` in the body."""
    content = decoded(content)
    user: Any = content.get("user") if isinstance(content, dict) else None
    if not isinstance(user, dict):
        raise HTTPException(400, 'send {"user": {"password": "…"}} as JSON, or the same as XML')
    if "isAdmin" in user:
        raise HTTPException(400, "who is an admin is configured in [auth] admins; leave isAdmin out")
    return user


def password_of(user: Mapping[str, Any]) -> str:
    """Return the password, which must be text and not empty."""
    password = user.get("password")
    if not isinstance(password, str) or not password:
        raise HTTPException(400, "user.password is missing")
    return password


def as_dict(service: Service, jid: JID) -> dict[str, Any]:
    """Return an account as the answer shows it."""
    return {"user": {"jid": jid, "domain": jid.domain, "isAdmin": service.is_admin(jid)}}
