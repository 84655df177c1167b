"""Grants by the consent of a user on a page: by the code that his browser brought, or by the device that he has typed the code of."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

from tigrest.auth.client_store import Client
from tigrest.auth.code_store import CodeGrant, CodeStore
from tigrest.auth.device_store import DeviceStore
from tigrest.auth.token_families import TokenClaim
from tigrest.http.replies import Reply
from tigrest.oauth.parameters import Parameters, required
from tigrest.oauth.problems import OAuthError, unknown_client
from tigrest.oauth.token_issuer import Issue, TokenIssuer
from tigrest.xmpp.jid import JID

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class ConsentGrants:
    """Issues tokens for what users have granted on the page.

    Args:
        issuer: makes them.
        codes: what was granted to clients whose users came by a redirection.
        devices: what was granted to devices.
    """

    def __init__(self, issuer: TokenIssuer, codes: CodeStore, devices: DeviceStore) -> None:
        self._issuer, self._codes, self._devices = issuer, codes, devices

    async def by_code(self, client: Client | None, parameters: Parameters, address: str) -> Reply:
        """Issue tokens for an authorisation code, once. RFC 6749 §4.1.3

        Whoever brings a used code revokes its tokens only when he answers its challenge too: a code alone may have been seen by many.
        """
        code = required(parameters, "code")
        if client is None:
            raise unknown_client("the parameter client_id is missing")
        found = await self._codes.find(code)
        if found is None or found.grant.client != client.id:
            raise OAuthError("invalid_grant", "the code is unknown, or is another client's")
        _check_redirection(found.grant, parameters)
        check_verifier(found.grant.challenge, parameters.get("code_verifier", ""))
        what = f"the authorisation code of {found.grant.owner}"
        if found.family:
            raise await self._issuer.end_reused(found.family, what)
        if found.is_over:
            raise OAuthError("invalid_grant", "the code has expired")
        reply = await self._issue(client, found.grant.owner, found.grant.scope, address, claim=self._codes.claim(found.digest))
        if reply is None:
            again = await self._codes.find(code)
            raise await self._issuer.end_reused(again.family if again is not None else "", what)
        return reply

    async def by_device(self, client: Client | None, parameters: Parameters, address: str) -> Reply:
        """Issue tokens for a device, once its user has granted that. RFC 8628 §3.4–3.5"""
        code = required(parameters, "device_code")
        if client is None:
            raise unknown_client("the parameter client_id is missing")
        polled = await self._devices.poll(code, client.id)
        if polled is None:
            raise OAuthError("invalid_grant", "the device code is unknown or was used, or is another client's")
        device, is_early = polled
        if device.is_over:
            raise OAuthError("expired_token", "the device code has expired: get another one")
        if device.state == "denied":
            raise OAuthError("access_denied", "the user has refused")
        if device.state == "pending" or device.owner is None:
            if is_early:
                raise OAuthError("slow_down", "ask less often: 5 seconds are added to the interval")
            raise OAuthError("authorization_pending", "the user has not answered yet")
        reply = await self._issue(client, device.owner, device.scope, address, claim=self._devices.claim(device))
        if reply is None:
            raise OAuthError("invalid_grant", "the device code was used before")
        return reply

    async def _issue(self, client: Client, owner: JID, scope: str, address: str, *, claim: TokenClaim) -> Reply | None:
        """Issue tokens for what a user has granted, as far as he may still grant it."""
        await self._issuer.require_account(owner)
        granted = self._issuer.owners.grant(owner, scope, client.scope)
        return await self._issuer.issue(Issue(client, owner, granted, "consent", address), claim=claim)


def check_verifier(challenge: str, verifier: str) -> None:
    """Check the answer to the challenge that a client has sent with its request.

    Args:
        challenge: base64url of the SHA-256 of the answer; empty where the client sent none.
        verifier: the answer; empty for none.

    Raises:
        OAuthError: it is another one, or there is none, or there is one without a challenge (RFC 9700 §2.1.1).

    RFC 7636 §4.6
    """
    if not challenge and not verifier:
        return
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    if not challenge or not _VERIFIER.fullmatch(verifier) or not hmac.compare_digest(digest, challenge):
        raise OAuthError("invalid_grant", "the code_verifier is missing, or is not that of the code_challenge")


def _check_redirection(grant: CodeGrant, parameters: Parameters) -> None:
    """Check that a client names the same redirect_uri as in its request. RFC 6749 §4.1.3

    Raises:
        OAuthError: it does not.
    """
    if grant.redirect_uri and parameters.get("redirect_uri") != grant.redirect_uri:
        raise OAuthError("invalid_grant", "the redirect_uri is not that of the request for the code")
