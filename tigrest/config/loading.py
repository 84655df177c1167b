"""Find and read the configuration."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tigrest.config.keys import VARIABLE_PREFIX, override_variables, takes_text
from tigrest.config.models import Config
from tigrest.config.origins import Origins, lines_of
from tigrest.config.problems import dotted, problems_of
from tigrest.errors import ConfigError
from tigrest.spelling import nearest

VARIABLE = "TIGREST_CONFIG"
"""Environment variable that names the file."""

DEFAULT = Path("etc/config.toml")
"""File that is read if it exists and no other is named."""

_POSITION = re.compile(r" \(at line (\d+), column (\d+)\)$")


def find(path_option: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    """Find the configuration file.

    Args:
        path_option: configuration file from ``--config``, if any.
        environ: environment variables; :data:`VARIABLE` may name the file.
        cwd: working directory, which relative paths and :data:`DEFAULT` are relative to.

    Returns:
        The file, which may be missing if it was named; ``None`` for the built-in defaults.
    """
    if path_option is not None:
        return cwd / path_option
    if named := environ.get(VARIABLE):
        return cwd / named
    return cwd / DEFAULT if (cwd / DEFAULT).exists() else None


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read the configuration.

    Args:
        path: the file; ``None`` for the built-in defaults.
        environ: environment variables; ``TIGREST__SECTION__KEY`` overrides a key of the file.

    Raises:
        ConfigError: it cannot be read or is not valid; the error has every problem found.
    """
    text = _read(path) if path else ""
    values = _parse(text, path)
    overrides, unknown = _overrides(environ)
    for (section, *keys), value in overrides.items():
        _override(values, section, keys, value)
    origins = Origins(path, lines_of(text), {dotted(key): _variable(key) for key in overrides})
    try:
        config = Config.model_validate(values)
    except ValidationError as error:
        raise ConfigError(*unknown, *problems_of(error, origins)) from None
    if unknown:
        raise ConfigError(*unknown)
    return config


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}; check --config and {VARIABLE}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not text in UTF-8 (byte {error.start})") from None


def _parse(text: str, path: Path | None) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        at = _POSITION.search(message)
        place = f"{path}:{at[1]}:{at[2]}" if at else f"{path}"
        raise ConfigError(f"{place}: not TOML: {message[: at.start()] if at else message}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None


def _overrides(environ: Mapping[str, str]) -> tuple[dict[tuple[str, ...], Any], list[str]]:
    """Return the values that the environment sets, by key, and the problems of its variables' names."""
    known = override_variables()
    values: dict[tuple[str, ...], Any] = {}
    unknown: list[str] = []
    for name in sorted(name for name in environ if name.startswith(VARIABLE_PREFIX)):
        if name in known:
            values[known[name]] = _value(known[name], environ[name])
        else:
            near = nearest(name.removeprefix(VARIABLE_PREFIX), [variable.removeprefix(VARIABLE_PREFIX).lower() for variable in known])
            cure = f"did you mean {VARIABLE_PREFIX}{near.upper()}?" if near else f"write {VARIABLE_PREFIX}SECTION__KEY"
            unknown.append(f"{name}: unknown variable; {cure}")
    return values, unknown


def _value(key: tuple[str, ...], text: str) -> Any:
    """Return the value of a variable: that of its text read as TOML, or the text itself where it is none."""
    try:
        values = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return text
    if len(values) > 1:
        return text
    value = values["value"]
    return text if takes_text(key) and not isinstance(value, str) else value


def _override(values: dict[str, Any], section: str, keys: list[str], value: Any) -> None:
    if not keys:
        values[section] = value
        return
    table = values.setdefault(section, {})
    if isinstance(table, dict):
        key = keys[0]
        table.pop(f"{key}_file", None)
        table.pop(key.removesuffix("_file"), None)
        table[key] = value


def _variable(key: tuple[str, ...]) -> str:
    return VARIABLE_PREFIX + "__".join(key).upper()
