"""The socket that the server listens on."""

from __future__ import annotations

import errno
import socket

from tigrest.errors import ConfigError


def bind(host: str, port: int) -> socket.socket:
    """Bind a socket to the address to listen on.

    Args:
        host: address or name; of several addresses IPv4 comes first.
        port: TCP port; 0 for any free one.

    Raises:
        ConfigError: the address cannot be used; the message says why.
    """
    try:
        found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ConfigError(address_problem(host, port, error)) from None
    family, kind, protocol, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise ConfigError(address_problem(host, port, error)) from None
    listener.setblocking(False)
    return listener


def address_problem(host: str, port: int, error: Exception) -> str:
    """Return a message for an address that cannot be used, with the cure."""
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"http.port {port} on {host} is already in use; stop the other program or choose another with --port"
        case errno.EACCES | errno.EPERM:
            return f"http.port {port} on {host} is not allowed to us; choose one above 1023 with --port"
        case _:
            reason = getattr(error, "strerror", None) or str(error)
            return f'http.host "{host}" is not an address of this machine ({reason}); choose another with --host'


def bracketed(host: str) -> str:
    """Return a host as it stands in a URL: IPv6 addresses in brackets. RFC 3986 §3.2.2"""
    return f"[{host}]" if ":" in host and not host.startswith("[") else host
