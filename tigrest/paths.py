"""Paths of files in messages."""

from __future__ import annotations

from pathlib import Path


def shown_path(path: Path | str) -> str:
    """Return a path for people: relative to the working directory where the file is below it, so that an editor opens it."""
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if Path(path).is_relative_to(here) else str(path)
