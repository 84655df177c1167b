"""Plugins: a broken one is one line, and the others are loaded."""

from __future__ import annotations

import inspect
import logging
import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from tests.plugins.packages import install
from tests.waiting import eventually
from tigrest.errors import PluginError
from tigrest.plugins import Plugins
from tigrest.plugins.loading import HOOKS
from tigrest.service import Service
from tigrest.testing import serving

SERVICE = cast("Service", object())
"""Given to hooks, which do not look at it here."""

HOOK = "from tigrest.plugins import hookimpl\n@hookimpl\n"

GOOD = f"{HOOK}def tigrest_provide(type): return 'good' if type is str else None\n"

BROKEN = {
    "raises": ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError: Expecting property name enclosed in double quotes"),
    "exits": ("import sys\nsys.exit(3)\n", 2, "it calls sys.exit()"),
    "is cancelled": ("import asyncio\nraise asyncio.CancelledError\n", 2, "CancelledError"),
    "needs several lines": ("raise ValueError('a\\nb')\n", 1, "ValueError: a b"),
    "syntax": ("x = 1\ny = (\n", 2, "SyntaxError: '(' was never closed"),
    "import": ("\nimport no_such_module\n", 2, "ModuleNotFoundError: No module named 'no_such_module'"),
    "argument": (
        f"{HOOK}def tigrest_provide(typ, service): ...\n",
        2,
        "tigrest_provide has no argument typ; there are type, service",
    ),
    "unknown": (f"{HOOK}def tigrest_provid(type): ...\n", 2, "there is no hook tigrest_provid; did you mean tigrest_provide?"),
    "foreign": (f"{HOOK}def on_fire(type): ...\n", 2, "there is no hook on_fire; there is tigrest_provide"),
    "unmarked": ("\ndef tigrest_provide(type): ...\n", 2, "tigrest_provide is not marked as a hook; write @hookimpl above it"),
    "async": (f"{HOOK}async def tigrest_provide(type): ...\n", 2, "tigrest_provide is async, and hooks are not awaited; write def"),
    "wrapper": (
        "from tigrest.plugins import hookimpl\n@hookimpl(wrapper=True)\ndef tigrest_provide(type): ...\n",
        1,
        "Declared as wrapper=True or hookwrapper=True but function is not a generator function",
    ),
}
"""Source, line and cause by the way to be wrong."""


