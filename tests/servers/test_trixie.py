"""The folders of extracted servers: checkouts with different lists of packages do not take them from each other."""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.servers.trixie import UNUSED_SECONDS, remove_unused


def test_only_folders_that_nobody_has_used_for_long_are_removed(tmp_path: Path) -> None:
    for name, age in {"trixie-used": UNUSED_SECONDS - 60, "trixie-unused": UNUSED_SECONDS + 60, "other": UNUSED_SECONDS + 60}.items():
        (tmp_path / name / "usr").mkdir(parents=True)
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    remove_unused(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["other", "trixie-used"]
