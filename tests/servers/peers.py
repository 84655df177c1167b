"""Entities with ad-hoc commands of their own, as components of a server of the tests: biboumi from Debian, slidge from PyPI."""

from __future__ import annotations

import ctypes.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.servers.process import SECRET, XmppServer

PEERS = Path(sys.prefix) / "peers"
"""Where ``tests/servers/install.sh`` puts slidge: apart, so that what it requires does not decide what is installed for tigrest."""


SLIDGE_NETWORK = """
from slidge import BaseGateway, BaseSession
from slidge.command import Command, CommandAccess, Confirmation, Form, FormField, TableResult


class Gateway(BaseGateway):
    COMPONENT_NAME = "Nothing"
    REGISTRATION_FIELDS = (FormField("username", "User", required=True, value="nobody"), FormField("password", "Password", private=True))

    async def validate(self, user_jid, registration_form):
        return dict(registration_form)


class Session(BaseSession):
    async def login(self):
        return "in"


class Order(Command):
    NAME = HELP = "Order"
    NODE = CHAT_COMMAND = "order"
    ACCESS = CommandAccess.ANY

    async def run(self, session, ifrom, *args):
        sizes = [{"label": size.upper(), "value": size} for size in ("s", "m", "l")]
        fields = [FormField("size", "Size", type="list-single", options=sizes, value="m"), FormField("text", "Text", type="text-multi")]
        return Form("Order", "What you like", fields, self.ordered)

    async def ordered(self, values, session, ifrom):
        return Confirmation("Sure?", self.confirmed, handler_args=(values,))

    async def confirmed(self, session, ifrom, values):
        columns = [FormField("size", "Size"), FormField("lines", "Lines")]
        return TableResult(columns, [{"size": values["size"], "lines": len(values["text"])}], "Ordered")
"""
"""A network with a command of two stages: a form, and a confirmation. ``NAME``, ``HELP``, … are of slidge."""


class Peer:
    """A component that is started as a child of the tests.

    Args:
        server: whose component it is.
        folder: for its configuration, state and log.
    """

    name = ""
    jid = ""
    package = ""
    """What the test tells to install."""
    sign = ""
    """Text of its log once it is connected."""

    def __init__(self, server: XmppServer, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        """Return whether it can be started here."""
        raise NotImplementedError

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration; return command and environment."""
        raise NotImplementedError

    def start(self) -> None:
        """Start, and wait until it is connected."""
        self.folder.mkdir(parents=True, exist_ok=True)
        command, environment = self.command()
        with (self.folder / "out.log").open("ab") as out:
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        end = time.monotonic() + 60
        while self.sign not in self.log():
            assert self.process.poll() is None, f"{self.name} ended: {self.log()}"
            assert time.monotonic() < end, f"{self.name} is not connected: {self.log()}"
            time.sleep(0.05)

    def log(self) -> str:
        """Return what it wrote, the end of it."""
        return (self.folder / "out.log").read_text(errors="replace")[-5000:]

    def stop(self) -> None:
        """Stop it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


class Biboumi(Peer):
    """The gateway to IRC. No IRC server is needed to configure one."""

    name = "biboumi"
    jid = "irc.localhost"
    package = "biboumi"
    sign = "Authenticated with the XMPP server"

    @staticmethod
    def is_installed() -> bool:
        """Return whether it can be started here."""
        return shutil.which("biboumi") is not None

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration; return command and environment."""
        values = {
            "hostname": self.jid,
            "password": SECRET,
            "xmpp_server_ip": "127.0.0.1",
            "port": self.server.component,
            "db_name": self.folder / "biboumi.sqlite",
            "log_level": 0,
            "identd_port": 0,
            "policy_directory": self.folder,
        }
        config = self.folder / "biboumi.cfg"
        config.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
        return ["biboumi", str(config)], dict(os.environ)


class Slidge(Peer):
    """A bridge to a network that consists of nothing, :data:`SLIDGE_NETWORK`."""

    name = "slidge"
    jid = "slidge.localhost"
    package = "libmagic1, and slidge of PyPI by tests/servers/install.sh"
    sign = "Slidge has successfully started"

    @staticmethod
    def is_installed() -> bool:
        """Return whether it can be started here."""
        return (PEERS / "slidge").is_dir() and ctypes.util.find_library("magic") is not None

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return command and environment."""
        options = {
            "jid": self.jid,
            "secret": SECRET,
            "server": "127.0.0.1",
            "port": self.server.component,
            "legacy-module": "slidge_network",
            "home-dir": self.folder,
            "user-jid-validator": ".*",
            "no-upload-path": self.folder / "uploads",
            "no-upload-url-prefix": "https://localhost/uploads",
            "admins": "admin@localhost",
        }
        command = [sys.executable, "-m", "slidge"]
        for name, value in options.items():
            command += [f"--{name}", str(value)]
        (self.folder / "slidge_network.py").write_text(SLIDGE_NETWORK)
        return command, {**os.environ, "PYTHONPATH": os.pathsep.join([str(PEERS), str(self.folder)])}
