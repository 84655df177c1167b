"""Guessing passwords at a served gateway, from one address and another."""

from __future__ import annotations

from pathlib import Path

import httpx2

from tests.cli.process import serving
from tigrest.passwords import Passwords

HASH = Passwords(time_cost=1, memory_cost=8, parallelism=1).hash_now("bobpw")
"""Quick to verify: what counts here is how often that is done."""
SPELLINGS = ("bob", "BOB", "bob@localhost", "bob@localhost/phone", "BOB@localhost", "Bob", "bOb", "boB")
"""Ways to write one username: each is a login that is not remembered yet."""


def client(base: str, address: str) -> httpx2.Client:
    """Return a client that calls from an address of its own."""
    return httpx2.Client(base_url=base, transport=httpx2.HTTPTransport(local_address=address), timeout=60)


def login(client: httpx2.Client, user: str, password: str) -> httpx2.Response:
    return client.post("/rest/echo", auth=(user, password), json={"body": "x", "to": "bob@localhost"})


def test_who_guesses_bobs_password_does_not_lock_bob_out(tmp_path: Path) -> None:
    accounts = f'[{{jid = "bob@localhost", password_hash = "{HASH}"}}]'
    settings = {"TIGREST__AUTH__ACCOUNTS": accounts, "TIGREST__AUTH__CACHE_SECONDS": "0"}
    with serving(cwd=tmp_path, **settings) as (_, base), client(base, "127.0.0.2") as guesser, client(base, "127.0.0.1") as owner:
        statuses = []
        for number in range(60):
            answer = login(guesser, "bob", f"guess {number}")
            statuses.append(answer.status_code)
            assert answer.status_code == 401 or int(answer.headers["retry-after"]) >= 1
            if number % 8 == 7:
                assert login(owner, SPELLINGS[number // 8], "bobpw").status_code == 200
        assert statuses[:10] == [401] * 10
        assert statuses.count(401) <= 20
        assert statuses[-1] == 429
        assert login(guesser, "bob@localhost/guesser", "bobpw").status_code == 429
        assert login(owner, "bob@LOCALHOST", "bobpw").status_code == 200
