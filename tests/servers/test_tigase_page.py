"""The page about Tigase, block by block, on a played one: its settings are those of the servers, its lines are pasted."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

from tests.cli.process import serving, tigrest
from tests.curl import BASE, Shell
from tests.servers.process import COMPONENT, DOMAIN, SECRET, USERS
from tests.servers.tigase import Tigase
from tests.test_docs import Block, blocks

PAGE = "tigase.md"


def here(text: str) -> str:
    """Return text of the page with the addresses of the tests."""
    return text.replace("rest.example.com", COMPONENT).replace("example.com", DOMAIN)


def listed(config: str, name: str) -> list[str]:
    """Return the addresses of a list in ``config.tdsl``."""
    found = re.search(rf"{name} = \[(.*?)\]", config)
    assert found is not None, name
    return re.findall(r"'([^']+)'", found[1])


def as_config(toml: str, server: Tigase, folder: Path) -> str:
    """Return tigrest's settings with the ports and files of the test. The played Tigase has no TLS."""
    secret = folder / "component-secret"
    secret.write_text(SECRET)
    changed = {"5270": str(server.component), "5222": str(server.c2s), "/etc/tigrest/component-secret": str(secret), '"require"': '"allow"'}
    for there, value in changed.items():
        assert there in toml
        toml = toml.replace(there, value)
    return here(toml) + f'\n[state]\ndatabase = "{folder}/state.sqlite3"\n'


def pasted(block: Block, base: str) -> str:
    """Return the lines of a block with the address and the passwords of the test."""
    text = here(block.text).replace(BASE, base)
    return re.sub(r"-u (\w+)@(\S+):PASSWORD", lambda found: f"-u {found[1]}@{found[2]}:{USERS[found[1]]}", text)


def test_every_block_of_the_page_works(tmp_path: Path) -> None:
    examples = blocks(PAGE)
    tdsl, toml = (next(block.text for block in examples if block.language == language) for language in ("text", "toml"))
    server = Tigase(tmp_path)
    server.admins = set(listed(here(tdsl), "admins"))
    [server.trusted] = listed(here(tdsl), "trusted")
    server.start()
    config = tmp_path / "tigrest.toml"
    config.write_text(as_config(toml, server, tmp_path))
    try:
        checked = tigrest("check", "--live", "--config", str(config), cwd=tmp_path)
        assert [line for line in checked.stdout.splitlines() if "  does not  " in line and "PUT /rest/avatar" not in line] == []
        with serving("--config", str(config), cwd=tmp_path) as (_, base):
            shell, answered = Shell("bash", tmp_path), 0
            for block, after in pairwise(examples):
                if block.language != "bash" or BASE not in block.text:
                    continue
                answer = shell.paste(pasted(block, base))
                assert answer.status == 200, (block.text, answer.text)
                if after.language == "json":
                    assert answer.json() == json.loads(here(after.text))
                    answered += 1
            assert answered == 4
    finally:
        server.stop()
