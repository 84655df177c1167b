"""Permissions in the configuration: explained, told when they name nothing, changed without a restart."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from tests.cli.process import tigrest
from tests.ctl.shell import Shell
from tigrest.config import Config
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.jid import JID

ADMIN, ALICE = ("admin", "secret"), ("alice", "secret")
GROUPS = {"helpers": {"who": ["alice@localhost"], "what": ["list_methods"]}}


def explained(gateway: TestGateway, **arguments: str) -> list[tuple[str, bool, str]]:
    answer = gateway.client.get("/api/explain", params=arguments, auth=ADMIN)
    assert answer.status_code == 200, answer.text
    return [(each["group"], each["allows"], each["reason"]) for each in answer.json()]


def test_each_group_is_explained() -> None:
    with serving(api={"permissions": GROUPS}) as gateway:
        assert explained(gateway, caller="alice@localhost", name="list_methods") == [
            ("admins", False, "the caller is no admin ([auth] admins)"),
            ("helpers", True, "it names the caller and the command"),
            ("loopback", False, "it does not name list_methods"),
            ("role", False, "it does not count: the command is named by helpers"),
        ]
        assert explained(gateway, caller="nobody", name="status", address="::1")[2] == (
            "loopback",
            True,
            "it names the caller and the command",
        )
        assert explained(gateway, caller="nobody", name="explain")[-1][1:] == (
            False,
            "explain needs the role admin, which open does not have ([auth] admins)",
        )
        assert explained(gateway, caller="admin@localhost", name="explain")[0][1]
        assert gateway.client.get("/api/explain", params={"caller": "x", "name": "explain"}, auth=ADMIN).status_code == 404
        assert gateway.client.get("/api/explain", params={"caller": "nobody", "name": "explian"}, auth=ADMIN).status_code == 404
        assert gateway.client.get("/api/explain", params={"caller": "nobody", "name": "explain"}, auth=ALICE).status_code == 403


def test_handlers_and_tokens_are_explained() -> None:
    groups = {
        "ci": {"who": ["scope:deploy"], "what": ["rest:/rest/stream", "status"]},
        "me": {"who": ["own"], "what": ["rest:/rest/user/*"]},
    }
    with serving(api={"permissions": groups}) as gateway:
        store = gateway.gateway.parts.authentication.tokens._store
        gateway.client.portal.call(store.add, "ci", JID("bob@localhost"), ["deploy"])
        assert explained(gateway, caller="ci", name="rest:/rest/stream")[1] == ("ci", True, "it names the caller and the handler")
        assert explained(gateway, caller="ci", name="status")[1] == ("ci", True, "it names the caller and the command")
        assert explained(gateway, caller="-", name="rest:/rest/stream/{to}") == [
            ("admins", False, "the caller is no admin ([auth] admins)"),
            ("ci", False, "the caller is without a token of scope deploy"),
            ("me", False, "it does not name rest:/rest/stream"),
            ("loopback", False, "it does not name rest:/rest/stream"),
            ("role", False, "it does not count: the handler is named by ci"),
        ]
        assert explained(gateway, caller="bob@localhost", name="rest:/rest/user/bob@localhost")[2][1]
        assert not explained(gateway, caller="bob@localhost", name="rest:/rest/user/alice@localhost")[2][1]
        avatar = {"caller": "bob@localhost", "name": "rest:/rest/avatar/bob@localhost"}
        assert "say which method: GET, PUT" in gateway.client.get("/api/explain", params=avatar, auth=ADMIN).json()["detail"]
        assert explained(gateway, **avatar, method="put")[-1] == ("role", True, "the caller has the role user")
        near = gateway.client.get("/api/explain", params={"caller": "-", "name": "rest:/rest/strem"}, auth=ADMIN)
        assert (near.status_code, near.json()["detail"]) == (
            404,
            "there is no handler at '/rest/strem'; did you mean rest:/rest/stream?",
        )
        assert gateway.client.get("/api/explain", params={"caller": "no token", "name": "status"}, auth=ADMIN).status_code == 404


RECIPE = re.compile(r"^### (.+?)\n.*?^```toml\n(.*?)^```\n+```text\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGE = (Path(__file__).parents[2] / "docs" / "permissions.md").read_text("utf-8")


def test_the_cookbook_has_ten_recipes() -> None:
    assert len(RECIPE.findall(PAGE)) == 10


@pytest.mark.parametrize(("title", "settings", "screen"), RECIPE.findall(PAGE))
def test_recipes_are_explained_as_printed(title: str, settings: str, screen: str, caplog: pytest.LogCaptureFixture) -> None:
    with serving(domain="example.org", **tomllib.loads(settings)) as gateway:
        shell, printed = Shell(gateway), []
        for line in [line for line in screen.splitlines() if line.startswith("$ ")]:
            _, program, *words = shlex.split(line)
            assert program == "tigrest"
            if words[0] == "token":
                _, _, name, _, owner, _, scope = words
                gateway.client.portal.call(gateway.gateway.parts.authentication.tokens._store.add, name, JID(owner), [scope])
                printed += [line, "tgt_…"]
            else:
                done = shell.ctl(*words[1:])
                assert done.err == ""
                printed += [line, *done.out.splitlines()]
        assert "\n".join(printed) + "\n" == screen
    assert "api.permissions" not in caplog.text, "all names are there"


def test_names_of_no_command_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with serving(api={"permissions": {"g": {"what": ["list_metods"]}}}) as gateway:
        gateway.reload()
        told = [record.getMessage() for record in caplog.records if "api.permissions" in record.getMessage()]
        assert told == ["api.permissions.g.what: there is no command 'list_metods'; did you mean 'list_methods'?"]


def test_check_tells_of_them_too(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('[api.permissions.g]\nwhat = ["list_metods"]\n')
    done = tigrest("check", "--config", "c.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (
        1,
        "api.permissions.g.what: there is no command 'list_metods'; did you mean 'list_methods'?\n",
    )


def test_they_change_without_a_restart() -> None:
    with serving() as gateway:
        assert gateway.client.get("/api/list_methods").status_code == 200
        before = gateway.gateway.config
        changed = before.model_copy(update={"api": Config.model_validate({"api": {"permissions": GROUPS}}).api})
        gateway.client.portal.call(gateway.gateway.reconfigure, changed)
        assert gateway.client.get("/api/list_methods").status_code == 401
        assert gateway.client.get("/api/list_methods", auth=ALICE).status_code == 200


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[api.permissions.g]\nwho = ["role:root"]', 'c.toml:2: api.permissions.g.who: has "role:root" in it, which means nobody'),
        ('[api.permissions.g]\nfrom = ["ftp"]', 'c.toml:2: api.permissions.g.from: has "ftp" in it, which is no way to call'),
        ('[api.permissions.g]\nwhat = ["[effect:x]"]', 'c.toml:2: api.permissions.g.what: has "[effect:x]" in it'),
        ('[api.permissions.g]\nwhoo = ["all"]', "api.permissions.g.whoo: unknown key; did you mean api.permissions.g.who?"),
        ("[api.permissions.g]\nwho = 1", "api.permissions.g.who"),
        ('[auth]\ndomain_admins = {"a@b" = ["x@y"]}', "auth.domain_admins"),
    ],
)
def test_what_cannot_be_understood_is_told(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "c.toml").write_text(text)
    done = tigrest("check", "--config", "c.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert problem in done.stderr
