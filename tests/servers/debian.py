"""Servers as a new administrator has them: as Debian installs them. What ``docs/`` says changes them: :mod:`tests.servers.page`.

Only ports, paths and interfaces are those of the test; the domain is ``example.com``, as on the pages.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from tests.servers import trixie
from tests.servers.ejabberd import erlang
from tests.servers.jabberd2 import PACKAGED, ThreeProcesses
from tests.servers.newer import in_erlang, in_lua
from tests.servers.process import XmppServer, free_ports

DOMAIN = "example.com"
PASSWORD = "secret"
"""Of all accounts, as on the pages."""

EJABBERD_DEFAULT = Path("/usr/share/ejabberd/ejabberd.yml.example")
PROSODY_DEFAULT = Path("/etc/prosody")


def _skip(reason: str) -> NoReturn:
    """Skip a test; in CI, where everything is installed, that is an error."""
    assert "CI" not in os.environ, reason
    pytest.skip(reason)


def changed(text: str, changes: str) -> str:
    """Apply a diff without line numbers as a reader does: each hunk replaces the one place that looks like it.

    Args:
        text: the file.
        changes: hunks, parted by lines ``@@``; each line of them begins with a space, ``-`` or ``+``.
    """
    for hunk in re.split(r"^@@.*\n", changes, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        old = "".join(line[1:] for line in lines if line[0] != "+")
        assert text.count(old) == 1, f"the file has this {text.count(old)} times:\n{old}"
        text = text.replace(old, "".join(line[1:] for line in lines if line[0] != "-"))
    return text


class DebianServer(XmppServer):
    """A server as Debian installs it, below a folder that stands for ``/``.

    Args:
        folder: holds ``etc``, ``var`` and so on.
    """

    page = ""
    domain = DOMAIN
    main = ""
    """Its configuration file, below the folder."""
    default_ports: tuple[int, ...] = ()
    """Ports of the default files and the pages: c2s, component, BOSH, and further ones."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ports = dict(zip(self.default_ports, free_ports(len(self.default_ports)), strict=True))
        self.c2s, self.component, self.http, *_ = self.ports.values()

    def install(self) -> None:
        """Write what the package installs."""
        raise NotImplementedError

    def apply(self, changes: str) -> None:
        """Change its configuration file as a diff of a page says."""
        file = self.folder / self.main
        file.write_text(changed(file.read_text(), changes))

    def administer(self, words: list[str]) -> None:
        """Run its own command line.

        Args:
            words: the command and its arguments.
        """
        raise NotImplementedError

    def add_user(self, user: str, password: str = PASSWORD) -> None:
        """Make an account as the pages do."""
        raise NotImplementedError

    def restart(self) -> None:
        """Do what ``systemctl restart`` does."""
        self.stop()
        self.start()

    def moved(self, text: str) -> str:
        """Put the paths and ports of the test into a text."""
        text = re.sub(r"(?<![\w/.])/(etc|var/lib|var/log|run)/", rf"{self.folder}/\1/", text)
        for port, ours in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(ours), text)
        return text


