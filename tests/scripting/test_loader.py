"""From files to routes: what is live, what is not, and what a reload changes."""

import ast
import os
from pathlib import Path

import pytest

from tigrest.scripting.handler import Handler
from tigrest.scripting.loader import Loader
from tigrest.scripting.table import Table
from tigrest.service import Service


def script(answer: str = "1", regex: str = "/it", head: str = "", method: str = "get") -> str:
    method = f"    def exec_{method}(self):\n        return {answer}\n"
    return f'from tigrest import Handler\n{head}\nclass It(Handler):\n    regex = r"{regex}"\n{method}'


def write(root: Path, **files: str) -> None:
    for name, text in files.items():
        path = root / name.replace("__", "/")
        path = path.with_suffix("").with_name(path.name + ".py") if not path.suffix else path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def answer(table: Table, path: str, method: str = "GET") -> object:
    match = table.match(method, path)
    assert match is not None
    assert match.endpoint is not None
    return match.endpoint.invocation.method()


def test_the_uri_is_the_folder_and_the_regex(tmp_path: Path) -> None:
    write(tmp_path, here=script("'root'"), a__b__c__deep=script("'deep'", "/x"), a__empty=script("'empty'", ""))
    table = Loader([tmp_path]).load()
    assert not table.problems
    assert answer(table, "/rest/it") == "root"
    assert answer(table, "/rest/a/b/c/x") == "deep"
    assert answer(table, "/rest/a") == "empty"
    assert table.match("GET", "/rest/a/") is None


