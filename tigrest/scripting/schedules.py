"""Parts that run by the clock: when, by cron or every so many seconds."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from functools import cache
from typing import Any, Protocol

from cronsim import CronSim, CronSimError
from tzlocal import get_localzone

from tigrest.scripting.handler import SCHEDULED, Handler
from tigrest.scripting.parts import Declaration, Part
from tigrest.scripting.signature import SCHEDULE, Invocation, SignatureError, compile_method

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PeriodLimits:
    """Limits of ``every``, in seconds."""

    least: float = 1.0
    most: float = 366 * 24 * 3600.0


CLOCK_STEP = timedelta(hours=1)
"""A clock that is set back by less waits until it is again where it was, so that nothing runs twice."""


@cache
def local_zone() -> tzinfo:
    """Return the time zone of the machine, or of ``TZ``, with its changes between summer and winter."""
    try:
        return get_localzone()
    except (LookupError, ValueError, Warning) as error:
        fixed = datetime.now().astimezone().tzinfo
        log.warning("the time zone is not known by name, so schedules run by %s all year: %s", fixed, " ".join(str(error).split()))
        assert fixed is not None
        return fixed


def local_now() -> datetime:
    """Return the time by the clock on the wall, with its zone."""
    return datetime.now(local_zone())


class Timer(Protocol):
    """A clock for the runs of one schedule; it begins when it is made."""

    def advance(self) -> datetime:
        """Go on to the next run, and return when it is due, by the clock on the wall."""

    def remaining(self) -> float:
        """Return the seconds until it is due; 0 or less when it is."""


class Timing(Protocol):
    """The times of a schedule; ``str()`` shows them to people."""

    def timer(self) -> Timer:
        """Return a timer that begins now."""


@dataclass(frozen=True)
class Cron:
    """Times that fit an expression of cron, by the clock on the wall.

    Args:
        expression: five fields: minute, hour, day of month, month, day of week.

    crontab(5)
    """

    expression: str

    def __str__(self) -> str:
        return self.expression

    def timer(self) -> CronTimer:
        """Return a timer that begins now."""
        return CronTimer(self)

    def after(self, moment: datetime) -> datetime:
        """Return the first time after a moment.

        As Debian's cron has it, what falls into the hour that is left out in spring runs right after it, and what falls into the hour
        that comes twice in autumn runs the first time, unless hour or minute begin with ``*``.

        Args:
            moment: with its zone.

        Raises:
            StopIteration: there is none within 50 years.
        """
        times = CronSim(self.expression, moment)
        found = next(times)
        while found.timestamp() <= moment.timestamp():  # in the hour that comes twice, the second time
            found = next(times)
        return found


class CronTimer:
    """The timer of a :class:`Cron`. Its clock may be set.

    Args:
        cron: when.
        now: returns the time, with its zone.
    """

    def __init__(self, cron: Cron, now: Callable[[], datetime] = local_now) -> None:
        self._cron, self._now = cron, now
        self._due = now()

    def advance(self) -> datetime:
        """Go on to the next run, and return when it is due."""
        now = self._now()
        was_set_back = timedelta(0) < self._due - now < CLOCK_STEP
        self._due = self._cron.after(self._due if was_set_back else now)
        return self._due

    def remaining(self) -> float:
        """Return the seconds until it is due."""
        return self._due.timestamp() - self._now().timestamp()


@dataclass(frozen=True)
class Every:
    """A run each time some seconds have passed, counted from the load of the script."""

    seconds: float

    def __str__(self) -> str:
        return f"every {self.seconds:g} s"

    def timer(self) -> PeriodTimer:
        """Return a timer that begins now."""
        return PeriodTimer(self)


class PeriodTimer:
    """The timer of an :class:`Every`. It does not drift, and nobody sets its clock.

    Args:
        every: when.
        now: returns seconds that only grow.
    """

    def __init__(self, every: Every, now: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._now = every.seconds, now
        self._began = now()
        self._number = 0

    def advance(self) -> datetime:
        """Go on to the next run, leaving out those that are past, and return when it is due."""
        self._number = max(self._number, int((self._now() - self._began) / self._seconds)) + 1
        return local_now() + timedelta(seconds=self.remaining())

    def remaining(self) -> float:
        """Return the seconds until it is due."""
        return self._began + self._number * self._seconds - self._now()


@dataclass(eq=False, kw_only=True)
class Schedule(Part):
    """A loaded handler that runs by the clock.

    Args:
        timing: when.
        invocation: how to call its method.
    """

    timing: Timing
    invocation: Invocation
    due: datetime | None = field(default=None, init=False)
    """Time of the next run, where a gateway runs it; else ``None``."""

    @property
    def methods(self) -> list[str]:
        """Return the names of its methods."""
        return [SCHEDULED]

    @property
    def shown(self) -> str:
        """Return when it runs, for people, e.g. ``*/5 * * * *`` or ``every 30 s``."""
        return str(self.timing)

    @property
    def next_run(self) -> datetime | None:
        """Return when it runs next; ``None`` for periods where no gateway runs it, since they begin with the load of the script."""
        if self.due is None and isinstance(self.timing, Cron):
            return self.timing.after(local_now())
        return self.due


class ScheduleKind:
    """Handlers with ``on_schedule``.

    Args:
        limits: of periods.
    """

    methods = (SCHEDULED,)
    attributes = ("schedule", "every")

    def __init__(self, limits: PeriodLimits | None = None) -> None:
        self._limits = limits or PeriodLimits()

    def recognise(self, declared: Declaration) -> bool:
        """Check the attributes of a class, and return whether it runs by the clock.

        Raises:
            ScriptError: it does not say when, in one way that makes sense, or says when but not what.
        """
        said = [name for name in self.attributes if declared.defines(name)]
        if not declared.defines(*self.methods):
            if said:
                raise declared.wrong(said[0], "write on_schedule(self, service), or leave it out")
            return False
        if not said:
            raise declared.error(SCHEDULED, f'.{SCHEDULED}: when? set schedule = "*/5 * * * *" (cron), or every = 30.0 (seconds)')
        if len(said) > 1:
            raise declared.wrong("every", "there is a schedule already: leave one of them out")
        self._timing(declared)
        return True

    def compile(self, declared: Declaration, handler: Handler) -> Schedule:
        """Make the schedule of a class.

        Raises:
            ScriptError: arguments of the method have no source.
        """
        cls, source = declared.cls, declared.source
        try:
            invocation = compile_method(getattr(handler, SCHEDULED), SCHEDULE)
        except SignatureError as error:
            raise declared.error(SCHEDULED, f".{SCHEDULED}: {error}") from None
        return Schedule(
            path=source.path,
            relative=source.relative,
            name=cls.__name__,
            handler=handler,
            timing=self._timing(declared),
            invocation=invocation,
            timeout=cls.timeout,
            line=declared.line,
        )

    def _timing(self, declared: Declaration) -> Cron | Every:
        if declared.defines("schedule"):
            return _cron(declared, declared.cls.schedule)
        seconds: Any = declared.cls.every
        limits = self._limits
        is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
        if not is_number or not limits.least <= seconds <= limits.most:
            raise declared.wrong("every", f"use seconds, from {limits.least:g} to {limits.most:.0f} (a year)")
        return Every(float(seconds))


def _cron(declared: Declaration, expression: Any) -> Cron:
    cure = 'use five fields (minute, hour, day of month, month, day of week) such as "*/5 * * * *"'
    if not isinstance(expression, str) or len(expression.split()) != 5:
        raise declared.wrong("schedule", cure)
    cron = Cron(" ".join(expression.split()))
    try:
        cron.after(local_now())
    except CronSimError as error:
        raise declared.wrong("schedule", f"{str(error).lower()}; {cure}") from None
    except StopIteration:
        raise declared.wrong("schedule", "there is no such day") from None
    return cron
