"""What ``pyproject.toml`` says about the package: what it needs, and its version."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

import tigrest
from tests.cli.process import tigrest as run
from tests.sources import ROOT, imports

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

NOT_IMPORTED = {"python-multipart"}
"""What SQLAlchemy and Starlette import for us, and do not require themselves."""

COMES_ALONG = {"pydantic-core": "pydantic"}
"""What is imported and is a part of another package, which requires exactly one version of it."""

OPTIONAL = {"pytest"}
"""What only ``tigrest.testing`` imports, which pytest itself loads."""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared() -> dict[str, str]:
    """Names of the distributions that are required, each with its whole requirement."""
    return {_normal(re.split(r"[\[<>=!~; ]", requirement)[0]): requirement for requirement in PROJECT["dependencies"]}


def _imported() -> Iterator[str]:
    """Find the modules that the package and the scripts in it import."""
    for path in [*(ROOT / "tigrest").rglob("*.py"), *(ROOT / "scripts").rglob("*.py")]:
        for one in imports(path):
            yield from (name.split(".")[0] for name in ([one.module] if one.module else one.names))


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    owners = metadata.packages_distributions()
    helpers = {path.stem for path in (ROOT / "scripts").rglob("_*.py")}
    modules = set(_imported()) - sys.stdlib_module_names - helpers - {"tigrest"}
    needed = {COMES_ALONG.get(_normal(owners[module][0]), _normal(owners[module][0])) for module in modules}
    assert needed - OPTIONAL == _declared().keys() - NOT_IMPORTED


@pytest.mark.parametrize("extra", PROJECT["optional-dependencies"])
def test_an_extra_has_something_in_it(extra: str) -> None:
    assert PROJECT["optional-dependencies"][extra]


def test_uvicorn_is_pinned_to_the_version_that_is_tested() -> None:
    """See ``tests/http/wire/test_uvicorn.py``."""
    major, minor, *_ = (int(part) for part in metadata.version("uvicorn").split("."))
    assert _declared()["uvicorn"] == f"uvicorn>={major}.{minor},<{major}.{minor + 1}"


def test_there_is_one_version(tmp_path: Path) -> None:
    assert tigrest.__version__ == PROJECT["version"]
    assert run("--version", cwd=tmp_path).stdout == f"tigrest {PROJECT['version']}\n"
