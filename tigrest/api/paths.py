"""Paths of commands below a mount: the name, and the version that the caller asks for.

=========================  =================================================
``<name>``                 the version of the mount; the latest without one
``<name>/v1``              1
``v0/<name>``              0
``v0/<name>/v1``           1: what stands behind the name counts
=========================  =================================================

ejabberd Docs, "API Versioning"
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

MEMOISED_PATH = 100
"""Length up to which paths are memoised with what they name, in characters: callers choose them."""

_VERSION = re.compile(r"v(0|[1-9][0-9]{0,17})")
_ALMOST = re.compile(r"[vV](?:x|[^a-zA-Z_].{0,10})?")
"""Text of a version, as people write it."""

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_VERSIONED_ROOT = re.compile(r"/(v[0-9]+)/api(?:/(.*))?", re.DOTALL)


class CommandPath(NamedTuple):
    """Name and version of a command in a path.

    Args:
        name: of the command.
        version: that the path asks for; ``None`` where it does not say.
    """

    name: str
    version: int | None


def version_of(segment: str) -> int | None:
    """Return the version that a segment of a path is, such as ``v2``; ``None`` for any other segment."""
    match = _VERSION.fullmatch(segment)
    return None if match is None else int(match[1])


def could_be_command(name: str) -> bool:
    """Return whether a command could have this name; see :func:`tigrest.scripting.commands.command`."""
    return _NAME.fullmatch(name) is not None and version_of(name) is None


def read_path(rest: str) -> CommandPath | None:
    """Find name and version in a path below a mount.

    Args:
        rest: the path, percent-decoded, without the slash in front.

    Returns:
        ``None`` when it is no path of a command; it may be its further place (:meth:`tigrest.commands.registry.Commands.by_route`).
    """
    return (_memoised if len(rest) <= MEMOISED_PATH else _read)(rest)


def _read(rest: str) -> CommandPath | None:
    match rest.split("/"):
        case [name]:
            return CommandPath(name, None) if name else None
        case [name, behind] if name and (version := version_of(behind)) is not None:
            return CommandPath(name, version)
        case [before, name] if name and (version := version_of(before)) is not None:
            return CommandPath(name, version)
        case [before, name, behind] if name and version_of(before) is not None and (version := version_of(behind)) is not None:
            return CommandPath(name, version)
    return None


_memoised = lru_cache(maxsize=2048)(_read)


class VersionedRoot(NamedTuple):
    """A path below ``/v1/api`` and the like.

    Args:
        version: in its first segment.
        rest: what stands below ``/v1/api``, without the slash in front.
    """

    version: int
    rest: str


def versioned_root(path: str) -> VersionedRoot | None:
    """Split a path below ``/v1/api`` and the like; ``None`` for any other path.

    Args:
        path: the whole path, percent-decoded.
    """
    match = _VERSIONED_ROOT.fullmatch(path)
    version = None if match is None else version_of(match[1])
    return None if match is None or version is None else VersionedRoot(version, match[2] or "")


def hint(rest: str) -> str:
    """Return what to tell somebody whose path below a mount names nothing; empty when nothing is known of it.

    Args:
        rest: the path, percent-decoded, without the slash in front.
    """
    segments = rest.split("/")
    almost = [segment for segment in segments if _ALMOST.fullmatch(segment) and version_of(segment) is None]
    if len(segments) == 1 or not almost:
        return ""
    return f"; a version is v and a whole number, such as v2, and {almost[0]!r} is none"
