"""What ``tigrest check --live`` says of identity providers."""

from __future__ import annotations

from pathlib import Path

from tests.auth.fakes import Clock
from tests.auth.issuing import URL, Provider
from tests.gateway.test_gateway import make
from tigrest.gateway.diagnostics import CheckListener, State
from tigrest.gateway.issuer_checks import check_issuers


async def test_a_provider_works_when_its_keys_can_be_read(tmp_path: Path) -> None:
    gateway, shown = make(tmp_path), list[str]()
    listener = CheckListener(progress=shown.append, warn=shown.append)
    await gateway.start()
    try:
        assert await check_issuers(gateway, listener) == ()
        provider, broken = Provider(Clock()), Provider(Clock())
        broken.is_down = True
        gateway.parts.authentication.issuers.configure([provider.issuer(), broken.issuer()])
        works, fails = await check_issuers(gateway, listener)
    finally:
        await gateway.stop()
    assert (works.name, works.state, works.note) == (f"tokens of {URL}", State.WORKS, "3 keys read")
    assert (fails.state, "it is down" in fails.note) == (State.FAILS, True)
    assert shown == [URL, URL]
