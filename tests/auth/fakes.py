"""Stand-ins for time and for the XMPP server's accounts."""

import asyncio
import base64
from collections.abc import Iterable

from tigrest.auth.accounts import Account, Accounts
from tigrest.auth.logins import LoginLimits, Logins
from tigrest.auth.throttle import Throttle
from tigrest.errors import NotConnected
from tigrest.passwords import Passwords
from tigrest.xmpp.jid import JID

ALICE = JID("alice@localhost")
BOB = JID("bob@localhost")
ADDRESS = "192.0.2.1"


class Clock:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


class Server:
    """Knows some passwords, counts how often it is asked, and can be held up or gone."""

    def __init__(self) -> None:
        self.passwords = {ALICE: "secret", BOB: "builder"}
        self.asked: list[tuple[JID, str]] = []
        self.open = asyncio.Event()
        self.open.set()
        self.gone = False
        self.running = self.most_running = self.cancelled = 0

    async def check(self, jid: JID, password: str) -> bool:
        self.asked.append((jid, password))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        right = self.passwords.get(jid) == password
        try:
            await asyncio.sleep(0)
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        if self.gone:
            raise NotConnected
        return right


class World:
    """Logins with all they need."""

    def __init__(self, cache_seconds: float = 60.0, accounts: Iterable[Account] = (), limits: LoginLimits | None = None) -> None:
        self.clock = Clock()
        self.server = Server()
        self.throttle = Throttle(self.clock)
        own = Accounts(accounts, Passwords(1, 8, 1))
        self.logins = Logins(
            JID("localhost"),
            check_backend=self.server.check,
            accounts=own,
            throttle=self.throttle,
            cache_seconds=cache_seconds,
            limits=limits or LoginLimits(),
            clock=self.clock,
        )

    async def login(self, username: str, password: str, address: str = ADDRESS) -> JID:
        caller = await self.logins.login(basic(username, password), address)
        assert isinstance(caller, JID)
        return caller


def basic(username: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{username}:{password}".encode())


async def turns(count: int = 5) -> None:
    """Let other tasks run."""
    for _ in range(count):
        await asyncio.sleep(0)
