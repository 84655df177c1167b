"""Plugins: Python that adds to tigrest, from installed packages and from folders."""

from tigrest.plugins.hooks import hookimpl
from tigrest.plugins.loading import Plugins

__all__ = ["Plugins", "hookimpl"]
