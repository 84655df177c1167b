"""Loads of scripts that may take longer than anybody waits."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from tigrest.errors import ScriptError
from tigrest.scripting.parts import Script

log = logging.getLogger(__name__)


class LoadAttempt:
    """The load of one version of a script, in a thread of its own where nobody can wait for its end.

    Args:
        path: the script.
        digest: of the version.
        load: loads it; or what came of that.
    """

    def __init__(self, path: Path, digest: bytes, load: Callable[[], Script] | Script | ScriptError) -> None:
        self._path, self.digest, self._load = path, digest, load
        self._outcome = None if callable(load) else load
        self._thread: threading.Thread | None = None
        self._began = time.monotonic()
        self._is_told = False

    @property
    def is_running(self) -> bool:
        """Return whether it goes on."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def has_ended(self) -> bool:
        """Return whether its thread has ended."""
        return self._thread is not None and not self._thread.is_alive()

    def tell(self, patience: float | None) -> None:
        """Log once that it takes long; not of one that only comes after another that does.

        Args:
            patience: seconds from which on it does.
        """
        if patience is not None and not self._is_told and time.monotonic() - self._began >= patience:
            self._is_told = True
            log.warning("%s is still loading after %g s; the other scripts are served meanwhile", self._path, patience)

    def result(self, deadline: float | None) -> Script | None:
        """Load the script, and return it; ``None`` when it still loads at the deadline.

        Args:
            deadline: by the monotonic clock; ``None`` to wait to the end.

        Raises:
            ScriptError: it cannot be loaded.
        """
        if self._thread is not None:
            if deadline is None:
                self._thread.join()  # with a deadline it was waited for once, which is enough: others wait meanwhile
        elif self._outcome is None and deadline is None:
            self._run()
        elif self._outcome is None and deadline is not None:
            self._thread = threading.Thread(target=self._run, name=f"script {self._path.name}", daemon=True)
            self._thread.start()
            self._thread.join(max(0.0, deadline - time.monotonic()))
        if isinstance(self._outcome, ScriptError):
            raise self._outcome
        return self._outcome

    def _run(self) -> None:
        assert callable(self._load)
        try:
            self._outcome = self._load()
        except ScriptError as error:
            self._outcome = error
        except Exception as error:
            log.exception("%s could not be loaded", self._path)
            self._outcome = ScriptError(self._path, 1, f"{type(error).__name__}: {error}")
