"""The root of the tree of errors."""

from __future__ import annotations


class TigrestError(Exception):
    """Base of every error that tigrest raises on purpose."""
