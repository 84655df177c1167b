"""The examples in ``etc/`` are those of the pages, and are what the program and the servers take."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.test_docs import blocks
from tigrest.cli.program import app
from tigrest.config import Config, load

ETC = Path(__file__).parent.parent / "etc"
SERVERS = ["prosody.md", "ejabberd.md", "tigase.md", "openfire.md"]


def read(name: str) -> str:
    return (ETC / name).read_text("utf-8")


# Configuration


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables that put the secret where the test can."""
    secret = tmp_path / "secret"
    secret.write_text("s3cret\n")
    return {"TIGREST__XMPP__SECRET_FILE": str(secret)}


def test_the_example_of_a_component_is_valid(environment: dict[str, str]) -> None:
    config = load(ETC / "config.component.toml", environment)
    assert (config.xmpp.backend, config.xmpp.secret.get_secret_value()) == ("component", "s3cret")
    assert (config.xmpp.effective_send_as, config.xmpp.effective_adhoc_as) == ("user", "gateway")


@pytest.mark.parametrize("page", SERVERS)
def test_pages_of_servers_have_a_complete_configuration(page: str, environment: dict[str, str], tmp_path: Path) -> None:
    [block] = blocks(page, "toml")
    (tmp_path / "config.toml").write_text(block.text)
    config = load(tmp_path / "config.toml", environment)
    assert config.xmpp.backend == "component"
    given = tomllib.loads(block.text)["xmpp"]
    assert {"domain", "jid", "port", "secret_file", "c2s_port", "c2s_tls", "send_as", "adhoc_as"} <= set(given)


def test_ports_of_servers_are_told_where_the_port_is_set() -> None:
    [comment] = re.findall(r"# Where the server accepts components: (.*)\.", read("config.component.toml"))
    for page, name in zip(SERVERS, ("Prosody", "ejabberd", "Tigase", "Openfire"), strict=True):
        port = tomllib.loads(blocks(page, "toml")[0].text)["xmpp"]["port"]
        assert any(part.startswith(str(port)) and name in part for part in comment.split(", ")), name


# The pages


@pytest.mark.parametrize(
    ("file", "page", "language"),
    [
        ("config.component.toml", "component.md", "toml"),
        ("prosody.cfg.lua", "prosody.md", "lua"),
        ("ejabberd.yml", "ejabberd.md", "yaml"),
    ],
)
def test_pages_show_the_files(file: str, page: str, language: str) -> None:
    assert [block.text for block in blocks(page, language)] == [read(file)]


@pytest.mark.parametrize("name", ["prosody.cfg.lua", "ejabberd.yml"])
def test_servers_and_configuration_agree(name: str) -> None:
    xmpp = tomllib.loads(read("config.component.toml"))["xmpp"]
    assert all(text in read(name) for text in (xmpp["domain"], xmpp["jid"], str(xmpp["port"])))


# systemd


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(read("tigrest.service"))
    return parser


def test_the_unit_runs_a_command_that_there_is() -> None:
    program, name, *arguments = shlex.split(unit()["Service"]["ExecStart"])
    assert Path(program).name == "tigrest"
    group: Any = typer.main.get_command(app)
    command = group.commands[name]
    assert command.make_context(name, arguments).params["config"] == Path("/etc/tigrest/config.toml")


def test_the_unit_checks_and_reloads_and_hears_from_the_process() -> None:
    service = unit()["Service"]
    assert (service["Type"], service["WatchdogSec"]) == ("notify", "60")
    checking, reloading = re.findall(r"(?m)^ExecReload=(.*)$", read("tigrest.service"))
    assert checking == service["ExecStart"].replace("serve", "check").removesuffix(" --no-reload")
    assert reloading == "/bin/kill -HUP $MAINPID"


def test_the_unit_waits_longer_than_the_gateway_takes_to_stop() -> None:
    assert int(unit()["Service"]["TimeoutStopSec"]) >= Config().http.stop_timeout + 20


def test_the_unit_is_hardened_and_can_write_its_state() -> None:
    service = unit()["Service"]
    assert service["User"] == "tigrest"
    assert (service["NoNewPrivileges"], service["ProtectSystem"], service["CapabilityBoundingSet"]) == ("yes", "strict", "")
    database = tomllib.loads(read("config.component.toml"))["state"]["database"]
    assert Path(database).is_relative_to(Path("/var/lib") / service["StateDirectory"])
    assert service["RestartPreventExitStatus"] == "2"


