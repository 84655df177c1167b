"""jabberd2, from Debian 13's package ``jabberd2``: :mod:`tests.servers.trixie`. Three processes: router, session manager, client port."""

from __future__ import annotations

import gzip
import os
import signal
import sqlite3
import subprocess
from pathlib import Path

from tests.servers import trixie
from tests.servers.process import DOMAIN, SECRET, USERS, XmppServer

PARTS = ("router", "sm", "c2s")
PACKAGED = Path("etc/jabberd2")
SCHEMA = Path("usr/share/doc/jabberd2/db-setup.sqlite.gz")


class ThreeProcesses(XmppServer):
    """The processes of jabberd2, which read their files in a folder."""

    name = "jabberd2"
    trouble = staticmethod(trixie.trouble)

    def __init__(self, folder: Path, **options: str) -> None:
        super().__init__(folder, **options)
        self._others: list[subprocess.Popen[bytes]] = []

    @property
    def etc(self) -> Path:
        """Return the folder of its files."""
        return self.folder

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return the command of the router."""
        return self._part("router"), dict(os.environ)

    def _part(self, part: str) -> list[str]:
        return trixie.inside(f"/usr/sbin/jabberd2-{part}", "-c", str(self.etc / f"{part}.xml"))

    def start(self) -> None:
        """Start the router, then what connects to it."""
        command, environment = self.command()
        self.process = self.run(command, environment)
        self._wait_for(self.component)
        self._others = [self.run(self._part(part), environment) for part in PARTS[1:]]
        self.await_ready()
        self.seed()

    def listening(self) -> tuple[int, ...]:
        """Return its ports; it has no BOSH."""
        return self.component, self.c2s

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stop all three."""
        for process in self._others:
            if process.poll() is None:
                process.send_signal(number)
                process.wait(15)
        self._others = []
        super().stop(number)


class Jabberd2(ThreeProcesses):
    """jabberd2 as Debian configures it, but for ports, paths, domain and secret. It has no BOSH.

    Args:
        folder: only its name counts.
        options: none.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        super().__init__(trixie.folder_inside(folder.name), **options)

    @property
    def database(self) -> Path:
        """Return the file of its accounts and rosters."""
        return self.folder / "sqlite.db"

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write its files from Debian's, and its empty database; give the command of the router."""
        for name in (*(f"{part}.xml" for part in PARTS), "router-users.xml", "router-filter.xml"):
            text = (trixie.root() / PACKAGED / name).read_text()
            (self.folder / name).write_text(self._changed(name, text))
        (self.folder / "templates").mkdir(exist_ok=True)
        if not self.database.exists():
            with sqlite3.connect(self.database) as database:
                database.executescript(gzip.decompress((trixie.root() / SCHEMA).read_bytes()).decode())
            database.close()
        return super().command()

    def _changed(self, name: str, text: str) -> str:
        """Put the settings of the test into a file of Debian's."""
        folder = str(self.folder)
        for where in ("/etc/jabberd2", "/var/log/jabberd2", "/var/run/jabberd2", "/var/lib/jabberd2"):
            text = text.replace(where, folder)
        text = text.replace("localhost.localdomain", DOMAIN).replace("<ip>0.0.0.0</ip>", "<ip>127.0.0.1</ip>")
        text = text.replace("<port>5347</port>", f"<port>{self.component}</port>").replace("<port>5222</port>", f"<port>{self.c2s}</port>")
        if name == "router.xml":
            text = text.replace("<secret>secret</secret>", f"<secret>{SECRET}</secret>")
        return text

    def seed(self) -> None:
        """Make the accounts that are not there yet."""
        for user, password in USERS.items():
            self.add_user(user, password)

    def add_user(self, user: str, password: str) -> None:
        """Make an account, in its database, as its page says."""
        with sqlite3.connect(self.database, timeout=10) as database:
            known = database.execute('SELECT 1 FROM "authreg" WHERE "username" = ? AND "realm" = ?', (user, DOMAIN)).fetchone()
            if known is None:
                database.execute('INSERT INTO "authreg" ("username", "realm", "password") VALUES (?, ?, ?)', (user, DOMAIN, password))
                database.execute('INSERT INTO "active" ("collection-owner", "time") VALUES (?, 0)', (f"{user}@{DOMAIN}",))
        database.close()
