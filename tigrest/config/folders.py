"""Tell which folders scripts and plugins are loaded from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from tigrest.config.models import Config
from tigrest.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent.parent


def script_dirs(config: Config, create: bool) -> list[Path]:
    """Return the directories to load handlers from, the most important first and the built-in ones last.

    Args:
        config: the configuration.
        create: make the default directory when it is missing; otherwise it is left out.

    Raises:
        ConfigError: a directory that the configuration names does not exist, or the default one cannot be made.
    """
    return _dirs("dirs", config.scripts.dirs, builtin_scripts(), config, create)


def _dirs(key: str, configured: Sequence[Path], builtin: Path, config: Config, create: bool) -> list[Path]:
    named = key in config.scripts.model_fields_set
    _check(f"scripts.{key}", [path for path in configured if named or path.exists()])
    if create:
        for path in configured:
            _make(key, path)
    dirs = [path for path in configured if path.is_dir()]
    return [*dirs, builtin] if config.scripts.builtins else dirs


def command_dirs(config: Config, create: bool) -> list[Path]:
    """Return the directories to load commands from, the most important first and the built-in ones last.

    Args:
        config: the configuration.
        create: make the default directory when it is missing; otherwise it is left out.

    Raises:
        ConfigError: a directory that the configuration names does not exist, or the default one cannot be made.
    """
    return _dirs("command_dirs", config.scripts.command_dirs, builtin_commands(), config, create)


def builtin_commands() -> Path:
    """Return the directory of the commands that come with tigrest: inside the installed package, or beside it in a checkout."""
    installed = _PACKAGE / "builtin_commands"
    return installed if installed.is_dir() else _PACKAGE.parent / "scripts" / "commands"


def builtin_scripts() -> Path:
    """Return the directory of the scripts that come with tigrest: inside the installed package, or beside it in a checkout."""
    installed = _PACKAGE / "builtin_scripts"
    return installed if installed.is_dir() else _PACKAGE.parent / "scripts" / "rest"


def plugin_dirs(config: Config) -> list[Path]:
    """Return the folders to load plugins from, the most important first.

    Raises:
        ConfigError: one of them does not exist.
    """
    _check("plugins.dirs", config.plugins.dirs)
    return list(config.plugins.dirs)


def _check(key: str, paths: Iterable[Path]) -> None:
    """Raise the problems of all folders that a key names.

    Raises:
        ConfigError: one of them is no directory.
    """
    problems = [_problem(key, path) for path in paths if not path.is_dir()]
    if problems:
        raise ConfigError(*problems)


def _problem(key: str, path: Path) -> str:
    if path.exists():
        return f"{key}: {path} is not a directory; name one that is"
    return f"{key}: {path} does not exist; create it (mkdir -p {path}) or correct {key}"


def _make(key: str, path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"scripts.{key}: {path} cannot be created: {error.strerror}; start in a writable directory or set it") from None
