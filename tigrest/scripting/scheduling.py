"""Run methods of scripts by the clock: each schedule by a task of its own, never two runs of it at once."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator
from contextvars import Context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import NotConnected
from tigrest.observability.context import begin_request
from tigrest.observability.metrics import Metrics
from tigrest.scripting.execution import Execution, Run
from tigrest.scripting.schedules import Schedule
from tigrest.scripting.signature import ScheduleCall
from tigrest.service import Service

log = logging.getLogger(__name__)

T = TypeVar("T")

OUTCOMES = ("done", "failed", "skipped")
"""Outcomes of runs; skipped are those that were due while another one went on."""


@dataclass(frozen=True)
class SchedulingLimits:
    """Limits of schedules.

    Args:
        look_seconds: how often the clock is looked at, which may be set, and which stands still while a machine sleeps.
        stop_seconds: how long a gateway that stops waits for runs.
    """

    look_seconds: float = 30.0
    stop_seconds: float = 5.0


class ScheduleRun(Run):
    """A run of a schedule.

    Args:
        schedule: whose.
        runs: of the same schedule.
        call: the arguments.
        seconds: its time.
    """

    __slots__ = ("runs",)

    left_means = "it does not run again until it ends or its script is replaced"

    def __init__(self, schedule: Schedule, runs: Runs, call: ScheduleCall, seconds: float) -> None:
        super().__init__(schedule, schedule.invocation, call, seconds)
        self.runs = runs

    def leave(self) -> None:
        """Count it as failed."""
        self.runs.count["failed"] += 1

    def blocks(self, schedule: Schedule) -> bool:
        """Return whether a schedule has to wait for this run. A new version does not wait for one that hangs in the old one.

        Args:
            schedule: the same one, of this load or of a later one.
        """
        hangs = self.left or (self.expired and self.thread is not None)
        return not hangs or self.part is schedule


@dataclass
class Runs:
    """The runs of one schedule, across the loads of its script.

    Args:
        label: names it in the metrics, e.g. ``reports/daily.py:Daily``.
    """

    label: str
    task: asyncio.Task[BaseException | None] | None = None
    run: ScheduleRun | None = None
    skipped: int = 0
    """Runs that were due while the current one goes on."""
    count: Counter[str] = field(default_factory=Counter)
    """Runs since the start of the gateway by what became of them, see :data:`OUTCOMES`."""

    def is_busy(self, schedule: Schedule) -> bool:
        """Return whether a run goes on that a schedule has to wait for."""
        return self.task is not None and not self.task.done() and self.run is not None and self.run.blocks(schedule)


_Key = tuple[Path, str]
"""Script and class: the same for each load."""


class Scheduling:
    """Runs schedules.

    Args:
        service: what scripts get.
        execution: runs methods.
        timeout: seconds that a run may take where its handler does not say.
        is_on: whether they run by the clock; otherwise only by :meth:`run_now`.
        limits: its limits.
    """

    def __init__(
        self, service: Service, *, execution: Execution, timeout: float, is_on: bool = True, limits: SchedulingLimits | None = None
    ) -> None:
        self._service, self._execution, self._timeout, self._is_on = service, execution, timeout, is_on
        self._limits = limits or SchedulingLimits()
        self._waiting: dict[_Key, tuple[Schedule, asyncio.Task[None]]] = {}
        self._runs: dict[_Key, Runs] = {}
        self._tasks = TaskSet()
        self._hanging: set[asyncio.Task[Any]] = set()
        self._is_stopped = False

    def add_metrics(self, metrics: Metrics) -> None:
        """Add the numbers of runs to the metrics."""
        metrics.add(_RunCounter(self._runs))

    def serve(self, schedules: Iterable[Schedule]) -> None:
        """Run other schedules from now on. Those that were there before go on as they do; runs of others end, and are the last."""
        if self._is_stopped:
            return
        wanted = {_key(schedule): schedule for schedule in schedules}
        for key, (schedule, task) in list(self._waiting.items()):
            if wanted.get(key) is not schedule:
                del self._waiting[key]
                task.cancel()
        for key in [key for key, runs in self._runs.items() if key not in wanted and (runs.task is None or runs.task.done())]:
            del self._runs[key]
        for key, schedule in wanted.items():
            self._runs.setdefault(key, Runs(f"{schedule.relative}:{schedule.name}"))
            if self._is_on and key not in self._waiting:
                self._waiting[key] = schedule, self._start(self._keep(schedule))

    async def run_now(self, schedule: Schedule) -> None:
        """Run a schedule that is served, besides its times, and wait until it has ended.

        Raises:
            Exception: whatever its method raises.
        """
        runs = self._runs[_key(schedule)]
        while runs.is_busy(schedule) and runs.task is not None:
            await asyncio.wait({runs.task})
        if (error := await self._begin(schedule, runs)) is not None:
            raise error

    async def stop(self) -> None:
        """Begin no more runs, and give those that go on a moment to end."""
        self._is_stopped = True
        for _, waiting in self._waiting.values():
            waiting.cancel()
        self._waiting.clear()
        for hanging in self._hanging:
            hanging.cancel()
        if not self._tasks:
            return
        _, running = await asyncio.wait([*self._tasks], timeout=self._limits.stop_seconds)
        if running:
            log.warning("%d runs of schedules were given up", len(running))
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=1.0)

    async def _keep(self, schedule: Schedule) -> None:
        """Begin the runs of a schedule, one after the other, until cancelled."""
        timer = schedule.timing.timer()
        while True:
            schedule.due = timer.advance()
            while (seconds := timer.remaining()) > 0:  # noqa: ASYNC110 - a clock tells nobody when it is set
                await asyncio.sleep(min(seconds, self._limits.look_seconds))
            runs = self._runs[_key(schedule)]
            if runs.is_busy(schedule):
                self._skip(schedule, runs)
            else:
                self._begin(schedule, runs)

    def _skip(self, schedule: Schedule, runs: Runs) -> None:
        runs.count["skipped"] += 1
        runs.skipped += 1
        if runs.skipped == 1:
            log.warning("%s still runs when it is due again; it is not run until that has ended", runs.run)

    def _begin(self, schedule: Schedule, runs: Runs) -> asyncio.Task[BaseException | None]:
        run = runs.run = ScheduleRun(schedule, runs, ScheduleCall(self._service), schedule.timeout or self._timeout)
        runs.skipped = 0
        runs.task = self._start(self._run(run))
        return runs.task

    async def _run(self, run: ScheduleRun) -> BaseException | None:
        """Run a method once. The edge: what it raises goes no further, but is returned."""
        begin_request().caller = "schedule"
        error: BaseException | None = None
        try:
            await self._execution.run(run)
        except asyncio.CancelledError as cancelled:
            if run.left or run.task.cancelling():
                raise
            error = cancelled
        except Exception as raised:
            error = raised
        run.runs.count["done" if error is None else "failed"] += 1
        if run.expired:
            log.error("%s did not end within %g s", run, run.seconds)
        elif isinstance(error, NotConnected):
            log.warning("%s failed: %s", run, error)
        elif error is not None:
            log.error("%s failed", run, exc_info=error)
        await self._wait_for_thread(run)
        return error

    async def _wait_for_thread(self, run: ScheduleRun) -> None:
        """Wait for the end of a ``def`` method whose time is over, so that nothing runs beside it."""
        self._hanging.add(run.task)
        try:
            await run.ended()
        finally:
            self._hanging.discard(run.task)

    def _start(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Start a task in a context of its own, not in that of whoever has scripts reloaded."""
        return Context().run(self._tasks.start, work)


class _RunCounter(Collector):
    """Counts runs, for Prometheus."""

    def __init__(self, runs: dict[_Key, Runs]) -> None:
        self._runs = runs

    def collect(self) -> Iterator[Metric]:
        """Return the current numbers."""
        family = CounterMetricFamily("tigrest_schedule_runs", "Runs of schedules.", labels=["schedule", "outcome"])
        for runs in self._runs.values():
            for outcome in OUTCOMES:
                family.add_metric([runs.label, outcome], runs.count[outcome])
        yield family


def _key(schedule: Schedule) -> _Key:
    return schedule.path, schedule.name
