"""A reverse proxy that nobody has named."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from tests.cli.process import serving

ALICE = '[{jid = "alice@localhost", password = "secret"}]'


@pytest.mark.parametrize(("trusted", "warnings"), [("[]", 1), ('["127.0.0.1"]', 0)])
def test_it_is_warned_about_once_when_it_does_harm(tmp_path: Path, trusted: str, warnings: int) -> None:
    settings = {"TIGREST__HTTP__TRUSTED_PROXIES": trusted, "TIGREST__AUTH__ACCOUNTS": ALICE}
    with serving(cwd=tmp_path, **settings) as (_, base), httpx2.Client(base_url=base, headers={"X-Forwarded-For": "203.0.113.7"}) as proxy:
        statuses = {proxy.get("/rest/ping/localhost", auth=("alice", f"guess {number}")).status_code for number in range(13)}
    assert statuses == {401, 429}
    assert (tmp_path / "log").read_text().count("[http] trusted_proxies") == warnings
