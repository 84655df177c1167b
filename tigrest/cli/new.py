"""Write a handler or a command, and its test, from templates: ``tigrest new``."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from shlex import quote
from string import Template

import typer

from tigrest.cli.configured import configured
from tigrest.cli.running import configured_base, running_base
from tigrest.errors import ConfigError, TigrestError

TEMPLATES = Path(__file__).parent / "templates"

TESTS = Path("tests/rest")
"""Folder for tests of handlers."""

COMMAND_TESTS = Path("tests/commands")
"""Folder for tests of commands."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def write_handler(name: str, path: Path | None) -> int:
    """Write a handler or a command, and its test.

    Args:
        name: path below ``/rest`` that it is served at, e.g. ``orders/list``.
        path: configuration file from ``--config``, if any; the script goes to the first of its scripts directories.

    Raises:
        ConfigError: no script can have that name.
        TigrestError: a file exists already, or cannot be written.
    """
    config = configured(path)
    parts = _parts(name)
    *folders, stem = parts
    uri = "/".join(["/rest", *parts])
    values = {
        "uri": uri,
        "folder": "/".join(["/rest", *folders]),
        "regex": f"/{stem}",
        "cls": _class_name(stem),
        "function": re.sub(r"\W", "_", "_".join(parts)),
    }
    _write_both("handler", _first("dirs", config.scripts.dirs), TESTS, parts, values)
    base = running_base(config, path) or configured_base(config)
    typer.echo(f"try: curl {quote(f'{base}{uri}/world')}")  # zsh looks for files that [::1] matches
    return 0


def write_command(name: str, path: Path | None) -> int:
    """Write a script with a command, and its test.

    Args:
        name: path of the script below the commands directory, e.g. ``orders/count_orders``; the last part is the name of the command.
        path: configuration file from ``--config``, if any; the script goes to the first of its commands directories.

    Raises:
        ConfigError: no command can have that name.
        TigrestError: a file exists already, or cannot be written.
    """
    config = configured(path)
    parts = _parts(name)
    function = parts[-1].replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,63}", function) or keyword.iskeyword(function):
        raise ConfigError(f'"{parts[-1]}" is not the name of a command; use lower-case letters, digits and underscores, a letter first')
    values = {"function": function, "tag": parts[-2] if len(parts) > 1 else "mine"}
    _write_both("command", _first("command_dirs", config.scripts.command_dirs), COMMAND_TESTS, [*parts[:-1], function], values)
    base = running_base(config, path) or configured_base(config)
    typer.echo(f"try: curl -u alice@{config.xmpp.domain} {quote(f'{base}/api/{function}?name=world')}")
    return 0


def _first(key: str, dirs: Sequence[Path]) -> Path:
    if not dirs:
        raise ConfigError(f"scripts.{key} is empty; name a directory for the script")
    return dirs[0]


def _write_both(kind: str, scripts: Path, tests: Path, parts: Sequence[str], values: Mapping[str, str]) -> None:
    """Write a script and its test from the templates of a kind."""
    *folders, stem = parts
    script = scripts.joinpath(*folders, f"{stem}.py")
    test = tests.joinpath(*folders, f"test_{stem}.py")
    for file in (script, test):
        if file.exists():
            raise TigrestError(f"{file} exists already; choose another name, or delete it first")
    for file, template in ((script, f"{kind}.py.txt"), (test, f"test_{kind}.py.txt")):
        _write(file, Template((TEMPLATES / template).read_text("utf-8")).substitute(values))
        typer.echo(f"wrote {file}")


def _parts(name: str) -> list[str]:
    parts = list(PurePosixPath(name.removesuffix(".py")).parts)
    if not parts or parts[0] == "/" or ".." in parts:
        raise ConfigError(f'"{name}" is not below /rest; write a path such as orders/list')
    for part in parts:
        if part.startswith(("_", ".")):
            raise ConfigError(f'"{name}": names that begin with "{part[0]}" are not served; choose another')
        if part == "static":
            raise ConfigError(f'"{name}": folders called "static" hold files, not handlers; choose another name')
        if not _NAME.fullmatch(part):
            raise ConfigError(f'"{name}": "{part}" is not a name for a script; use letters, digits, "-" and "_"')
    return parts


def _class_name(stem: str) -> str:
    name = "".join(word[:1].upper() + word[1:] for word in re.split(r"[-_]+", stem))
    usable = name.isidentifier() and not keyword.iskeyword(name) and name != "Handler"
    return name if usable else f"Script{name}"


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise TigrestError(f"{file} cannot be written: {error.strerror}") from None
