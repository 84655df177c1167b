"""The way of a new administrator: from Debian's default files, by every line of a page of ``docs/``, to a gateway that works."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests.cli.process import tigrest
from tests.servers.certificates import make_certificate
from tests.servers.conftest import installed
from tests.servers.debian import DEBIAN, DOMAIN, NEWER_DEBIAN, PASSWORD, DebianEjabberd, DebianProsody, DebianServer
from tests.servers.gateway import eventually
from tests.servers.page import ROOT, Reader
from tests.servers.raw import raw_component
from tests.test_docs import section

ADMIN = ("admin", PASSWORD)
LOGIN = f"/rest/adhoc/{DOMAIN}"
COMMANDS = "http://jabber.org/protocol/admin#"

NEEDS = {
    "prosody": ["POST /rest/upload", "GET /rest/users"],
    "ejabberd": ["POST /rest/upload"],
    "prosody-13": ["POST /rest/upload", "GET /rest/users"],
    "ejabberd-26": ["iqs to other services", "PUT /rest/avatar", "POST /rest/upload"],  # with the lines for 24.10 and later it does
}
"""What does not work, by what ``tigrest check --live`` says, where the page was followed to the letter. The URLs of uploads are public ones."""

Install = Callable[[str], DebianServer]


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Install a server as Debian does."""
    running: list[DebianServer] = []

    def made(kind: str) -> DebianServer:
        installed(kind)
        known = DEBIAN | NEWER_DEBIAN
        known[kind].check()
        server = known[kind](tmp_path / "root")
        server.folder.mkdir(exist_ok=True)
        running.append(server)
        server.install()
        return server

    yield made
    for server in running:
        server.stop()


def client(reader: Reader) -> httpx2.Client:
    return httpx2.Client(base_url=reader.base, headers={"Accept": "application/json"}, timeout=30, trust_env=False)


def log_of(reader: Reader) -> str:
    return (reader.server.folder / "log").read_text()


@pytest.mark.parametrize("certificate", ["of an authority", "of one's own"])
@pytest.mark.parametrize("kind", [*DEBIAN, *NEWER_DEBIAN])
def test_every_line_of_the_page_works(kind: str, certificate: str, install: Install, tmp_path: Path) -> None:
    authority = make_certificate(tmp_path / "certificate", DOMAIN) if certificate == "of an authority" else None
    server = install(kind)
    with Reader(server, authority).following() as reader, client(reader) as http:
        assert http.get(LOGIN, auth=("admin", "wrong")).status_code == 401
        assert http.get(LOGIN, auth=("carol", PASSWORD)).status_code == 403
        status = http.post(f"/rest/user/carol@{DOMAIN}/status", auth=ADMIN, json={}).json()["status"]
        assert status["success"] is True, status
        commands_work_or_say_what_to_load(kind, http)
        files_get_slots(kind, http)
    [checked] = [said for line, said in reader.said.items() if line.startswith("tigrest check --live")]
    needs = [line.split("  ")[0] for line in checked.splitlines() if re.search(r"  does not( |$)", line)]
    assert needs == NEEDS[kind], checked
    assert len([line for line in reader.said if line.startswith("curl ")]) >= 5
    assert "Traceback" not in log_of(reader)
    rights_are_for_the_exact_address(server)


def commands_work_or_say_what_to_load(kind: str, http: httpx2.Client) -> None:
    carol = {"user": "carol", "host": DOMAIN}
    stored = http.post("/api/private_set", auth=ADMIN, json={**carol, "element": "<x xmlns='urn:x'>1</x>"})
    read = http.post("/api/private_get", auth=ADMIN, json={**carol, "element": "x", "ns": "urn:x"})
    last = http.post("/api/get_last", auth=ADMIN, json=carol)
    if kind.startswith("prosody"):
        assert (stored.status_code, read.json()) == (200, '<x xmlns="urn:x">1</x>')
        assert last.status_code == 501
        assert "load mod_lastactivity" in last.json()["detail"]
    else:  # the page's lines for 24.10 and later are comments
        assert (stored.status_code, read.status_code, last.status_code) == (501, 501, 200)
        assert "in ejabberd's mod_privilege" in stored.json()["detail"]


def files_get_slots(kind: str, http: httpx2.Client) -> None:
    """Check that users of the gateway may upload. Nothing is: the URLs are public ones, which are not those of the test."""
    slot = {"to": f"upload.{DOMAIN}", "upload_request": {"filename": "plan.pdf", "size": 5, "content-type": "application/pdf"}}
    answer = http.post("/rest", auth=("carol", PASSWORD), json=slot)
    if kind == "ejabberd-26":  # the page's lines for 24.10 and later are comments
        assert (answer.status_code, "the server drops iqs" in answer.text) == (501, True), answer.text
    else:
        assert answer.json()["upload_slot"]["put"]["url"].startswith(f"https://{DOMAIN}:"), answer.text