def test_the_unit_has_folders_for_scripts_of_both_kinds() -> None:
    scripts = tomllib.loads(read("config.component.toml"))["scripts"]
    [made] = re.findall(r"(?m)^#     install -d (.*)$", read("tigrest.service"))
    assert {*scripts["dirs"], *scripts["command_dirs"]} <= set(made.split())
    assert {"rest", "commands"} == {Path(folder).name for folder in (*scripts["dirs"], *scripts["command_dirs"])}


def test_the_unit_is_what_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        assert "CI" not in os.environ, "systemd-analyze is not installed; tests/servers/install.sh does that"
        pytest.skip("systemd-analyze is not installed; as root: apt-get install systemd")
    file = tmp_path / "tigrest.service"
    text = read("tigrest.service").replace("/opt/tigrest/bin/tigrest", "/bin/true")
    file.write_text(re.sub(r"(?m)^(User|Group)=.*$", r"\1=0", text))
    done = subprocess.run(["systemd-analyze", "verify", str(file)], capture_output=True, text=True, check=False)
    assert str(file) not in done.stderr, done.stderr
    assert done.returncode == 0, done.stderr


# nginx


def test_the_site_logs_no_query_strings_and_publishes_handlers_only() -> None:
    text = "\n".join(line for line in read("nginx.conf").splitlines() if not line.strip().startswith("#"))
    log_format = text[text.index("log_format") : text.index(";")]
    assert "$uri" in log_format
    assert not re.search(r"\$(request(_uri)?\b|args|query_string|http_referer)", log_format)
    assert set(re.findall(r"access_log \S+ (\w+);", text)) == {"tigrest"}
    assert set(re.findall(r"error_log \S+ (\w+);", text)) == {"crit"}
    locations = re.findall(r"location ([^{]+) \{\s+(\w+)", text)
    assert locations == [("= /rest", "proxy_pass"), ("/rest/", "proxy_pass"), ("/", "return")]
    [offered] = re.findall(r"    # location (\S+) \{\n    #     proxy_pass http://tigrest;\n    # \}\n", read("nginx.conf"))
    assert offered == "/api/"


def test_the_site_agrees_with_the_configuration(environment: dict[str, str]) -> None:
    text, config = read("nginx.conf"), load(ETC / "config.component.toml", environment)
    assert f"server {config.http.host}:{config.http.port};" in text
    assert "client_max_body_size 100m;" in text
    assert config.http.max_upload == Config().http.max_upload == 100 * 1024 * 1024
    [patience] = re.findall(r"proxy_read_timeout (\d+)s;", text)
    assert int(patience) > max(config.http.request_timeout, 300)
    assert [str(network) for network in config.http.trusted_proxies] in (["127.0.0.1"], ["127.0.0.1/32"])


def test_the_site_is_what_nginx_takes(tmp_path: Path) -> None:
    if shutil.which("nginx") is None or shutil.which("openssl") is None:
        assert "CI" not in os.environ, "nginx is not installed; tests/servers/install.sh does that"
        pytest.skip("nginx is not installed; as root: apt-get install nginx-light openssl")
    text = read("nginx.conf").replace("/etc/letsencrypt/live/rest.example.com", str(tmp_path)).replace("/var/log/nginx", str(tmp_path))
    (tmp_path / "site.conf").write_text(re.sub(r"listen (\[::\]:)?(\d+)", r"listen \g<1>1\2", text))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    main = f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}} http {{ {folders} include {tmp_path}/site.conf; }}"
    (tmp_path / "nginx.conf").write_text(main)
    key = ["-newkey", "rsa:2048", "-nodes", "-keyout", str(tmp_path / "privkey.pem"), "-subj", "/CN=rest.example.com"]
    subprocess.run(["openssl", "req", "-x509", *key, "-out", str(tmp_path / "fullchain.pem")], check=True, capture_output=True)
    command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ | {"LC_ALL": "C"})
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr, json.dumps(done.stderr)
