"""``tigrest check`` and ``tigrest routes``."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.process import tigrest

GOOD = """
from tigrest import Handler

class Good(Handler):
    regex = "/good/([^/]+)"
    requiredRole = "admin"
    apiKey = True
    def exec_get(self, name): ...
    def exec_put(self, name): ...
"""


def project(folder: Path, **scripts: str) -> Path:
    for name, text in scripts.items():
        path = folder / "scripts" / "rest" / "shop" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_good_scripts_are_counted(tmp_path: Path) -> None:
    done = tigrest("check", cwd=project(tmp_path, good=GOOD), TIGREST__SCRIPTS__BUILTINS="false")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no problems; 1 handler in 1 script\n", "")


def test_a_broken_script_is_named_with_its_line(tmp_path: Path) -> None:
    done = tigrest("check", cwd=project(tmp_path, good=GOOD, bad=GOOD.replace('"admin"', '"root"')))
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == 'scripts/rest/shop/bad.py:6: Good.requiredRole is \'root\'; use None, "user" or "admin"\n'


def test_check_counts_commands_by_their_names(tmp_path: Path) -> None:
    (tmp_path / "scripts" / "rest").mkdir(parents=True)
    (tmp_path / "scripts" / "commands").mkdir()
    (tmp_path / "scripts" / "commands" / "colours.py").write_text(
        "from tigrest import command\n\n\n"
        "@command('colours')\ndef first(ctx): ...\n\n\n@command('colours', version=1)\ndef second(ctx): ...\n"
    )
    done = tigrest("check", cwd=tmp_path, TIGREST__SCRIPTS__BUILTINS="false")
    assert (done.returncode, done.stdout, done.stderr) == (0, "no problems; 0 handlers and 1 command in 1 script\n", "")


def test_check_changes_nothing(tmp_path: Path) -> None:
    assert tigrest("check", cwd=tmp_path).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_check_reports_a_bad_configuration(tmp_path: Path) -> None:
    done = tigrest("check", cwd=tmp_path, TIGREST__HTTP__PORT="x")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "tigrest: TIGREST__HTTP__PORT: http.port: is text; expected a whole number\n"


def test_check_reports_a_missing_directory_of_scripts(tmp_path: Path) -> None:
    done = tigrest("check", cwd=tmp_path, TIGREST__SCRIPTS__DIRS='["no"]')
    assert done.returncode == 2
    assert done.stderr == "tigrest: scripts.dirs: no does not exist; create it (mkdir -p no) or correct scripts.dirs\n"


def test_routes_are_listed_in_columns(tmp_path: Path) -> None:
    done = tigrest("routes", cwd=project(tmp_path, good=GOOD), TIGREST__SCRIPTS__BUILTINS="false")
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "METHODS  URI                     ROLE   KEY  SCRIPT",
        "GET PUT  /rest/shop/good/{name}  admin  key  scripts/rest/shop/good.py",
    ]


def test_routes_are_listed_as_json_even_beside_a_broken_script(tmp_path: Path) -> None:
    done = tigrest("routes", "--json", cwd=project(tmp_path, good=GOOD, bad="("), TIGREST__SCRIPTS__BUILTINS="false")
    assert done.returncode == 0
    assert done.stderr.startswith("tigrest: scripts/rest/shop/bad.py:1: SyntaxError")
    (route,) = json.loads(done.stdout)
    assert (route["methods"], route["role"], route["api_key"]) == (["GET", "PUT"], "admin", True)
    assert route["script"] == "scripts/rest/shop/good.py"


def test_the_built_in_routes_are_there(tmp_path: Path) -> None:
    routes = json.loads(tigrest("routes", "--json", cwd=tmp_path).stdout)
    assert "/rest/stream" in " ".join(route["uri"] or "" for route in routes)


BOT = """
from tigrest import Handler, Match

class Bot(Handler):
    match = Match(local="bot", type="chat", body="/.*")
    requiredRole = "user"
    def on_message(self): ...
    def on_iq(self): ...
"""


def test_scripts_that_listen_are_counted_and_listed(tmp_path: Path) -> None:
    folder = project(tmp_path, good=GOOD, bot=BOT)
    assert tigrest("check", cwd=folder, TIGREST__SCRIPTS__BUILTINS="false").stdout == "no problems; 2 handlers in 2 scripts\n"
    assert tigrest("routes", cwd=folder, TIGREST__SCRIPTS__BUILTINS="false").stdout.splitlines()[2] == (
        "on_message on_iq  type chat, to bot@…, body /.*  user   -    scripts/rest/shop/bot.py"
    )
    _, bot = json.loads(tigrest("routes", "--json", cwd=folder, TIGREST__SCRIPTS__BUILTINS="false").stdout)
    assert (bot["methods"], bot["uri"], bot["stanzas"]) == (["on_message", "on_iq"], None, "type chat, to bot@…, body /.*")


def test_check_names_broken_plugins_and_counts_those_that_work(tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "bad.py").write_text("x = 1\nimport no_such_module\n")
    (tmp_path / "plugins" / "shop.py").write_text("class Stock: ...\n")
    user = "from tigrest_plugins.shop import Stock\n" + GOOD
    variables = {"TIGREST__SCRIPTS__BUILTINS": "false", "TIGREST__PLUGINS__DIRS": '["plugins"]'}
    done = tigrest("check", cwd=project(tmp_path, good=user), **variables)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == (
        "plugins/bad.py:2: plugin bad: ModuleNotFoundError: No module named 'no_such_module'; mend it, or take it out of the folder\n"
    )
    (tmp_path / "plugins" / "bad.py").unlink()
    done = tigrest("check", cwd=tmp_path, **variables)
    assert (done.returncode, done.stdout, done.stderr) == (0, "no problems; 1 handler in 1 script, 1 plugin\n", "")


def test_check_reports_a_missing_folder_of_plugins(tmp_path: Path) -> None:
    done = tigrest("check", cwd=tmp_path, TIGREST__PLUGINS__DIRS='["no"]')
    assert done.returncode == 2
    assert done.stderr == "tigrest: plugins.dirs: no does not exist; create it (mkdir -p no) or correct plugins.dirs\n"
