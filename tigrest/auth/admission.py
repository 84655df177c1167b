"""Authentication and authorisation of requests: API key (403), login (401), role (403), in this order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Protocol

from tigrest.auth.api_keys import ApiKeys, key_of_request
from tigrest.auth.bearers import Bearers
from tigrest.auth.logins import Logins
from tigrest.auth.principal import NOBODY, Principal
from tigrest.auth.token_store import Token
from tigrest.auth.tokens import is_bearer, principal_of
from tigrest.errors import KeyRequired, RoleRequired
from tigrest.xmpp.jid import JID


class Requirements(Protocol):
    """The requirements of a handler on its callers."""

    @property
    def role(self) -> str | None:
        """Return the role it requires: ``None``, ``user`` or ``admin``."""

    @property
    def api_key(self) -> bool:
        """Return whether it requires an API key."""

    def auth_required(self, api_key: str | None) -> bool:
        """Return whether it requires a login.

        Args:
            api_key: name of the valid key that came with the request; ``None`` when there is none.
        """


class Admission:
    """Authenticates callers, and checks that they may call a handler.

    The ways in, of which all but the first are in :meth:`log_in`:

    ==================================  ==============================================================
    API key                             :class:`~tigrest.auth.api_keys.ApiKeys`, for handlers with one
    Basic: password, or server's token  :class:`~tigrest.auth.logins.Logins`
    Bearer: token of whichever kind     :class:`~tigrest.auth.bearers.Bearers`
    ==================================  ==============================================================

    Args:
        logins: checks credentials.
        api_keys: checks API keys.
        bearers: checks tokens of all kinds.
        roles_of: gives the roles of a bare address that has logged in.
    """

    def __init__(self, logins: Logins, api_keys: ApiKeys, bearers: Bearers, roles_of: Callable[[JID], frozenset[str]]) -> None:
        self._logins, self._api_keys, self._bearers, self._roles_of = logins, api_keys, bearers, roles_of
        self._make = lru_cache(maxsize=4096)(self._user)
        self._bearer = lru_cache(maxsize=4096)(self._with_roles)

    def forget_roles(self) -> None:
        """Ask for the roles of callers anew, since the admins have changed."""
        self._make.cache_clear()
        self._bearer.cache_clear()

    async def admit(
        self, requirements: Requirements, path: str, query_string: bytes, headers: Mapping[bytes, bytes], address: str
    ) -> Principal:
        """Authenticate a caller, and check that he may call a handler.

        Args:
            requirements: of the handler that he calls.
            path: of the request, decoded, without the query.
            query_string: of the request.
            headers: by name in lower case.
            address: IP address of the caller; empty when it is unknown.

        Returns:
            Who he is.

        Raises:
            KeyRequired: there is no API key, or it is not accepted.
            LoginRequired: there is no login, or it is not accepted.
            RoleRequired: he lacks the role.
            TooManyFailures, NotConnected: as :meth:`~tigrest.auth.logins.Logins.login`.
        """
        given = key_of_request(query_string, headers)
        key = None
        if given is not None:
            host = headers.get(b"host", b"").decode("latin-1")
            key = self._api_keys.known(given, path, host, address) or await self._api_keys.find(given, path, host, address)
        is_open = requirements.api_key and key is None and self._api_keys.open_access
        if requirements.api_key and key is None and not is_open:
            how = "is not accepted here" if given is not None else "is needed: send it as header Api-Key or query parameter api-key"
            raise KeyRequired(f"an API key {how}")
        required = requirements.auth_required(key.name if key else "open_access" if is_open else None)
        authorization = headers.get(b"authorization")
        if authorization is None and not required:
            return Principal(None, NOBODY, "open" if is_open else "key", key.name if key else "", address)
        if authorization is None and given is not None and key is None:
            raise KeyRequired("the API key is not accepted here, and there is no login either")
        principal = self._cached(authorization, address) or await self.log_in(authorization, address)
        needs_role = required or not principal.roles  # a token that is for something else does not stand for its owner
        if needs_role and requirements.role not in principal.roles and requirements.role is not None:
            raise RoleRequired(_refusal(principal, requirements.role))
        return principal

    def _cached(self, authorization: bytes | None, address: str) -> Principal | None:
        """Return the caller of a header that was checked lately, as most are; ``None`` to :meth:`log_in`."""
        if authorization is None:
            return None
        if authorization.startswith(b"Basic "):
            jid = self._logins.cached(authorization)
            return None if jid is None else self._make(jid, address)
        token = self._bearers.cached(authorization, address) if authorization.startswith(b"Bearer ") else None
        return None if token is None else self._bearer(token, address)

    async def log_in(self, authorization: bytes | None, address: str) -> Principal:
        """Authenticate a caller by his login alone.

        Args:
            authorization: value of the ``Authorization`` header; ``None`` when there is none.
            address: IP address of the caller; empty when it is unknown.

        Raises:
            LoginRequired, TooManyFailures, NotConnected: as :meth:`~tigrest.auth.logins.Logins.login`.
            InvalidToken, Unavailable: as :meth:`~tigrest.auth.bearers.Bearers.find`.
        """
        if authorization is not None and is_bearer(authorization):
            token = self._bearers.cached(authorization, address) or await self._bearers.find(authorization, address)
            return self._bearer(token, address)
        caller = await self._logins.login(authorization, address)
        return self._bearer(caller, address) if isinstance(caller, Token) else self._make(caller, address)

    def _with_roles(self, token: Token, address: str) -> Principal:
        return principal_of(token, self._roles_of(token.owner), address)

    def _user(self, jid: JID, address: str) -> Principal:
        return Principal(jid, self._roles_of(jid), "basic", "", address)


def _refusal(principal: Principal, role: str) -> str:
    """Say why somebody lacks a role."""
    if principal.via == "bearer":
        if role == "admin":
            return f"the token {principal.name} of {principal.jid} lacks the scope admin, or its owner is no admin ([auth] admins)"
        return f"the token {principal.name} of {principal.jid} lacks a scope for what demands the role {role}: user, or rest for handlers"
    return f"{principal.jid} is not an admin ([auth] admins)"
