"""What looking up a token costs, with few and with many stored: by hash in the database, and known in the cache.

python bench/tokens.py [--stored 100 100000] [--lookups 2000] [--database URL]
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop
from sqlalchemy import insert

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tigrest.auth.throttle import Throttle  # noqa: E402
from tigrest.auth.token_store import TokenStore, hash_token, new_token  # noqa: E402
from tigrest.auth.tokens import TokenLimits, Tokens  # noqa: E402
from tigrest.state.database import Database  # noqa: E402
from tigrest.state.gateway_tables import tokens  # noqa: E402
from tigrest.xmpp.jid import JID  # noqa: E402


def row(number: int) -> dict[str, str]:
    """Return a stored token of one of a thousand owners."""
    scopes, owner = json.dumps(["user"]), f"user{number % 1000}@localhost"
    digest = hash_token(new_token())
    return {"name": f"token {number}", "digest": digest, "owner": owner, "scopes": scopes, "created": "2026-01-01T00:00:00+00:00"}


async def measure(location: str, stored: int, lookups: int) -> None:
    """Store tokens, and print the µs of looking one up."""
    database = Database(location)
    store = TokenStore(database)
    await store.start()
    async with database.begin() as connection:
        for begin in range(0, stored, 10_000):
            await connection.execute(insert(tokens), [row(number) for number in range(begin, min(begin + 10_000, stored))])
    header = b"Bearer " + (await store.add("its", JID("alice@localhost"), ["user"])).encode()

    async def exists(owner: JID) -> bool:
        return True

    cache = Tokens(store, Throttle(), exists, lambda owner: True, TokenLimits(fresh_seconds=3600.0))
    await cache.find(header, "192.0.2.1")
    digest = hash_token(header.removeprefix(b"Bearer ").decode())
    known, read = [], []
    for _ in range(lookups):
        began = time.perf_counter()
        cache.cached(header, "192.0.2.1")
        known.append(time.perf_counter() - began)
        began = time.perf_counter()
        await store.find(digest)
        read.append(time.perf_counter() - began)
    await cache.stop()
    await database.stop()
    known_us, read_us = (statistics.median(times) * 1e6 for times in (known, read))
    print(f"{stored:>9,} {known_us:10.1f} {read_us:10.0f} {sorted(read)[-lookups // 100] * 1e6:10.0f}")


async def run(arguments: argparse.Namespace, folder: Path) -> None:
    """Measure with each number of tokens."""
    print(f"{'stored':>9} {'known µs':>10} {'read µs':>10} {'p99':>10}")
    for stored in arguments.stored:
        await measure(arguments.database or str(folder / f"{stored}.sqlite3"), stored, arguments.lookups)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stored", type=int, nargs="+", default=[100, 100_000], help="tokens that are stored")
    parser.add_argument("--lookups", type=int, default=2000, help="how often one is looked up")
    parser.add_argument("--database", help="an empty one; SQLite files of its own by default")
    with TemporaryDirectory() as folder:
        uvloop.run(run(parser.parse_args(), Path(folder)))


if __name__ == "__main__":
    main()
