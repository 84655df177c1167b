"""Which directories handlers are loaded from."""

from __future__ import annotations

from pathlib import Path

from tigrest.config.models import Config
from tigrest.errors import ConfigError

_PACKAGE = Path(__file__).resolve().parent.parent


def script_dirs(config: Config, create: bool) -> list[Path]:
    """Tell which directories to load handlers from, the most important first and the built-in ones last.

    Args:
        config: the configuration.
        create: make the default directory when it is missing; otherwise it is left out.

    Raises:
        ConfigError: a directory that the configuration names does not exist, or the default one cannot be made.
    """
    named = "dirs" in config.scripts.model_fields_set
    problems = [_problem(path) for path in config.scripts.dirs if not path.is_dir() and (named or path.exists())]
    if problems:
        raise ConfigError(*problems)
    if create:
        for path in config.scripts.dirs:
            _make(path)
    dirs = [path for path in config.scripts.dirs if path.is_dir()]
    return [*dirs, builtin_scripts()] if config.scripts.builtins else dirs


def builtin_scripts() -> Path:
    """The directory of the scripts that come with tigrest: inside the installed package, or beside it in a checkout."""
    installed = _PACKAGE / "builtin_scripts"
    return installed if installed.is_dir() else _PACKAGE.parent / "scripts" / "rest"


def _problem(path: Path) -> str:
    if path.exists():
        return f"scripts.dirs: {path} is not a directory; name one that is"
    return f"scripts.dirs: {path} does not exist; create it (mkdir -p {path}) or correct scripts.dirs"


def _make(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"scripts.dirs: {path} cannot be created: {error.strerror}; start in a writable directory or set it") from None
