"""The scriptable REST gateway for XMPP servers. Scripts import from here what :mod:`tigrest.public` has."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tigrest.public import *  # noqa: F403
    from tigrest.public import __all__ as __all__
    from tigrest.version import __version__ as __version__


def __getattr__(name: str) -> Any:
    """Import what scripts import when it is first asked for: the command line, which most often needs nothing of it, starts sooner.

    Args:
        name: in :data:`tigrest.public.__all__`, ``__all__`` itself, or ``__version__``.

    Raises:
        AttributeError: there is no such name.

    PEP 562
    """
    if name == "__version__":
        return import_module("tigrest.version").__version__
    if name == "__all__" or not name.startswith("_"):
        public = import_module("tigrest.public")
        if name == "__all__" or name in public.__all__:
            value = globals()[name] = getattr(public, name)
            return value
    raise AttributeError(f"module 'tigrest' has no attribute {name!r}")
