"""Memory of the process: garbage collection, and freed memory that the C library keeps."""

from __future__ import annotations

import contextlib
import ctypes
import gc

GARBAGE_THRESHOLD = 20_000
"""Objects made and not freed at which the youngest generation is collected; Python's default is 700."""


def give_back_memory() -> None:
    """Return freed memory to the operating system; glibc would keep that of large answers in its heap. malloc_trim(3)"""
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


def calm_garbage_collection() -> None:
    """Exclude the objects of start-up from garbage collection, and collect less often: requests leave few reference cycles."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)
