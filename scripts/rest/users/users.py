"""Accounts, all of them."""

from typing import Any

from tigrest import JID, Handler, HTTPException, Service

from .._content import DOCUMENT


class Users(Handler):
    """List the accounts, of all domains or of one."""

    regex = r"/?([^/]+)?"
    requiredRole = "admin"
    description = {
        "regex": "/[{domain}]",
        "GET": {
            "info": "List the accounts",
            "response": {"users": {"items": ["alice@example.com", "bob@example.com"], "count": 2, "domain": "example.com"}},
            "answers": {200: DOCUMENT},
        },
    }

    async def exec_get(self, service: Service, domain: JID | None) -> dict[str, Any]:
        if domain is not None and (domain.local or domain.resource):
            raise HTTPException(400, f"{domain} is not a domain; /rest/user/{domain.bare} is about one account")
        users = await service.users.list(domain)
        found: dict[str, Any] = {"items": users, "count": len(users)}
        if domain is not None:
            found["domain"] = domain
        return {"users": found}
