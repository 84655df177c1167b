"""Look whether the keys of identity providers can be read (``tigrest check --live``)."""

from __future__ import annotations

from tigrest.auth.issuers import Issuer
from tigrest.errors import IssuerUnavailable
from tigrest.gateway.diagnostics import Check, CheckListener, State
from tigrest.gateway.gateway import Gateway


async def check_issuers(gateway: Gateway, listener: CheckListener) -> tuple[Check, ...]:
    """Read the keys of each provider that is configured; what cannot be read in five seconds does not work."""
    checks: list[Check] = []
    for issuer in gateway.parts.authentication.issuers.issuers:
        listener.progress(issuer.settings.url)
        checks.append(await _checked(issuer))
    return tuple(checks)


async def _checked(issuer: Issuer) -> Check:
    name = f"tokens of {issuer.settings.url}"
    try:
        count = await issuer.read_keys()
    except IssuerUnavailable as error:
        return Check(name, State.FAILS, str(error))
    return Check(name, State.WORKS, f"{count} {'key' if count == 1 else 'keys'} read")
