"""A PostgreSQL server as a child of the tests: on a free loopback port, in a folder of its own, without syncing to disk."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import asyncpg

from tests.servers.process import free_ports

USER = "postgres"
"""Who it runs as when the tests are root's, as it refuses to be root; Debian's package makes this user. Also its superuser."""

SECURED = "secured"
"""A user who needs the password :data:`PASSWORD`; all others need none."""

PASSWORD = "hush-hush"

_HBA = f"""host all {SECURED} 127.0.0.1/32 scram-sha-256
host all all 127.0.0.1/32 trust
"""


def binaries() -> Path | None:
    """Return the folder of the newest server that is installed."""
    return max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=Path("/none/none")).parent if is_installed() else None


def is_installed() -> bool:
    """Return whether there is a server."""
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


class Postgres:
    """A server that can be started, killed and started again on the same port."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tigrest-postgres-"))
        (self.port,) = free_ports(1)
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        if os.getuid() == 0:
            owner = pwd.getpwnam(USER)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)

    def make(self) -> None:
        """Make its files."""
        options = ["--auth=trust", f"--username={USER}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
        self._run("initdb", "-D", "data", *options).wait()
        (self.folder / "data" / "pg_hba.conf").write_text(_HBA)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        quick = [f"-c{setting}" for setting in ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=16MB")]
        network = [f"-cport={self.port}", "-clisten_addresses=127.0.0.1", "-cunix_socket_directories="]
        self._process = self._run("postgres", "-D", "data", *network, *quick)
        pid_file, end = self.folder / "data" / "postmaster.pid", time.monotonic() + 30
        while not (pid_file.exists() and "ready" in pid_file.read_text()):
            assert time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        folder = binaries()
        assert folder is not None
        identity = {"user": USER, "group": USER, "extra_groups": []} if os.getuid() == 0 else {}
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen([folder / program, *arguments], cwd=self.folder, stdout=log, stderr=log, **identity)  # type: ignore[call-overload, no-any-return]

    def stop(self) -> None:
        """End it at once, with all connections."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def remove(self) -> None:
        """Stop it and delete its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def location(self, user: str = USER, password: str = "", database: str = "postgres") -> str:
        """Return a location for the configuration."""
        credentials = f"{user}:{password}" if password else user
        return f"postgresql+asyncpg://{credentials}@127.0.0.1:{self.port}/{database}"

    async def execute(self, *statements: str) -> None:
        """Run statements as the superuser."""
        connection = await asyncpg.connect(host="127.0.0.1", port=self.port, user=USER, database="postgres")
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def new_location(self) -> str:
        """Make an empty schema of a user of its own, which is as good as a database and made sooner."""
        self._made += 1
        name = f"user{self._made}"
        await self.execute(f"CREATE ROLE {name} LOGIN", f"CREATE SCHEMA {name} AUTHORIZATION {name}")
        return self.location(name)
