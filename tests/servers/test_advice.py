"""What ``tigrest check --live`` advises is what the server takes: each advice is followed to the letter until all works.

The server is Debian's, with nothing but a component and a certificate.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.process import tigrest
from tests.servers.certificates import Certificate, make_certificate
from tests.servers.conftest import installed
from tests.servers.debian import DOMAIN, DebianEjabberd, DebianProsody, DebianServer

JID = f"http.{DOMAIN}"
AVATAR, STATUS, NEW_USER, USERS, BOSH = "PUT /rest/avatar", "POST /rest/user/…/status", "PUT /rest/user", "GET /rest/users", "BOSH pre-bind"

GATEWAY = f"""
[xmpp]
backend = "component"
domain = "{DOMAIN}"
secret = "change-me"
port = 5347
c2s_port = 5222
send_as = "gateway"

[bosh]
url = "http://127.0.0.1:5280/http-bind"
"""


class BareProsody(DebianProsody):
    """Prosody without any HTTP, as long as no module wants it."""

    def listening(self) -> tuple[int, ...]:
        """Return the ports for clients and components."""
        return self.c2s, self.component


class BareEjabberd(DebianEjabberd):
    """ejabberd without a listener for BOSH."""

    def listening(self) -> tuple[int, ...]:
        """Return the ports for clients and components."""
        return self.c2s, self.component


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path / "certificate", DOMAIN)


@pytest.fixture
def prosody(tmp_path: Path, certificate: Certificate) -> Iterator[BareProsody]:
    installed("prosody")
    DebianProsody.check()
    server = BareProsody(tmp_path / "root")
    server.folder.mkdir()
    server.install()
    for kind in ("crt", "key"):
        shutil.copy(certificate.folder / f"server.{kind}", server.folder / "etc" / "prosody" / "certs" / f"{DOMAIN}.{kind}")
    file = server.folder / server.main
    file.write_text(f'{file.read_text()}\nVirtualHost "{DOMAIN}"\nComponent "{JID}"\n    component_secret = "change-me"\n')
    yield server
    server.stop()


@pytest.fixture
def ejabberd(tmp_path: Path, certificate: Certificate) -> Iterator[BareEjabberd]:
    installed("ejabberd")
    DebianEjabberd.check()
    server = BareEjabberd(tmp_path / "root")
    server.folder.mkdir()
    server.install()
    shutil.copy(certificate.folder / "server.pem", server.folder / "etc" / "ejabberd" / "ejabberd.pem")
    change(server, "  - localhost\n", f"  - {DOMAIN}\n")
    hosts = f'hosts: {{ {JID}: {{ password: "change-me" }} }}'
    listener = f'  - {{ port: {server.component}, ip: "127.0.0.1", module: ejabberd_service, access: all, {hosts} }}\n'
    change(server, "listen:\n", f"listen:\n{listener}")
    yield server
    server.stop()


def change(server: DebianServer, old: str, new: str) -> None:
    """Replace what stands once in the configuration of a server."""
    file = server.folder / server.main
    text = file.read_text()
    assert text.count(old) == 1, old
    file.write_text(text.replace(old, new))


def advice(server: DebianServer, certificate: Certificate, **xmpp: str) -> dict[str, str]:
    """Start the server anew, and return what is said of what does not work with it, by name."""
    server.restart()
    (server.folder / "config.toml").write_text(server.moved(GATEWAY.replace(":5280/", f":{server.http}/")))
    variables = {f"TIGREST__XMPP__{key.upper()}": value for key, value in xmpp.items()}
    arguments = ("check", "--live", "--config", "config.toml")
    done = tigrest(*arguments, cwd=server.folder, SSL_CERT_FILE=certificate.authority, **variables)
    assert "BUILT-IN" in done.stdout, done.stdout + done.stderr
    rows = re.findall(r"(?m)^(\S.*?) +(works|does not|not tried) *(.*)$", done.stdout.partition("BUILT-IN")[2])
    return {name: note for name, state, note in rows if state == "does not"}


def quoted(pattern: str, note: str) -> str:
    """Return the piece of configuration in an advice that a pattern matches."""
    found = re.search(pattern, note)
    assert found is not None, note
    return found[0]


def test_what_is_advised_for_prosody_works(prosody: BareProsody, certificate: Certificate) -> None:
    said = advice(prosody, certificate)
    assert set(said) == {AVATAR, STATUS, NEW_USER, "POST /rest/user", "DELETE /rest/user", USERS, BOSH}

    assert f'put "{JID}" into admins' in said[NEW_USER]
    assert '"admin_adhoc" into modules_enabled' in said[NEW_USER]  # Debian has it there
    change(prosody, "admins = { }", f'admins = {{ "{JID}" }}')
    assert '"bosh" into modules_enabled' in said[BOSH]
    settings = [quoted("consider_bosh_secure = true", said[BOSH]), quoted('http_default_host = "[^"]*"', said[BOSH])]
    change(prosody, '--"bosh";', '"bosh";')
    change(prosody, "plugin_paths =", "\n".join([*settings, "plugin_paths ="]))
    change(prosody, f'Component "{JID}"', f'Component "{JID}"\n    {quoted("validate_from_addresses = false", said[STATUS])}')
    assert 'set [xmpp] send_as = "user"' in said[STATUS]

    said = advice(prosody, certificate, send_as="user")
    assert set(said) == {AVATAR, STATUS, USERS}
    assert said[USERS].endswith("; Prosody has no command that lists accounts")
    assert '"privilege" in modules_enabled of the whole server and of Component' in said[STATUS]
    change(prosody, '--"announce";', '"privilege"; --"announce";')
    change(prosody, f'Component "{JID}"', f'Component "{JID}"\n    modules_enabled = {{ "privilege" }}')
    change(prosody, f'VirtualHost "{DOMAIN}"\nC', f'VirtualHost "{DOMAIN}"\n    {quoted("privileged_entities.*} }", said[STATUS])}\nC')

    assert 'or set [xmpp] adhoc_as = "user"' in said[AVATAR]
    assert set(advice(prosody, certificate, send_as="user", adhoc_as="user")) == {USERS}

    said = advice(prosody, certificate, send_as="user")
    assert set(said) == {AVATAR, USERS}
    file = prosody.folder / prosody.main
    file.write_text(re.sub(r"privileged_entities.*", lambda _: quoted("privileged_entities.*} } }", said[AVATAR]), file.read_text()))
    assert set(advice(prosody, certificate, send_as="user")) == {USERS}


def test_what_is_advised_for_ejabberd_works(ejabberd: BareEjabberd, certificate: Certificate) -> None:
    said = advice(ejabberd, certificate)
    assert set(said) == {AVATAR, STATUS, NEW_USER, "POST /rest/user", "DELETE /rest/user", USERS, BOSH}

    assert "check_from: false" in said[AVATAR]
    assert "ejabberd 23.01-1 does not start with iq in mod_privilege, ejabberd 24.10 or later does" in said[AVATAR]
    acl = quoted(r"gateway: \{.*?\} \}", said[NEW_USER])
    change(ejabberd, "acl:\n", f"acl:\n  {acl}\n")
    change(ejabberd, "  configure:\n    allow: admin\n", f"  {quoted(r'configure: .*? ]', said[NEW_USER])}\n")
    assert "load mod_adhoc and mod_configure" in said[NEW_USER]  # Debian does
    listening = quoted(r"module: ejabberd_http, request_handlers: \{.*?\}", said[BOSH])
    change(ejabberd, "listen:\n", f'listen:\n  - {{ port: {ejabberd.http}, ip: "127.0.0.1", {listening} }}\n')
    change(ejabberd, "ejabberd_service, ", f"ejabberd_service, {quoted('check_from: false', said[STATUS])}, ")
    assert 'set [xmpp] send_as = "user"' in said[STATUS]

    said = advice(ejabberd, certificate, send_as="user")
    assert set(said) == {STATUS}  # with check_from: false the vCard is set as its owner does it
    assert said[STATUS].startswith(f"write {acl} below acl; ")  # which is there
    change(ejabberd, "access_rules:\n", f"access_rules:\n  {quoted(r'gateway_privileges: { allow: gateway }', said[STATUS])}\n")
    change(ejabberd, "\nmodules:\n", f"\nmodules:\n  {quoted(r'mod_privilege: .*} }', said[STATUS])}\n")

    assert advice(ejabberd, certificate, send_as="user") == {}
