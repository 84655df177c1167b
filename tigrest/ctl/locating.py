"""Find the socket of the gateway. Standard library only: the configuration is looked at, not validated."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

VARIABLE_OF_SOCKET = "TIGREST_CTL_SOCKET"
"""Environment variable that names the socket, for ``tigrest ctl`` only."""

OVERRIDE_OF_SOCKET = "TIGREST__CTL__SOCKET"
"""Environment variable that overrides the key of the configuration, for the gateway too."""

DEFAULT_SOCKET = Path("var/ctl.sock")
"""The default of ``[ctl] socket``."""

_CONFIG_VARIABLE, _CONFIG = "TIGREST_CONFIG", Path("etc/config.toml")
"""Where the gateway finds its configuration, see :func:`tigrest.config.find`."""


class NoSocket(ValueError):
    """The socket is not known; the message says why, and what to do."""


def find_socket(socket_option: str | None, config_option: str | None, environ: Mapping[str, str]) -> Path:
    """Find the socket that a gateway with the same configuration listens on.

    Args:
        socket_option: path from ``--socket``, if any.
        config_option: configuration file from ``--config``, if any.
        environ: environment variables.

    Returns:
        Its path, relative to the working directory if it is so in the configuration.

    Raises:
        NoSocket: it is switched off, or the configuration cannot be read.
    """
    if socket_option is not None:
        return Path(socket_option)
    if named := environ.get(VARIABLE_OF_SOCKET):
        return Path(named)
    if OVERRIDE_OF_SOCKET in environ:
        return _checked(environ[OVERRIDE_OF_SOCKET], OVERRIDE_OF_SOCKET)
    file = Path(config_option or environ.get(_CONFIG_VARIABLE) or _CONFIG)
    if file == _CONFIG and not file.exists():
        return DEFAULT_SOCKET
    return _checked(_configured(file), str(file))


def is_named(socket_option: str | None, config_option: str | None, environ: Mapping[str, str]) -> bool:
    """Return whether the caller has said which socket, and it is not just what the working directory has.

    Args:
        socket_option, config_option, environ: as of :func:`find_socket`.
    """
    variables = (VARIABLE_OF_SOCKET, OVERRIDE_OF_SOCKET, _CONFIG_VARIABLE)
    return socket_option is not None or config_option is not None or any(environ.get(name) for name in variables)


def _configured(file: Path) -> object:
    import tomllib

    try:
        table = tomllib.loads(file.read_text("utf-8-sig")).get("ctl", {})
    except OSError as error:
        raise NoSocket(f"{file}: cannot be read: {error.strerror}; name the socket of the gateway by --socket") from None
    except (ValueError, RecursionError) as error:
        raise NoSocket(f"{file}: not TOML in UTF-8: {error}") from None
    return table.get("socket", str(DEFAULT_SOCKET)) if isinstance(table, dict) else None


def _checked(value: object, origin: str) -> Path:
    if value == "":
        raise NoSocket(f"{origin}: [ctl] socket is empty, so the gateway listens on none; name a path there, and restart it")
    if not isinstance(value, str):
        raise NoSocket(f"{origin}: [ctl] socket is not a text; write the path of the socket")
    return Path(value)
