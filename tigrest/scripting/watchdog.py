"""Log what blocks the event loop: a thread notices when the loop does not turn.

While one callback or one step of a coroutine runs, nothing else does: no request, no stanza, no timer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType

from tigrest.scripting.execution import Execution
from tigrest.scripting.parts import Part

log = logging.getLogger(__name__)

BLOCKED_SECONDS = 0.5
"""Seconds without a turn of the event loop that are reported."""

UNSEEN = "nobody could see why: code that lets no other thread run, such as a regular expression, or a machine that stood still"
"""Culprit named for a block that was over before the watchdog had Python's lock."""

_LOOP = ("/asyncio/base_events.py", "/asyncio/events.py", "/asyncio/runners.py")
"""Files of the frames that run an event loop written in Python."""


Line = tuple[FrameType, int]
"""A frame, and the number of the line in it that ran."""


class Watchdog:
    """Logs what blocks the running event loop, once for each time that it is blocked, and how long it was.

    Args:
        folders: of scripts, to name the line of a script.
        limit: seconds without a turn of the loop.
    """

    def __init__(self, folders: Sequence[Path], limit: float = BLOCKED_SECONDS) -> None:
        self._folders = [path for folder in folders for path in (folder.absolute(), folder.resolve())]
        self._limit = limit
        self._loop = asyncio.get_running_loop()
        self._ident = threading.get_ident()
        self._turned = time.monotonic()
        self._timer: asyncio.TimerHandle | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._usual: list[FrameType] = []
        """Frames that are always there."""
        self._lasted = 0.0
        """Seconds that the last turn took which took too long."""
        self._seen: tuple[float, list[FrameType]] = 0.0, []
        """Frames of the last look at a turn that is late, outermost first; and when that turn began."""
        self._reported: tuple[float, str] | None = None
        """The turn that was reported, and who was named."""

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the loop for the time being."""
        self._usual = _frames(sys._getframe())
        self._turn()
        self._thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            self._thread.join(1.0)
            if self._timer is not None:
                self._timer.cancel()
            self._usual, self._seen = [], (0.0, [])

    def _turn(self) -> None:
        """Note that the loop has come round."""
        now = time.monotonic()
        if (late := now - self._turned) >= self._limit:
            self._lasted = late
        self._turned = now
        self._timer = self._loop.call_later(self._limit / 5, self._turn)

    def _run(self) -> None:
        while not self._stopping.wait(self._limit / 2):
            try:
                self._look()
            except Exception:
                log.exception("the watchdog failed")

    def _look(self) -> None:
        """Compare what runs now with what ran at the last look: one thing that lasts, or many that take turns."""
        turned = self._turned
        if self._reported is not None:
            since, culprit = self._reported
            if turned == since:
                return
            log.warning("the event loop goes on; %s held it up for %.1f s", culprit, self._lasted)
            self._reported = None
        elif self._lasted:
            log.error("the event loop did not come round for %.1f s; %s", self._lasted, UNSEEN)
        self._lasted = 0.0
        late = time.monotonic() - turned
        if late < self._limit / 2:
            return
        frames = self._own(_frames(sys._current_frames().get(self._ident)))
        stack = [(frame, frame.f_lineno) for frame in frames]  # at once: what follows may let the loop go on
        parts = [frame.f_locals["run"].part for frame in frames if frame.f_code is Execution.run.__code__]
        since, before = self._seen
        self._seen = turned, frames
        if late >= self._limit and frames:
            self._seen = 0.0, []
            lasts = since != turned or any(frame is other for frame in frames for other in before)
            self._reported = turned, self._report(stack, parts, late) if lasts else self._report_load(late)

    def _own(self, frames: list[FrameType]) -> list[FrameType]:
        """Leave out what runs the loop: nothing is left while it waits for something to happen."""
        usual = {id(frame) for frame in self._usual}
        return [frame for frame in frames if id(frame) not in usual and not frame.f_code.co_filename.endswith(_LOOP)]

    def _report(self, stack: list[Line], parts: list[Part], late: float) -> str:
        culprit = self._culprit(stack, parts)
        lines = traceback.StackSummary.extract(iter(stack)).format()
        message, arguments = "the event loop has been blocked for %.1f s by %s", (late, culprit)
        log.handle(log.makeRecord(log.name, logging.ERROR, __file__, 0, message, arguments, None, sinfo="".join(lines).rstrip()))
        return culprit

    def _report_load(self, late: float) -> str:
        log.warning("the event loop has not come round for %.1f s: there is too much to do at once", late)
        return "too much to do at once"

    def _culprit(self, stack: list[Line], parts: list[Part]) -> str:
        """Name the part and the line of the script, or the line of our own, that runs."""
        frame, number = next((line for line in reversed(stack) if self._is_script(line[0])), stack[-1])
        name = parts[-1].title if parts else frame.f_code.co_qualname
        return f"{name} at {frame.f_code.co_filename}:{number}"

    def _is_script(self, frame: FrameType) -> bool:
        path = Path(frame.f_code.co_filename).absolute()
        return any(path.is_relative_to(folder) for folder in self._folders)


def _frames(innermost: FrameType | None) -> list[FrameType]:
    """Return a stack as a list, outermost frame first."""
    frames = []
    while innermost is not None:
        frames.append(innermost)
        innermost = innermost.f_back
    return frames[::-1]