def test_the_settings_of_a_virtual_host_that_was_there_before_stay(install: Install) -> None:
    server = install("prosody")
    assert isinstance(server, DebianProsody)
    module = 'modules_enabled = { "server_contact_info" }; contact_info = { admin = { "mailto:kept@example.com" } }'
    server.enable_shipped_host(module, 'disco_items = { { "kept.example.com" } }')
    with Reader(server).following() as reader:
        [clashes] = [said for line, said in reader.said.items() if line.startswith("grep ")]
        assert {line.split(":")[0] for line in clashes.splitlines()} == {f"{server.folder}/etc/prosody/conf.d/tigrest.cfg.lua"}
    with raw_component(server, f"http.{DOMAIN}", "change-me") as component:
        asked = (f"<query xmlns='http://jabber.org/protocol/disco#{what}'/>" for what in ("info", "items"))
        features, items = (component.ask(f"http.{DOMAIN}", f"type='get' to='{DOMAIN}'", query) for query in asked)
    assert "mailto:kept@example.com" in features
    assert "kept.example.com" in items
    assert f"http.{DOMAIN}" in items  # sub-domains are listed without being told
    rights_are_for_the_exact_address(server)


def rights_are_for_the_exact_address(server: DebianServer) -> None:
    """Check that the gateway's address may run commands; another one of its domain may not, as a user's is."""
    command = f"<command xmlns='http://jabber.org/protocol/commands' node='{COMMANDS}add-user' action='execute'/>"
    with raw_component(server, f"http.{DOMAIN}", "change-me") as component:
        component.await_privileges()  # until then, newer versions of ejabberd drop iqs
        for sender in (f"http.{DOMAIN}", f"http.{DOMAIN}/x"):
            assert "status='executing'" in component.ask(sender, f"type='set' to='{DOMAIN}'", command).replace('"', "'")
        assert "<forbidden" in component.ask(f"nobody@http.{DOMAIN}", f"type='set' to='{DOMAIN}'", command)


# A service


def test_the_unit_says_what_to_install_for_it(install: Install) -> None:
    server = install("prosody")
    unit = (ROOT / "etc" / "tigrest.service").read_text("utf-8")
    steps = re.findall(r"(?m)^#     (install .*)$", unit)
    assert len(steps) >= 3
    with Reader(server, skips=("curl", "tigrest")).following() as reader:
        secret = server.folder / "FILE_WITH_THE_SECRET"
        shutil.copy(reader.config.parent / "component-secret", secret)
        for step in steps:
            reader.shell(step.replace("-g tigrest", "").replace("FILE_WITH_THE_SECRET", str(secret)))
        assert stat.S_IMODE((reader.config.parent / "component-secret").stat().st_mode) == 0o640
        reader.config.write_text(server.moved(reader.config.read_text()).replace("# c2s_ca_file", "c2s_ca_file"))
        [start] = re.findall(r"(?m)^ExecStart=\S+/tigrest serve (.*)$", unit)
        checks = [
            tigrest(command, *options, "--config", str(reader.config), cwd=server.folder)
            for command, *options in (["check"], ["check", "--live"], ["api-key", "add", "ci"])
        ]
        assert [done.returncode for done in checks] == [0, 1, 0], checks  # Prosody lists no accounts
        reader.serve(*server.moved(start).split())
        with client(reader) as http:
            assert http.get(LOGIN, auth=ADMIN).status_code == 200


# Certificates


def logins(reader: Reader, **xmpp: str) -> str:
    """Return what ``tigrest check --live`` says of logins, with other settings of ``[xmpp]``."""
    variables = {f"TIGREST__XMPP__{key.upper()}": value for key, value in xmpp.items()}
    done = tigrest("check", "--live", "--config", str(reader.config), cwd=reader.server.folder, **variables)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("logins ")]
    return " ".join(line.split()[1:])


def test_without_a_certificate_prosody_is_said_to_need_one_whatever_is_set(install: Install) -> None:
    server = install("prosody")
    skips = ("openssl", "prosodyctl --root cert", "install -D -m 644", "rm ", "curl", "tigrest serve")
    with Reader(server, skips=skips).following() as reader:
        reader.config.write_text(re.sub(r"(?m)^c2s_ca_file.*\n", "", reader.config.read_text()))
        for tls in ("require", "allow"):
            said = logins(reader, c2s_tls=tls)
            assert "cannot do TLS: " in said
            assert "it needs a certificate for example.com, and a key, that it can read" in said
        assert 'offers no login without TLS; set [xmpp] c2s_tls = "require"' in logins(reader, c2s_tls="never")
        main = server.folder / server.main
        main.write_text("c2s_require_encryption = false\n" + main.read_text())  # as the page says, for trying things out
        server.restart()
        assert logins(reader, c2s_tls="never") == "works"