@contextmanager
def loaded(*dirs: Path) -> Iterator[Plugins]:
    plugins = Plugins(dirs)
    try:
        plugins.load()
        yield plugins
    finally:
        plugins.close()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give a directory on the path of imports."""
    before = set(sys.modules)
    path = tmp_path / "site"
    path.mkdir()
    monkeypatch.syspath_prepend(path)
    yield path
    for name in set(sys.modules) - before:
        if name.endswith("_plugin"):
            del sys.modules[name]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of plugins below the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    return Path("plugins")


# Ways to be wrong


@pytest.mark.parametrize("way", BROKEN)
def test_a_broken_plugin_of_a_folder_is_one_line_with_place_cause_and_cure(folder: Path, way: str) -> None:
    text, line, cause = BROKEN[way]
    (folder / "bad.py").write_text(text)
    (folder / "good.py").write_text(GOOD)
    with loaded(folder) as plugins:
        (problem,) = plugins.problems
        assert str(problem).startswith(f"plugins/bad.py:{line}: plugin bad: ")
        assert cause in str(problem)
        assert str(problem).endswith("; mend it, or take it out of the folder")
        assert "\n" not in str(problem)
        assert plugins.names == ["plugin good from plugins/good.py"]
        assert plugins.provide(str, SERVICE) == "good"
        assert plugins.provide(int, SERVICE) is None


@pytest.mark.parametrize("way", [way for way in BROKEN if way != "wrapper"])
def test_a_broken_plugin_of_a_package_names_it(site: Path, way: str) -> None:
    text, line, cause = BROKEN[way]
    install(site, "shop-things", bad=text, good=GOOD)
    with loaded() as plugins:
        (problem,) = plugins.problems
        assert str(problem).startswith(f"{site}/bad_plugin.py:{line}: plugin bad of shop-things 1.2: ")
        assert cause in str(problem)
        assert str(problem).endswith("; mend it, or uninstall shop-things")
        assert plugins.names == ["plugin good of shop-things 1.2"]
        assert plugins.provide(str, SERVICE) == "good"


def test_a_package_without_its_module_is_named(site: Path) -> None:
    install(site, "shop-things", bad="")
    (site / "bad_plugin.py").unlink()
    with loaded() as plugins:
        assert [str(problem) for problem in plugins.problems] == [
            "plugin bad of shop-things 1.2: ModuleNotFoundError: No module named 'bad_plugin'; mend it, or uninstall shop-things"
        ]


def test_a_file_that_cannot_be_a_module_is_named(folder: Path) -> None:
    (folder / "my-shop.py").write_text(GOOD)
    with loaded(folder) as plugins:
        assert [str(problem) for problem in plugins.problems] == [
            "plugins/my-shop.py:1: plugin my-shop: ImportError: this cannot be the name of a module; use letters, digits and _; "
            "mend it, or take it out of the folder"
        ]


def test_a_folder_that_cannot_be_read_is_named_and_packages_are_loaded(tmp_path: Path, site: Path) -> None:
    install(site, "shop-things", good=GOOD)
    gone = tmp_path / "gone"
    with loaded(gone) as plugins:
        assert [str(problem) for problem in plugins.problems] == [
            f"plugins.dirs: {gone} cannot be read: No such file or directory; let tigrest read it"
        ]
        assert plugins.provide(str, SERVICE) == "good"


def test_nothing_of_a_plugin_stays_that_cannot_be_registered(folder: Path) -> None:
    (folder / "half.py").write_text(f"{HOOK}def tigrest_provide(type): return 'half'\n{HOOK}def tigrest_else(type): ...\n")
    with loaded(folder) as plugins:
        assert len(plugins.problems) == 1
        assert plugins.provide(str, SERVICE) is None


def test_what_goes_wrong_is_logged_in_one_line_with_the_traceback_at_debug(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "bad.py").write_text("1 / 0\n")
    (folder / "good.py").write_text(GOOD)
    caplog.set_level(logging.DEBUG, "tigrest.plugins")
    with loaded(folder) as plugins:
        plugins.report()
    seen = [(record.levelname, record.getMessage(), bool(record.exc_info)) for record in caplog.records]
    assert seen == [
        ("INFO", "loaded plugin good from plugins/good.py", False),
        (
            "ERROR",
            "plugins/bad.py:1: plugin bad: ZeroDivisionError: division by zero; mend it, or take it out of the folder",
            False,
        ),
        ("DEBUG", "traceback of the line above", True),
    ]


@pytest.mark.parametrize(("raised", "cause"), [("KeyError('x')", "KeyError: 'x'"), ("SystemExit(1)", "it calls sys.exit()")])
def test_a_hook_that_raises_names_its_plugin(folder: Path, site: Path, raised: str, cause: str) -> None:
    (folder / "good.py").write_text(GOOD)
    install(site, "shop-things", bad=f"{HOOK}def tigrest_provide(type):\n    if type is int: raise {raised}\n")
    with loaded(folder) as plugins:
        assert plugins.provide(str, SERVICE) == "good"
        with pytest.raises(PluginError) as error:
            plugins.provide(int, SERVICE)
    assert str(error.value) == f"plugin bad of shop-things 1.2 raised {cause} (site/bad_plugin.py:4)"


def test_a_hook_that_gives_its_object_for_every_type_is_told(folder: Path) -> None:
    (folder / "shop.py").write_text(f"class Stock: pass\n{HOOK}def tigrest_provide(type): return Stock()\n")
    with loaded(folder) as plugins, pytest.raises(PluginError, match=r"shop\.Stock for int; let its tigrest_provide return None for types"):
        plugins.provide(int, SERVICE)


GATE = "import threading\nGATE = threading.Event()\n"


@pytest.mark.parametrize("where", ["folder", "package"])
def test_a_plugin_that_does_not_end_its_import_is_named_in_the_log(
    folder: Path, site: Path, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    slow = f"{GATE}def wait():\n    assert GATE.wait(10)\nwait()\n"
    (folder / "good.py").write_text(GOOD)
    if where == "folder":
        (folder / "slow.py").write_text(slow)
        module, place, name, cure = "tigrest_plugins.slow", "plugins/slow.py:4", "plugin slow", "take it out of the folder"
    else:
        install(site, "shop-things", slow=slow)
        module, place, name, cure = "slow_plugin", "site/slow_plugin.py:4", "plugin slow of shop-things 1.2", "uninstall shop-things"
    plugins = Plugins([folder], slow_seconds=0.05)
    loading = threading.Thread(target=plugins.load)
    loading.start()
    try:
        eventually(lambda: caplog.messages)
        assert caplog.messages == [f"{place}: {name} has not ended its import after 0.05 s, and nothing goes on before; mend it, or {cure}"]
        assert loading.is_alive()
        sys.modules[module].GATE.set()
        loading.join(10)
        assert (plugins.problems, len(plugins.names)) == ([], 2)
    finally:
        plugins.close()


def test_a_hook_that_does_not_return_is_named_in_the_log(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "good.py").write_text(GOOD)
    (folder / "slow.py").write_text(f"{GATE}{HOOK}def tigrest_provide(type):\n    if type is int: assert GATE.wait(10)\n")
    plugins = Plugins([folder], slow_seconds=0.05)
    plugins.load()
    asking = threading.Thread(target=plugins.provide, args=(int, SERVICE))
    try:
        assert plugins.provide(str, SERVICE) == "good"
        asking.start()
        eventually(lambda: caplog.messages)
        message = "plugins/slow.py:6: plugin slow has not ended tigrest_provide after 0.05 s, and nothing goes on before; "
        assert [text.startswith(message) for text in caplog.messages] == [True]
        sys.modules["tigrest_plugins.slow"].GATE.set()
        asking.join(10)
    finally:
        plugins.close()


# Folders


def test_a_folder_has_modules_and_packages_sorted_and_the_first_folder_counts(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    for path, answer in (
        (folder / "b.py", "b"),
        (folder / "a" / "__init__.py", "a"),
        (folder / "_hidden.py", "hidden"),
        (folder / ".dotted.py", "dotted"),
        (folder / "data" / "c.py", "in a folder that is no package"),
        (other / "b.py", "hidden by the first folder"),
        (other / "c.py", "c"),
    ):
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"{HOOK}def tigrest_provide(type): return {answer!r} if type is str else None\n")
    with loaded(folder, other) as plugins:
        assert plugins.problems == []
        assert plugins.names == ["plugin a from plugins/a", "plugin b from plugins/b.py", f"plugin c from {other}/c.py"]
        assert plugins.provide(str, SERVICE) == "a"


def test_folders_come_before_packages(folder: Path, site: Path) -> None:
    (folder / "z.py").write_text(f"{HOOK}def tigrest_provide(type): return 'folder' if type is str else None\n")
    install(site, "shop-things", good=GOOD)
    with loaded(folder) as plugins:
        assert plugins.names == ["plugin z from plugins/z.py", "plugin good of shop-things 1.2"]
        assert plugins.provide(str, SERVICE) == "folder"


def test_a_plugin_of_a_folder_imports_its_neighbours(folder: Path) -> None:
    (folder / "_kept.py").write_text("VALUE = 'kept'\n")
    (folder / "one.py").write_text(
        f"from ._kept import VALUE\nfrom tigrest_plugins import _kept\nassert _kept.VALUE is VALUE\n{HOOK}"
        "def tigrest_provide(type): return VALUE\n"
    )
    with loaded(folder) as plugins:
        assert plugins.problems == []
        assert plugins.provide(str, SERVICE) == "kept"


def test_an_edit_of_the_same_size_in_the_same_second_counts_and_nothing_is_written(folder: Path) -> None:
    for answer in ("one", "two"):
        (folder / "a.py").write_text(f"{HOOK}def tigrest_provide(type): return {answer!r}\n")
        with loaded(folder) as plugins:
            assert plugins.provide(str, SERVICE) == answer
    assert [path.name for path in folder.iterdir()] == ["a.py"]


def test_modules_of_folders_are_gone_after_the_end(folder: Path) -> None:
    (folder / "a.py").write_text(GOOD)
    with loaded(folder):
        assert "tigrest_plugins.a" in sys.modules
    assert not [name for name in sys.modules if name.startswith("tigrest_plugins")]
    with pytest.raises(ModuleNotFoundError):
        __import__("tigrest_plugins.a")


def test_modules_are_forgotten_while_another_thread_imports(folder: Path) -> None:
    class Importing(str):
        """A name of a module; to look at it imports another one."""

        __slots__ = ()

        def startswith(self, *args: Any) -> bool:
            sys.modules["_imported_meanwhile"] = sys
            return super().startswith(*args)

    sys.modules[Importing("_importing")] = sys
    try:
        with loaded(folder):
            pass
    finally:
        del sys.modules["_importing"], sys.modules["_imported_meanwhile"]


def test_every_hook_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "plugins.md"
    rows = re.findall(r"^\| `(\w+)\((.*?)\)` \|", page.read_text("utf-8"), re.MULTILINE)
    hooks = {name: [*inspect.signature(hook).parameters][1:] for name, hook in HOOKS.items()}
    assert {name: arguments.split(", ") for name, arguments in rows} == hooks


# In a gateway

SCRIPT = """
from tigrest import Handler, inject

