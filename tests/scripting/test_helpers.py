"""Helpers are shared: whichever scripts are saved, all who import one have the same module, until it changes itself."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tigrest.scripting.loader import Loader
from tigrest.scripting.table import Table

SHARED = "state = []\nVERSION = 1\n"


class Scripts:
    """A folder of scripts, loaded again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.loader, self.table = folder, Loader([folder]), Table()

    def save(self, **files: str) -> None:
        """Save files and load what changed."""
        for name, text in files.items():
            path = self.folder / (name.replace("__", "/", 1) + ".py" if not name.startswith("_") else f"{name}.py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
        self.load()

    def load(self) -> None:
        """Load what changed."""
        self.table = self.loader.load(self.table)

    def call(self, name: str) -> object:
        """Call the handler of a script."""
        match = self.table.match("GET", f"/rest/{name}")
        assert match is not None
        assert match.endpoint is not None
        return match.endpoint.invocation.method()

    @property
    def problems(self) -> list[str]:
        """Return what did not load."""
        return [self.table.shown(problem) for problem in self.table.problems]


def script(name: str, head: str = "from ._shared import state", answer: str = "state", comment: str = "") -> str:
    return f"from tigrest import Handler\n{head}\n{comment}\nclass H(Handler):\n    regex = '/{name}'\n    def exec_get(self): return {answer}\n"


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path)


@pytest.mark.parametrize(
    ("head", "answer"),
    [
        ("from ._shared import state", "state"),
        ("from . import _shared", "_shared.state"),
        ("", "__import__('importlib').import_module('._shared', __package__).state"),
    ],
)
def test_state_that_scripts_share_survives_the_reload_of_one_of_them(scripts: Scripts, head: str, answer: str) -> None:
    scripts.save(_shared=SHARED, a=script("a", head, answer), b=script("b"))
    assert scripts.problems == []
    shared = scripts.call("a")
    assert isinstance(shared, list)
    shared.append("kept")
    for comment in ("# 1", "# 2"):
        scripts.save(a=script("a", head, answer, comment))
        assert scripts.call("a") is shared
        assert scripts.call("b") is shared
    assert shared == ["kept"]


def test_when_the_helper_is_saved_all_get_the_new_one(scripts: Scripts) -> None:
    scripts.save(_shared=SHARED, a=script("a"), b=script("b"))
    before = scripts.call("a")
    scripts.save(_shared=SHARED.replace("1", "2"))
    assert scripts.call("a") is scripts.call("b")
    assert scripts.call("a") is not before


def test_another_helper_that_is_saved_leaves_it_alone(scripts: Scripts) -> None:
    scripts.save(_shared=SHARED, _words="WORD = 'one'\n", a=script("a"), b=script("b", "from ._words import WORD", "WORD"))
    before = scripts.call("a")
    scripts.save(_words="WORD = 'two'\n")
    assert scripts.call("b") == "two"
    assert scripts.call("a") is before


def test_a_helper_is_new_when_one_that_it_imports_is(scripts: Scripts) -> None:
    scripts.save(
        _base="VALUE = 1\n",
        _shared="from ._base import VALUE\nstate = [VALUE]\n",
        _cycle="from . import _shared\n",
        a=script("a"),
        b=script("b"),
    )
    assert scripts.call("a") == [1]
    scripts.save(_base="VALUE = 2\n")
    assert scripts.call("a") == [2]
    assert scripts.call("a") is scripts.call("b")


def test_a_broken_helper_leaves_the_last_good_one_to_all_and_comes_back_as_it_was(scripts: Scripts) -> None:
    scripts.save(_shared=SHARED, a=script("a"), b=script("b"))
    before = scripts.call("a")
    scripts.save(_shared="state = [")
    assert [problem.split(":")[0] for problem in scripts.problems] == ["_shared.py", "_shared.py"]
    scripts.save(a=script("a", comment="# saved while it is broken"))
    assert scripts.call("a") is scripts.call("b") is before
    scripts.save(_shared=SHARED)
    assert scripts.problems == []
    assert scripts.call("a") is scripts.call("b") is before


def test_helpers_in_a_folder_are_helpers_too(scripts: Scripts) -> None:
    scripts.save(a=script("a", "from ._lib.words import WORD", "WORD"))
    (scripts.folder / "_lib").mkdir()
    for word in ("one", "two"):
        (scripts.folder / "_lib" / "words.py").write_text(f"WORD = {word!r}\n")
        scripts.load()
        assert scripts.problems == []
        assert scripts.call("a") == word


def test_helpers_of_a_folder_above_are_shared(scripts: Scripts) -> None:
    scripts.save(_shared=SHARED, a=script("a"), sub__b=script("b", "from .._shared import state"))
    shared = scripts.call("a")
    scripts.save(sub__b=script("b", "from .._shared import state", comment="# saved"))
    assert scripts.call("sub/b") is shared


def test_two_loaders_do_not_take_each_others_helpers(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = Scripts(tmp_path / "one"), Scripts(tmp_path / "two")
    one.save(_shared="state = ['one']\n", a=script("a"))
    two.save(_shared="state = ['two']\n", a=script("a"))
    before = one.call("a")
    one.save(a=script("a", comment="# saved"))
    assert (one.call("a"), two.call("a")) == (["one"], ["two"])
    assert one.call("a") is before


def test_a_helper_that_is_gone_is_no_module_any_more(scripts: Scripts) -> None:
    scripts.save(_shared=SHARED, a=script("a"))
    (scripts.folder / "_shared.py").unlink()
    scripts.load()
    assert "No module named" in scripts.problems[0]
    assert not [name for name in sys.modules if name.endswith("._shared") and name.startswith("_tigrest_scripts")]
