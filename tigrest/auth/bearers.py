"""Bearer tokens of all kinds: which kind one is shows in its form. RFC 6750 §2.1"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from tigrest.auth.issuer_tokens import IssuerTokens
from tigrest.auth.server_tokens import SERVER_TOKEN_NAME, ServerTokens
from tigrest.auth.token_store import TOKEN_PREFIX, Token
from tigrest.auth.tokens import Tokens, token_of
from tigrest.errors import NotSupported


class Bearers:
    """Find whom the token of a request stands for.

    A new kind is one more argument here: it has ``cached`` and ``find``, and a form by which :meth:`find` knows it.

    Args:
        own: those of the gateway, which begin with :data:`~tigrest.auth.token_store.TOKEN_PREFIX`.
        issuers: those of identity providers, which say that they are from one that is configured.
        server: those of the XMPP server: all others, where it takes any.
    """

    def __init__(self, own: Tokens, issuers: IssuerTokens, server: ServerTokens) -> None:
        self._own, self._issuers, self._server = own, issuers, server

    def cached(self, authorization: bytes, address: str) -> Token | None:
        """Return the token of a header that is fresh in a cache; ``None`` to :meth:`find`.

        Args:
            authorization: value of the header.
            address: IP address of the caller; empty when it is unknown.
        """
        return (
            self._own.cached(authorization, address)
            or self._issuers.cached(authorization, address)
            or self._server.cached(authorization, address)
        )

    async def find(self, authorization: bytes, address: str) -> Token:
        """Return the token of a header, checked by whoever can check its kind.

        Args:
            authorization: value of the header.
            address: IP address of the caller; empty when it is unknown.

        Raises:
            InvalidToken: it is not accepted; the message says why.
            TooManyFailures: too many failed logins from that network lately.
            Unavailable: it cannot be checked now.
        """
        text = token_of(authorization)
        if not text.startswith(TOKEN_PREFIX):
            if self._issuers.recognises(text):
                return await self._issuers.find(authorization, address)
            if self._server.is_supported:
                with suppress(NotSupported):
                    return await self._server.find(authorization, address)
        return await self._own.find(authorization, address)

    async def ended(self, names: Collection[str]) -> set[str]:
        """Return which tokens are revoked or have expired; none while they cannot be looked up.

        Args:
            names: of the tokens.
        """
        of_issuers = {name for name in names if self._issuers.knows_name(name)}
        ended = await self._issuers.ended(of_issuers)
        own = set(names) - of_issuers - {SERVER_TOKEN_NAME}  # as little is known of the end of a token of the server as of a password
        return ended | (await self._own.ended(own) if own else set())