class H(Handler):
    regex = "/{name}"
    thing: {type} = inject()
    def exec_get(self): return str(self.thing)
"""


@pytest.fixture
def scripts(tmp_path: Path) -> Callable[..., Path]:
    def write(**types: str) -> Path:
        path = tmp_path / "scripts"
        path.mkdir()
        for name, type in types.items():
            (path / f"{name}.py").write_text(SCRIPT.format(name=name, type=type))
        return path

    return write


def test_a_gateway_runs_with_the_plugins_that_work(folder: Path, scripts: Callable[..., Path], caplog: pytest.LogCaptureFixture) -> None:
    (folder / "bad.py").write_text("import no_such_module\n")
    (folder / "shop.py").write_text(
        f"class Stock:\n    def __str__(self): return 'apples'\n{HOOK}def tigrest_provide(type): return Stock() if type is Stock else None\n"
    )
    path = scripts(works="str")
    (path / "works.py").write_text("from tigrest_plugins.shop import Stock\n" + SCRIPT.format(name="works", type="Stock"))
    caplog.set_level(logging.INFO, "tigrest.plugins")
    sections: Any = {"plugins": {"dirs": [str(folder)]}}
    with serving(path, **sections) as gateway:
        assert gateway.gateway.table.problems == ()
        assert gateway.get("/rest/works").text == "apples"
    messages = [record.getMessage() for record in caplog.records if record.name.startswith("tigrest.plugins")]
    assert messages[0] == "loaded plugin shop from plugins/shop.py"
    assert messages[1].startswith("plugins/bad.py:1: plugin bad: ModuleNotFoundError")


def test_a_script_whose_plugin_raises_is_a_problem_that_names_both(folder: Path, scripts: Callable[..., Path]) -> None:
    (folder / "shop.py").write_text(
        f"{HOOK}def tigrest_provide(type):\n    if type is int: raise ValueError('no stock')\n    return 's' if type is str else None\n"
    )
    path = scripts(broken="int", works="str")
    with serving(path, builtins=False, plugins={"dirs": [str(folder)]}) as gateway:
        (problem,) = gateway.gateway.table.problems
        assert (problem.path, problem.line) == (path / "broken.py", 6)
        assert problem.message == "H.thing: plugin shop raised ValueError: no stock (plugins/shop.py:4)"
        assert gateway.get("/rest/works").text == "s"
        assert gateway.get("/rest/broken").status_code == 404