def test_the_certificate_that_debian_makes_for_ejabberd_leads_to_one_that_works(install: Install, tmp_path: Path) -> None:
    server = install("ejabberd")
    with Reader(server, skips=("curl", "tigrest serve")).following() as reader:
        assert logins(reader) == "works"
        etc = server.folder / "etc"
        own = reader.config.read_text()
        reader.config.write_text(re.sub(r"(?m)^c2s_ca_file.*\n", "", own))
        assert "self-signed certificate; name it, or its authority, in [xmpp] c2s_ca_file" in logins(reader)
        main = server.folder / server.main
        main.write_text(main.read_text().replace(f"{DOMAIN}.pem", "ejabberd.pem"))
        server.restart()
        told = "name it, or its authority, in [xmpp] c2s_ca_file, and its subjectAltName has to be DNS:example.com"
        assert told in logins(reader)
        named = logins(reader, c2s_ca_file=str(etc / "ejabberd" / "ejabberd.pem"))
        assert "give the server one for example.com: its subjectAltName has to be DNS:example.com" in named


@pytest.mark.parametrize("kind", list(DEBIAN))
def test_a_domain_that_the_server_does_not_serve_is_said(kind: str, install: Install) -> None:
    with Reader(install(kind), skips=("curl", "tigrest serve")).following() as reader:
        said = logins(reader, domain="example.org")
        assert "correct [xmpp] domain, or let the server serve it (hosts of ejabberd, a VirtualHost of Prosody)" in said


# Trouble


def with_iq(server: DebianServer) -> None:
    file = server.folder / "etc" / "ejabberd" / "tigrest.yml"
    file.write_text(re.sub(r'(?m)^    # (iq:|  ")', r"    \1", file.read_text()))


def on_a_port_that_is_taken(server: DebianServer) -> None:
    file = server.folder / "etc" / "ejabberd" / "tigrest.yml"
    file.write_text(file.read_text().replace(f"port: {server.http}", f"port: {server.ports[5280]}"))


def with_a_module_twice(server: DebianServer) -> None:
    file = server.folder / server.main
    file.write_text(file.read_text().replace("\nmodules:\n", "\nmodules:\n  mod_privilege: {}\n"))


def without_the_package(server: DebianServer) -> None:
    """Leave ``prosody-modules`` out: Prosody does not find its folder."""
    file = server.folder / server.main
    text = file.read_text()
    assert text.count('"privilege"') == 1
    file.write_text(text.replace('"privilege"', '"privilege_of_no_package"'))


@pytest.mark.parametrize(
    ("kind", "change", "symptom"),
    [
        ("ejabberd", with_iq, "Unknown option: iq"),
        ("ejabberd", on_a_port_that_is_taken, "address already in use"),
        ("ejabberd", with_a_module_twice, "Duplicated option"),
        ("prosody", without_the_package, "Unable to load module 'privilege"),
    ],
)
def test_what_the_page_has_as_trouble_is_what_the_server_says(
    kind: str, change: Callable[[DebianServer], None], symptom: str, install: Install
) -> None:
    server = install(kind)
    assert symptom in section(server.page, "Trouble")
    with Reader(server, skips=("curl", "tigrest", "systemctl", "prosodyctl adduser", "ejabberdctl")).following():
        change(server)
        command, environment = server.command()
        with (server.folder / "out.log").open("w") as out:
            process = subprocess.Popen(command, cwd=server.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        try:
            eventually(lambda: symptom in logs_of(server.folder))
        finally:
            process.kill()
            process.wait()


def logs_of(folder: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in folder.rglob("*.log"))


# Failed logins


def guess(http: httpx2.Client, count: int) -> None:
    """Try wrong passwords of many users; each must be 401."""
    for number in range(count):
        answer = http.get(LOGIN, auth=(f"user{number}", "wrong"))
        assert answer.status_code == 401, (number, answer.text)


def test_wrong_passwords_do_not_have_ejabberd_ban_the_gateway(install: Install) -> None:
    with Reader(install("ejabberd")).following() as reader, client(reader) as http:
        guess(http, 25)
        assert http.get(LOGIN, auth=ADMIN).status_code == 200


def test_a_gateway_that_ejabberd_bans_says_so_once(install: Install) -> None:
    server = install("ejabberd")
    assert isinstance(server, DebianEjabberd)
    with Reader(server, skips=("curl", "tigrest")).following() as reader:
        main = server.folder / server.main
        main.write_text(main.read_text().replace("mod_fail2ban: { access: trusted_network }", "mod_fail2ban: {}"))
        server.restart()
        reader.serve()
        with client(reader) as http:
            guess(http, 19)
            http.get(LOGIN, auth=("user19", "wrong"))  # 401, or banned already
            for _ in range(3):
                answer = http.get(LOGIN, auth=ADMIN)
                assert (answer.status_code, "retry-after" in answer.headers) == (503, True), answer.text
                assert re.search(r"policy-violation \(Too many .*failed authentications", answer.json()["detail"]), answer.text
    log = log_of(reader)
    assert log.count("logins cannot be checked: ") == log.count("failed authentications") == 1, log