def test_hidden_and_static_files_are_no_scripts(tmp_path: Path) -> None:
    for name in ("_helper.py", ".hidden.py", "_private/x.py", "static/x.py", ".git/x.py", "__pycache__/x.py", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("raise RuntimeError")
    table = Loader([tmp_path]).load()
    assert table.routes == ()
    assert table.problems == ()
    assert list(table.statics) == ["/rest/static"]


def test_two_quick_edits_of_equal_size_are_both_seen(tmp_path: Path) -> None:
    loader, path = Loader([tmp_path]), tmp_path / "it.py"
    table = Table()
    for n in range(5):
        path.write_text(script(str(n)))
        os.utime(path, (1_000_000_000, 1_000_000_000))
        table = loader.load(table)
        assert answer(table, "/rest/it") == n


def test_each_loading_of_the_same_bytes_has_variables_of_its_own(tmp_path: Path) -> None:
    write(
        tmp_path,
        _seen="SEEN = []",
        it=script("(SEEN.append(1), MINE.append(1), len(SEEN), len(MINE))[2:]", head="from ._seen import SEEN\nMINE = []"),
    )
    for _ in range(2):
        loader = Loader([tmp_path])
        assert answer(loader.load(), "/rest/it") == (1, 1)
        assert answer(loader.load(), "/rest/it") == (2, 1)


def test_an_unchanged_script_is_not_run_again(tmp_path: Path) -> None:
    write(tmp_path, it=script(), other=script("1", "/other"))
    loader = Loader([tmp_path])
    before = loader.load()
    write(tmp_path, other=script("2", "/other"))
    after = loader.load(before)
    assert after.match("GET", "/rest/it").route is before.match("GET", "/rest/it").route  # type: ignore[union-attr]
    assert after.match("GET", "/rest/other").route is not before.match("GET", "/rest/other").route  # type: ignore[union-attr]


def test_a_broken_edit_keeps_the_last_good_version_until_it_is_mended(tmp_path: Path) -> None:
    write(tmp_path, it=script("1"), other=script("1", "/other"))
    loader = Loader([tmp_path])
    table = loader.load()
    write(tmp_path, it="class", other=script("2", "/other"))
    table = loader.load(table)
    assert [problem.path.name for problem in table.problems] == ["it.py"]
    assert (answer(table, "/rest/it"), answer(table, "/rest/other")) == (1, 2)
    table = loader.load(table)
    assert [problem.path.name for problem in table.problems] == ["it.py"]
    assert answer(table, "/rest/it") == 1
    write(tmp_path, it=script("3"))
    table = loader.load(table)
    assert table.problems == ()
    assert answer(table, "/rest/it") == 3


def test_a_deleted_script_stops_serving_and_a_new_twin_takes_over(tmp_path: Path) -> None:
    write(tmp_path, b=script("'b'"))
    loader = Loader([tmp_path])
    table = loader.load()
    write(tmp_path, a=script("'a'"))
    table = loader.load(table)
    assert answer(table, "/rest/it") == "b", "what is served already goes first"
    assert [problem.path.name for problem in table.problems] == ["a.py"]
    (tmp_path / "b.py").unlink()
    table = loader.load(table)
    assert answer(table, "/rest/it") == "a"
    assert table.problems == ()


def test_twins_with_different_methods_share_a_pattern(tmp_path: Path) -> None:
    write(tmp_path, a=script("'a'"), b=script("'b'", method="put"))
    table = Loader([tmp_path]).load()
    assert (answer(table, "/rest/it"), answer(table, "/rest/it", "PUT")) == ("a", "b")
    assert table.problems == ()


def test_a_script_shadows_one_of_the_same_relative_path(tmp_path: Path) -> None:
    write(tmp_path / "mine", sub__it=script("'mine'"))
    write(tmp_path / "builtin", sub__it=script("'builtin'"), sub__other=script("'other'", "/other"))
    table = Loader([tmp_path / "mine", tmp_path / "builtin"]).load()
    assert (answer(table, "/rest/sub/it"), answer(table, "/rest/sub/other")) == ("mine", "other")


def test_helpers_are_imported_and_reloaded(tmp_path: Path) -> None:
    write(tmp_path, a__it=script("answer()", head="from ._words import answer\nfrom ..b import _more"))
    (tmp_path / "b").mkdir()
    for n in (1, 2):
        helper = tmp_path / "a" / "_words.py"
        helper.write_text(f"def answer(): return {n}\n")
        os.utime(helper, (1_000_000_000, 1_000_000_000))
        (tmp_path / "b" / "_more.py").write_text("")
        table = Loader([tmp_path]).load()
        assert table.problems == ()
        assert answer(table, "/rest/a/it") == n
    loader = Loader([tmp_path])
    table = loader.load()
    (tmp_path / "a" / "_words.py").write_text("def answer(): return 3\n")
    table = loader.load(table)
    assert answer(table, "/rest/a/it") == 3


def test_dataclasses_and_late_annotations_work_in_scripts(tmp_path: Path) -> None:
    head = "from __future__ import annotations\n".join(["", ""]) + "from dataclasses import dataclass\n@dataclass\nclass P:\n    x: int\n"
    (tmp_path / "it.py").write_text(
        "from __future__ import annotations\n" + script("P(1).x", head=head.replace("from __future__ import annotations\n", ""))
    )
    table = Loader([tmp_path]).load()
    assert table.problems == ()
    assert answer(table, "/rest/it") == 1


def test_a_file_may_hold_several_handlers_and_their_base(tmp_path: Path) -> None:
    (tmp_path / "it.py").write_text(
        "from tigrest import Handler\n"
        "class Base(Handler):\n    def exec_get(self): return self.word\n"
        'class A(Base):\n    regex = "/a"\n    word = "a"\n'
        'class B(Base):\n    regex = "/b"\n    word = "b"\n'
    )
    table = Loader([tmp_path]).load()
    assert table.problems == ()
    assert (answer(table, "/rest/a"), answer(table, "/rest/b")) == ("a", "b")


def test_an_injected_object_is_there_and_a_missing_one_is_named(tmp_path: Path) -> None:
    head = "from tigrest import Service, inject\n"
    (tmp_path / "it.py").write_text(head + script("self.xmpp").replace("    regex", "    xmpp: Service = inject()\n    regex"))
    table = Loader([tmp_path], provide=lambda kind: "it" if kind is Service else None).load()
    assert answer(table, "/rest/it") == "it"
    table = Loader([tmp_path], provide=lambda kind: None).load()
    assert [str(problem.line) + problem.message for problem in table.problems] == ["5It.xmpp: nothing provides Service"]


def test_an_unreadable_script_is_a_problem_of_its_own(tmp_path: Path) -> None:
    write(tmp_path, good=script())
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "folder.py").mkdir()
    table = Loader([tmp_path]).load()
    assert answer(table, "/rest/it") == 1


def test_handlers_are_instances_of_one_class_per_load(tmp_path: Path) -> None:
    write(tmp_path, it=script())
    first, second = Loader([tmp_path]).load().routes[0].handler, Loader([tmp_path]).load().routes[0].handler
    assert isinstance(first, Handler)
    assert type(first) is not type(second)


def test_a_script_is_parsed_again_when_python_stumbles_over_another_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parse, stumbles = ast.parse, [SystemError("AST constructor recursion depth mismatch")] * 3

    def stumbling(data: bytes) -> ast.Module:
        if stumbles:
            raise stumbles.pop()
        return parse(data)

    monkeypatch.setattr(ast, "parse", stumbling)
    (tmp_path / "script.py").write_text(
        "from tigrest import Handler\nclass H(Handler):\n    regex = '/h'\n    def exec_get(self): return 'x'\n"
    )
    table = Loader([tmp_path]).load()
    assert [route.line for route in table.routes] == [2]
    assert table.problems == ()
