"""Servers as a new administrator has them: Debian's default files, changed by what ``docs/`` and ``etc/`` say, word by word.

Only ports, paths, interfaces and the component's secret are those of the test; the domain is ``example.com``, as on the pages.
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

from tests.servers.certificates import Certificate
from tests.servers.ejabberd import erlang
from tests.servers.process import SECRET, XmppServer, free_ports

DOMAIN = "example.com"
USERS = {"admin": "adminpw", "alice": "alicepw", "bob": "bobpw"}

ROOT = Path(__file__).parent.parent.parent
EJABBERD_DEFAULT = Path("/usr/share/ejabberd/ejabberd.yml.example")
PROSODY_DEFAULT = Path("/etc/prosody")


def etc(name: str) -> str:
    """Return a file of ``etc/``, with the secret of the test."""
    text = (ROOT / "etc" / name).read_text("utf-8")
    assert "change-me" in text
    return text.replace("change-me", SECRET)


def example(page: str, language: str) -> str:
    """Return the one example of a page in a language."""
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", (ROOT / "docs" / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return str(text)


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
    """A server set up from Debian's default files.

    Args:
        folder: as for any server.
        certificate: for :data:`DOMAIN`.
    """

    page = ""
    default_ports: tuple[int, ...] = ()
    """Ports of the default files and the pages: c2s, component, BOSH, and further ones."""

    def __init__(self, folder: Path, certificate: Certificate) -> None:
        super().__init__(folder)
        self.certificate = certificate
        self.ports = dict(zip(self.default_ports, free_ports(len(self.default_ports)), strict=True))
        self.c2s, self.component, self.http, *_ = self.ports.values()

    def gateway_config(self, folder: Path) -> Path:
        """Write the configuration of the gateway that the page shows; give the file."""
        text = example(self.page, "toml")
        (folder / "component-secret").write_text(SECRET + "\n")
        for port, ours in self.ports.items():
            text = re.sub(rf"\b{port}\b", str(ours), text)
        file = folder / "config.toml"
        file.write_text(text.replace("/etc/tigrest/component-secret", str(folder / "component-secret")))
        return file


class DebianProsody(DebianServer):
    """Prosody from ``/etc/prosody``, with ``etc/prosody.cfg.lua`` in ``conf.d``.

    Args:
        folder: as for any server.
        certificate: for :data:`DOMAIN`.
        shipped_host: whether Debian's example of a virtual host is enabled too.
    """

    name = "Prosody"
    page = "prosody.md"
    default_ports = (5222, 5347, 5280, 5269, 5281)

    def __init__(self, folder: Path, certificate: Certificate, shipped_host: bool = False) -> None:
        super().__init__(folder, certificate)
        self._shipped_host = shipped_host

    @staticmethod
    def check() -> None:
        """Skip unless Debian's files are there as they were installed."""
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

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration, and the accounts as ``prosodyctl adduser`` does."""
        for name in ("conf.d", "certs"):
            (self.folder / name).mkdir(exist_ok=True)
        hosts = PROSODY_DEFAULT / "conf.avail"
        shutil.copy(hosts / "localhost.cfg.lua", self.folder / "conf.d")  # the package links it
        main = self.folder / "prosody.cfg.lua"
        text = (
            (PROSODY_DEFAULT / main.name)
            .read_text("utf-8")
            .replace("/run/prosody/", f"{self.folder}/")
            .replace("/var/log/prosody/prosody.err", "error.log")
        )
        c2s, component, http, s2s, https = self.ports.values()
        ours = f"""run_as_root = true; data_path = "{self.folder}/data"; interfaces = {{ "127.0.0.1" }}; local_interfaces = interfaces
            c2s_ports = {{ {c2s} }}; s2s_ports = {{ {s2s} }}; http_ports = {{ {http} }}; https_ports = {{ {https} }}
            component_ports = {{ {component} }}; c2s_direct_tls_ports = {{ }}; s2s_direct_tls_ports = {{ }}
        """
        main.write_text(ours + text.replace("/var/log/prosody/prosody.log", "prosody.log"))
        (self.folder / "conf.d" / "tigrest.cfg.lua").write_text(etc("prosody.cfg.lua"))
        if self._shipped_host:
            host = (hosts / f"{DOMAIN}.cfg.lua").read_text("utf-8")
            [enabling] = re.findall(r"^.*-- Remove this line to enable this host$", host, re.MULTILINE)
            enabled = host.replace(enabling, "").replace("/etc/prosody/", f"{self.folder}/")
            (self.folder / "conf.d" / f"{DOMAIN}.cfg.lua").write_text(enabled)
        for kind in ("crt", "key"):
            shutil.copy(self.certificate.folder / f"server.{kind}", self.folder / "certs" / f"{DOMAIN}.{kind}")
        accounts = self.folder / "data" / DOMAIN.replace(".", "%2e") / "accounts"
        accounts.mkdir(parents=True, exist_ok=True)
        for user, password in USERS.items():
            (accounts / f"{user}.dat").write_text(f'return {{\n\t["password"] = "{password}";\n}};\n')
        return ["prosody", "--config", str(main), "-F"], dict(os.environ)


class DebianEjabberd(DebianServer):
    """ejabberd from Debian's ``ejabberd.yml``, changed as the page shows, with ``etc/ejabberd.yml`` included.

    Args:
        folder: as for any server.
        certificate: for :data:`DOMAIN`.
        bans: whether the loopback is banned for failed logins too, as Debian has it and the page changes it.
    """

    name = "ejabberd"
    page = "ejabberd.md"
    default_ports = (5222, 5347, 5281, 5443, 5223, 5269, 5280, 3478, 1883)

    def __init__(self, folder: Path, certificate: Certificate, bans: bool = False) -> None:
        super().__init__(folder, certificate)
        self._bans = bans

    @staticmethod
    def check() -> None:
        """Skip unless ejabberd is Debian's, which keeps its file whatever was changed in ``/etc``."""
        if not EJABBERD_DEFAULT.exists():
            _skip("ejabberd is not the one of Debian")

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration; the accounts are made as ``ejabberdctl register`` does, which needs a running daemon."""
        (self.folder / "spool").mkdir(exist_ok=True)
        text = changed(_as_installed(EJABBERD_DEFAULT.read_text("utf-8")), example(self.page, "diff"))
        if self._bans:
            text = text.replace("mod_fail2ban: { access: trusted_network }", "mod_fail2ban: {}")
        assert ("mod_fail2ban: {}" in text) is self._bans
        for name, content in {"ejabberd.yml": text, "tigrest.yml": etc("ejabberd.yml")}.items():
            (self.folder / name).write_text(self._moved(content))
        shutil.copy(self.certificate.folder / "server.pem", self.folder / f"{DOMAIN}.pem")
        command, environment = erlang(self.folder)
        users = [f'ejabberd_auth:try_register(<<"{name}">>, <<"{DOMAIN}">>, <<"{password}">>)' for name, password in USERS.items()]
        return [*command, "-eval", ", ".join(users) + "."], environment

    def _moved(self, text: str) -> str:
        """The same settings in the folder, on ports and an interface of the test; IPv4 addresses look as on ``::``."""
        text = text.replace("/etc/ejabberd/", f"{self.folder}/").replace('ip: "::"', 'ip: "::ffff:127.0.0.1"')
        for port, ours in self.ports.items():
            text = re.sub(rf"port: {port}\b", f"port: {ours}", text)
        return text


def _as_installed(text: str) -> str:
    """Debian's file after its questions were answered with Enter, as the package's script writes it."""
    text = text.replace("  ## admin:\n  ##   user:\n", "  admin:\n     user:\n")
    return text.replace('  ##     - "aleksey@localhost"\n', '       - ""\n').replace('  ##     - "ermine@example.org"\n', "\n")


DEBIAN: dict[str, type[DebianProsody | DebianEjabberd]] = {"prosody": DebianProsody, "ejabberd": DebianEjabberd}
