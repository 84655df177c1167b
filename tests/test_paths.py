"""Paths of files in messages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tigrest.paths import shown_path


def test_a_path_is_shown_relative_where_it_is_below_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert [shown_path(path) for path in (tmp_path / "scripts" / "a.py", f"{tmp_path}/scripts/a.py", "scripts/a.py")] == [
        "scripts/a.py"
    ] * 3
    assert shown_path(tmp_path.parent / "b.py") == str(tmp_path.parent / "b.py")