class DebianProsody(DebianServer):
    """Prosody from ``/etc/prosody``."""

    name = "Prosody"
    page = "prosody.md"
    main = "etc/prosody/prosody.cfg.lua"
    default_ports = (5222, 5347, 5280, 5269, 5281)

    @staticmethod
    def check() -> None:
        """Skip unless Debian's files are there as they were installed, and what the page says can be done."""
        if shutil.which("dpkg-query") is None:
            _skip("this is not Debian")
        command = ["dpkg-query", "-W", "-f=${Conffiles}", "prosody"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        files = dict(re.findall(r"(/etc/prosody/\S*\.lua) (\w+)", listed))
        if str(PROSODY_DEFAULT / "prosody.cfg.lua") not in files:
            _skip("Prosody is not the one of Debian")
        for path, digest in files.items():
            if not os.access(path, os.R_OK) or hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest() != digest:
                _skip(f"{path} cannot be read, or is not as Debian installs it")
        if os.geteuid() != 0:
            pytest.skip("prosodyctl imports certificates for root only")

    @staticmethod
    def default() -> Path:
        """Return the folder of the files that the package installs."""
        return PROSODY_DEFAULT

    @staticmethod
    def prosodyctl() -> list[str]:
        """Return how ``prosodyctl`` is run."""
        return ["prosodyctl"]

    def install(self) -> None:
        """Copy Debian's files, and put the settings of the test in front."""
        etc = self.folder / "etc" / "prosody"
        for name in ("conf.d", "conf.avail", "certs"):
            (etc / name).mkdir(parents=True)
        for name in ("lib/prosody", "log/prosody"):
            (self.folder / "var" / name).mkdir(parents=True)
        (self.folder / "run" / "prosody").mkdir(parents=True)
        shutil.copytree(self.default() / "conf.avail", etc / "conf.avail", dirs_exist_ok=True)
        shutil.copy(etc / "conf.avail" / "localhost.cfg.lua", etc / "conf.d")  # the package links it
        c2s, component, http, s2s, https = self.ports.values()
        ours = f"""run_as_root = true; data_path = "{self.folder}/var/lib/prosody"; interfaces = {{ "127.0.0.1" }}
            local_interfaces = {{ "127.0.0.1" }}; component_ports = {{ {component} }}
            c2s_ports = {{ {c2s} }}; s2s_ports = {{ {s2s} }}; http_ports = {{ {http} }}; https_ports = {{ {https} }}
            c2s_direct_tls_ports = {{ }}; s2s_direct_tls_ports = {{ }}
        """
        text = (self.default() / "prosody.cfg.lua").read_text("utf-8")
        (self.folder / self.main).write_text(ours + self.moved(text))

    def enable_shipped_host(self, *settings: str) -> None:
        """Enable the example of a virtual host that Debian ships.

        Args:
            settings: further lines of it.
        """
        text = (self.default() / "conf.avail" / f"{DOMAIN}.cfg.lua").read_text("utf-8")
        [enabling] = re.findall(r"^.*-- Remove this line to enable this host$", text, re.MULTILINE)
        enabled = self.moved(text.replace(enabling, "\n".join(settings)))
        (self.folder / "etc" / "prosody" / "conf.d" / f"{DOMAIN}.cfg.lua").write_text(enabled)

    def administer(self, words: list[str]) -> None:
        """Run ``prosodyctl``; it asks for a new password twice."""
        given = ["--root", "--config", str(self.folder / self.main), *[word for word in words[1:] if word != "--root"]]
        done = subprocess.run(
            [*self.prosodyctl(), *given], cwd=self.folder, input=f"{PASSWORD}\n{PASSWORD}\n", capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def add_user(self, user: str, password: str = PASSWORD) -> None:
        """Make an account by ``prosodyctl adduser``."""
        assert password == PASSWORD
        self.administer(["prosodyctl", "adduser", f"{user}@{DOMAIN}"])

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return how Debian's service runs it."""
        return ["prosody", "--config", str(self.folder / self.main), "-F"], dict(os.environ)


class DebianEjabberd(DebianServer):
    """ejabberd from Debian's ``ejabberd.yml``."""

    name = "ejabberd"
    page = "ejabberd.md"
    main = "etc/ejabberd/ejabberd.yml"
    default_ports = (5222, 5347, 5281, 5443, 5223, 5269, 5280, 3478, 1883)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._accounts: list[tuple[str, str, str]] = []

    @staticmethod
    def check() -> None:
        """Skip unless ejabberd is Debian's, which keeps its file whatever was changed in ``/etc``."""
        if not EJABBERD_DEFAULT.exists():
            _skip("ejabberd is not the one of Debian")

    @staticmethod
    def default() -> Path:
        """Return the file from which the package makes its own."""
        return EJABBERD_DEFAULT

    def install(self) -> None:
        """Write Debian's file, and the certificate that the package makes."""
        etc = self.folder / "etc" / "ejabberd"
        etc.mkdir(parents=True)
        text = self.moved(_as_installed(self.default().read_text("utf-8")))
        (self.folder / self.main).write_text(text.replace('ip: "::"', 'ip: "::ffff:127.0.0.1"'))  # IPv4 addresses look as on "::"
        pem, subject = str(etc / "ejabberd.pem"), "/O=Internet Widgits Pty Ltd/CN=ejabberd"
        command = ["openssl", "req", "-new", "-x509", "-days", "365", "-nodes", "-out", pem, "-keyout", f"{pem}.key", "-subj", subject]
        subprocess.run(command, check=True, capture_output=True)
        with (etc / "ejabberd.pem").open("a") as both:
            both.write((etc / "ejabberd.pem.key").read_text())

    def erlang(self) -> tuple[list[str], dict[str, str]]:
        """Return command and environment that run ejabberd."""
        return erlang(self.folder)

    def administer(self, words: list[str]) -> None:
        """Do what ``ejabberdctl register`` does, which itself needs a daemon of Erlang's that the tests do without."""
        assert words[:2] == ["ejabberdctl", "register"], words
        user, domain, password = words[2:]
        self.add_user(user, password, domain)

    def add_user(self, user: str, password: str = PASSWORD, domain: str = DOMAIN) -> None:
        """Make an account; it is there after a restart."""
        self._accounts.append((user, domain, password))
        self.restart()

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return how it is run; the accounts are made when it has started."""
        for name in ("spool", "logs"):
            (self.folder / name).mkdir(exist_ok=True)
        command, environment = self.erlang()
        environment["EJABBERD_CONFIG_PATH"] = str(self.folder / self.main)
        users = [f"ejabberd_auth:try_register(<<{name!r}>>, <<{host!r}>>, <<{word!r}>>)" for name, host, word in self._accounts]
        return [*command, *(["-eval", ", ".join(users).replace("'", '"') + "."] if users else [])], environment


class Extracted(DebianServer):
    """A server of Debian 13 or its backports: :mod:`tests.servers.trixie`.

    Args:
        folder: only its name counts.
    """

    trouble = staticmethod(trixie.trouble)

    def __init__(self, folder: Path) -> None:
        super().__init__(trixie.folder_inside(folder.name))

    @staticmethod
    def check() -> None:
        """Do nothing: the files are as they were extracted."""


class NewerDebianProsody(Extracted, DebianProsody):
    """Prosody from ``/etc/prosody`` of Debian 13's backports."""

    @staticmethod
    def default() -> Path:
        """Return the folder of the files that the package installs."""
        return trixie.root() / "etc" / "prosody"

    def install(self) -> None:
        """Copy Debian's files, and put the settings of the test in front."""
        trixie.add_users("prosody")
        super().install()

    @staticmethod
    def prosodyctl() -> list[str]:
        """Return how ``prosodyctl`` is run."""
        return trixie.inside("/usr/bin/lua5.4", "/usr/bin/prosodyctl")

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return how Debian's service runs it."""
        command, environment = super().command()
        return in_lua(command), environment


class NewerDebianEjabberd(Extracted, DebianEjabberd):
    """ejabberd from ``ejabberd.yml`` of Debian 13's backports."""

    @staticmethod
    def default() -> Path:
        """Return the file from which the package makes its own."""
        return trixie.root() / "usr" / "share" / "ejabberd" / "ejabberd.yml.example"

    def erlang(self) -> tuple[list[str], dict[str, str]]:
        """Return command and environment that run ejabberd."""
        return in_erlang(*super().erlang())


class DebianJabberd2(Extracted, ThreeProcesses):
    """jabberd2 from ``/etc/jabberd2`` of Debian 13."""

    page = "jabberd2.md"
    default_ports = (5222, 5347, 5269)

    @property
    def etc(self) -> Path:
        """Return the folder of its files."""
        return self.folder / "etc" / "jabberd2"

    def install(self) -> None:
        """Copy Debian's files."""
        for name in ("log/jabberd2", "lib/jabberd2", "run/jabberd2"):
            (self.folder / "var" / name).mkdir(parents=True)
        shutil.copytree(trixie.root() / PACKAGED, self.etc)
        for file in self.etc.glob("*.xml"):
            file.write_text(self.moved(file.read_text()))

    def moved(self, text: str) -> str:
        """Put the paths and ports of the test into a text; documents of the package are where it was extracted."""
        there = text.replace("/usr/share/doc/jabberd2", f"{trixie.root()}/usr/share/doc/jabberd2")
        return super().moved(there).replace("/var/run/", f"{self.folder}/var/run/")

    def seed(self) -> None:
        """Make no accounts: the page does."""


def _as_installed(text: str) -> str:
    """Debian's file after its questions were answered with Enter, as the package's script writes it."""
    text = text.replace("  ## admin:\n  ##   user:\n", "  admin:\n     user:\n")
    return text.replace('  ##     - "aleksey@localhost"\n', '       - ""\n').replace('  ##     - "ermine@example.org"\n', "\n")


DEBIAN: dict[str, type[DebianProsody | DebianEjabberd]] = {"prosody": DebianProsody, "ejabberd": DebianEjabberd}
NEWER_DEBIAN: dict[str, type[DebianProsody | DebianEjabberd]] = {"prosody-13": NewerDebianProsody, "ejabberd-26": NewerDebianEjabberd}
