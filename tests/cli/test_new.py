"""``tigrest new``: what it writes works as it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.cli.process import run_script_tests, tigrest
from tigrest.cli.new import write_command, write_handler
from tigrest.errors import ConfigError, TigrestError
from tigrest.testing import serving


@pytest.fixture(autouse=True)
def _in_an_empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TIGREST_CONFIG", raising=False)


@pytest.mark.parametrize("name", ["orders/list", "hello", "a/b-c/2fa", "none", "handler", "x_y"])
def test_a_new_handler_serves_at_once(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert write_handler(name, None) == 0
    assert f"wrote scripts/rest/{name}.py\n" in capsys.readouterr().out
    ast.parse((tmp_path / "tests" / "rest" / name).with_name(f"test_{Path(name).name}.py").read_text())
    with serving(tmp_path / "scripts" / "rest", builtins=False) as gateway:
        assert gateway.gateway.table.problems == ()
        answer = gateway.get(f"/rest/{name}/world", headers={"Accept": "application/json"})
        assert answer.json() == {"greeting": {"to": "world", "from": "localhost"}}


def test_the_test_of_a_new_handler_passes(tmp_path: Path) -> None:
    write_handler("orders/list", None)
    (tmp_path / "conftest.py").write_text("from tigrest.testing import gateway\n")
    done = run_script_tests(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_it_says_where_and_what_to_try(tmp_path: Path) -> None:
    done = tigrest("new", "orders/list", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "wrote scripts/rest/orders/list.py",
        "wrote tests/rest/orders/test_list.py",
        "try: curl http://127.0.0.1:8080/rest/orders/list/world",
    ]


def test_the_suffix_may_be_written(tmp_path: Path) -> None:
    write_handler("hello.py", None)
    assert (tmp_path / "scripts" / "rest" / "hello.py").is_file()


def test_it_goes_where_the_configuration_has_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.toml").write_text('[scripts]\ndirs = ["mine"]\n[http]\nhost = "::"\nport = 9000')
    write_handler("hello", Path("c.toml"))
    assert (tmp_path / "mine" / "hello.py").is_file()
    assert "try: curl http://127.0.0.1:9000/rest/hello/world\n" in capsys.readouterr().out


@pytest.mark.parametrize("existing", ["scripts/rest/orders/list.py", "tests/rest/orders/test_list.py"])
def test_nothing_is_overwritten(existing: str, tmp_path: Path) -> None:
    file = tmp_path / existing
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    with pytest.raises(TigrestError, match=rf"{existing} exists already"):
        write_handler("orders/list", None)
    assert [path.read_text() for path in tmp_path.rglob("*.py")] == ["mine"]


@pytest.mark.parametrize(
    "name", ["", "/", "/x", "../x", "a/../../x", "_a", "a/_b", ".a", "a/.b", "static", "static/x", "a/static", "a b", "a\n", "ä", "a.b"]
)
def test_names_that_cannot_be_served_are_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError):
        write_handler(name, None)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "scripts").touch()
    with pytest.raises(TigrestError, match=r"scripts/rest/hello\.py cannot be written: "):
        write_handler("hello", None)


@pytest.mark.parametrize("name", ["orders/count_orders", "greet", "a/b-c/let-in"])
def test_a_new_command_is_served_at_once(name: str, tmp_path: Path) -> None:
    assert write_command(name, None) == 0
    function = Path(name).name.replace("-", "_")
    with serving(commands=[tmp_path / "scripts" / "commands"], builtins=False) as gateway:
        assert gateway.gateway.table.problems == ()
        answer = gateway.client.get(f"/api/{function}?name=world", auth=("alice", "secret"))
        assert answer.json() == "Hello world, says localhost"


def test_the_test_of_a_new_command_passes(tmp_path: Path) -> None:
    write_command("orders/count_orders", None)
    (tmp_path / "conftest.py").write_text("from tigrest.testing import gateway\n")
    done = run_script_tests(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


@pytest.mark.parametrize("name", ["Count", "2fa", "import", "x/_y"])
def test_a_name_that_no_command_can_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        write_command(name, None)


def test_it_says_where_the_command_is_and_what_to_try(tmp_path: Path) -> None:
    done = tigrest("new", "--command", "orders/count_orders", cwd=tmp_path)
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "wrote scripts/commands/orders/count_orders.py",
            "wrote tests/commands/orders/test_count_orders.py",
            "try: curl -u alice@localhost 'http://127.0.0.1:8080/api/count_orders?name=world'",
        ],
    )
