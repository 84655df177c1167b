"""Give stanzas to the scripts that listen, in order for each sender, and send what they answer.

Each listener has a queue of its own, a lane, so that one that is slow, broken or flooded harms no other. Nothing here blocks the link:
what comes in is queued, and dealt with in tasks.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import InvalidStanza, NotConnected, NoThread, ScriptMistake, StanzaError, TigrestError
from tigrest.inbound.rejections import Rejections
from tigrest.observability.context import begin_request
from tigrest.scripting.execution import Execution, Run
from tigrest.scripting.lanes import Lane, LaneLimits
from tigrest.scripting.listeners import Listener, Selector, type_of
from tigrest.scripting.replies import reply_to
from tigrest.scripting.signature import Invocation, StanzaCall
from tigrest.service import Service
from tigrest.xmpp.conditions import EXCEPTIONS
from tigrest.xmpp.jid import JID
from tigrest.xmpp.refusals import as_stanza_error, error_reply
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ListeningLimits:
    """Limits of scripts that listen.

    Args:
        lane: of the messages and presence of one listener.
        iqs: most iqs that a listener answers at the same time; further ones are told to wait.
        stop_seconds: how long a gateway that stops goes on with what it has taken.
    """

    lane: LaneLimits = field(default_factory=LaneLimits)
    iqs: int = 50
    stop_seconds: float = 5.0


ANSWERED_ERRORS: tuple[type[TigrestError], ...] = (StanzaError, *[kind for kind, meaning in EXCEPTIONS.items() if meaning.condition])
"""Exceptions of a method that are told to the sender."""


@dataclass(frozen=True, slots=True)
class Job:
    """A stanza for a listener."""

    listener: Listener
    kind: str
    heard: StanzaCall


class StanzaRun(Run):
    """The method of a handler that a stanza is for."""

    __slots__ = ("given_up",)

    left_means = "what its sender sent since then waits until it ends"

    def __init__(self, listener: Listener, invocation: Invocation, heard: StanzaCall, seconds: float) -> None:
        super().__init__(listener, invocation, heard, seconds)
        self.completes = not invocation.is_coroutine
        self.given_up: asyncio.Future[None] | None = None
        """Done when the time is over, for who waits for an iq."""

    async def complete(self, result: Any) -> Any:
        """Await what a ``def`` method returned, if it can be."""
        return await result if inspect.isawaitable(result) else result

    def give_up(self) -> None:
        """End the wait for the answer to an iq."""
        if self.given_up is not None and not self.given_up.done():
            self.given_up.set_result(None)


class _Index:
    """The listeners of one kind of stanza, found by the local part that they are for."""

    def __init__(self, listeners: Sequence[tuple[Listener, Selector]]) -> None:
        self._anywhere = [item for item in listeners if item[1].local is None]
        fixed = {selector.local for _, selector in listeners if selector.local is not None}
        self._fixed = {local: [item for item in listeners if item[1].local in (None, local)] for local in fixed}

    def candidates(self, local: str) -> list[tuple[Listener, Selector]]:
        return self._fixed.get(local, self._anywhere)


class Listening:
    """Gives stanzas to scripts, and sends what they answer; a listener of :class:`tigrest.backends.inbound.Inbound`.

    Args:
        service: what scripts get.
        is_ours: tells whether an address is one of ours.
        execution: runs methods.
        timeout: seconds that a stanza may take where its handler does not say.
        limits: its limits.
    """

    def __init__(
        self,
        service: Service,
        is_ours: Callable[[JID], bool],
        *,
        execution: Execution,
        timeout: float,
        limits: ListeningLimits | None = None,
    ) -> None:
        self._service, self._is_ours, self._execution, self._timeout = service, is_ours, execution, timeout
        self.limits = limits or ListeningLimits()
        """Its limits."""
        self._kinds: dict[str, _Index] = {}
        self._lanes: dict[tuple[Path, str], Lane[Job]] = {}
        self._methods = TaskSet()
        self._overflow = Rejections(service.send, "scripts")
        self._prefix = secrets.token_hex(6)
        self._numbers = itertools.count(1)

    def serve(self, listeners: Iterable[Listener]) -> None:
        """Give stanzas to other listeners from now on; what waits for those before goes on to them, in its order."""
        kinds: dict[str, list[tuple[Listener, Selector]]] = {}
        keys = set()
        for listener in listeners:
            keys.add(_key(listener))
            for kind, selector in listener.selectors.items():
                kinds.setdefault(kind, []).append((listener, selector))
        self._kinds = {kind: _Index(some) for kind, some in kinds.items()}
        self._lanes = {key: lane for key, lane in self._lanes.items() if key in keys or not lane.is_idle}

    def offer(self, stanza: Stanza) -> bool:
        """Put a message or presence into the lane of each script that listens to it; return whether there is one."""
        if stanza.kind == "iq" or stanza.kind not in self._kinds:
            return False
        jobs = self._jobs(stanza)
        is_full = False
        for job in jobs:
            job.listener.active += 1
            if not self._lane(job.listener).offer(job.heard.sender.bare, job):
                job.listener.active -= 1
                is_full = True
        if is_full:
            self._overflow.tell(_refusal(stanza, StanzaError("resource-constraint", "wait", "too many stanzas wait here")))
        return bool(jobs)

    async def answer(self, iq: Stanza) -> Stanza | None:
        """Have an iq answered by the first script that does."""
        jobs = self._jobs(iq) if "iq" in self._kinds else []
        for job in jobs:
            if (reply := await self._ask(job)) is not None:
                return reply
        return None

    async def settle(self) -> None:
        """Wait until everything that was taken is dealt with."""
        while tasks := [task for lane in self._lanes.values() for task in lane.running] + [*self._methods, *self._overflow.running]:
            await asyncio.wait(tasks)

    async def stop(self) -> None:
        """Take no more, and go on for a while with what there is."""
        self._kinds = {}
        try:
            async with asyncio.timeout(self.limits.stop_seconds):
                await self.settle()
        except TimeoutError:
            dropped = [job for lane in self._lanes.values() for job in lane.clear()]
            running = [task for lane in self._lanes.values() for task in lane.running] + [*self._methods, *self._overflow.running]
            log.warning("%d stanzas that scripts listened to were given up, %d in the middle", len(dropped) + len(running), len(running))
            for task in running:
                task.cancel()
            if running:
                await asyncio.wait(running, timeout=1.0)

    def _jobs(self, stanza: Stanza) -> list[Job]:
        """Return a job for each script that listens to a stanza."""
        try:
            to, sender = stanza.to, stanza.sender
        except InvalidStanza:
            return []
        if to is None or sender is None or not self._is_ours(to) or self._is_echo(stanza):
            return []
        is_own = self._is_ours(sender)
        jobs: list[Job] = []
        for listener, selector in self._kinds[stanza.kind].candidates(to.local):
            try:
                groups = selector.groups(stanza, to, sender, is_own)
            except Exception:
                log.exception("%s: match of %s failed", listener.relative, listener.name)
                continue
            if groups is not None and self._may_speak(listener, sender):
                jobs.append(Job(listener, stanza.kind, StanzaCall(self._service, groups, stanza, sender)))
        return jobs

    def _is_echo(self, stanza: Stanza) -> bool:
        """Return whether a stanza is our own message, reflected by a room. XEP-0045 §7.4"""
        return stanza.type == "groupchat" and stanza.id.startswith(self._prefix)

    def _may_speak(self, listener: Listener, sender: JID) -> bool:
        if listener.role is None:
            return True
        return self._service.is_admin(sender) or (listener.role == "user" and sender.domain == self._service.domain.domain)

    def _lane(self, listener: Listener) -> Lane[Job]:
        """Return the lane of a listener; the same for each load of its script, so that order is kept."""
        key = _key(listener)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(self._process, self.limits.lane)
        return lane

    async def _process(self, job: Job) -> None:
        """Deal with a message or presence. When its time is over it is given up, but what is next waits until it has ended."""
        begin_request().caller = job.heard.sender.bare  # a lane gives each stanza a task, and so a context, of its own
        run = self._run_of(job)
        try:
            reply = await self._outcome(job, run)
            if reply is not None:
                await self._send(run, reply)
            await run.ended()
        finally:
            job.listener.active -= 1

    async def _ask(self, job: Job) -> Stanza | None:
        """Have an iq answered by one script. ``None`` when it leaves it to others."""
        lane, iq = self._lane(job.listener), job.heard.stanza
        if lane.asked >= self.limits.iqs:
            return iq.error_reply(StanzaError("resource-constraint", "wait"))
        lane.asked += 1
        job.listener.active += 1
        run = self._run_of(job)
        run.given_up = asyncio.get_running_loop().create_future()
        method = self._methods.start(self._answer(job, run))

        def ended(_: asyncio.Task[Any]) -> None:
            lane.asked -= 1
            job.listener.active -= 1

        method.add_done_callback(ended)
        try:
            either: set[asyncio.Future[Any]] = {method, run.given_up}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            method.cancel()
            raise
        return _late(iq) if run.expired or method.cancelled() else method.result()

    async def _answer(self, job: Job, run: StanzaRun) -> Stanza | None:
        """Run the method for an iq, and wait until it has ended."""
        begin_request().caller = job.heard.sender.bare
        reply = await self._outcome(job, run)
        await run.ended()
        return reply

    def _run_of(self, job: Job) -> StanzaRun:
        listener = job.listener
        return StanzaRun(listener, listener.invocations[job.kind], job.heard, listener.timeout or self._timeout)

    async def _outcome(self, job: Job, run: StanzaRun) -> Stanza | None:
        """Run a method, and return the reply that its result stands for. The edge: whatever it raised goes no further."""
        stanza = job.heard.stanza
        try:
            result = await self._execution.run(run)
        except asyncio.CancelledError as error:
            if run.task.cancelling() or run.left:
                raise
            log.error("%s failed", run, exc_info=error)
        except Exception as error:
            if run.expired:
                log.error("%s gave no result within %g s", run, run.seconds)
                return _late(stanza) if stanza.kind == "iq" else None
            if isinstance(error, ANSWERED_ERRORS) and not isinstance(error, ScriptMistake):
                log.log(logging.ERROR if isinstance(error, NoThread) else logging.DEBUG, "%s: %s: %s", run, type(error).__name__, error)
                return _refusal(stanza, as_stanza_error(error))
            log.error("%s failed", run, exc_info=error)
        else:
            return self._reply(run, stanza, result)
        return error_reply(stanza, StanzaError("internal-server-error")) if stanza.kind == "iq" else None

    def _reply(self, run: StanzaRun, stanza: Stanza, result: Any) -> Stanza | None:
        try:
            return reply_to(stanza, result, self._next_id())
        except TigrestError as problem:
            log.error("%s returned what cannot be sent: %s", run, problem)
        except Exception:
            log.exception("%s returned what cannot be sent", run)
        return error_reply(stanza, StanzaError("internal-server-error")) if stanza.kind == "iq" else None

    async def _send(self, run: StanzaRun, reply: Stanza) -> None:
        try:
            await self._service.send(reply)
        except NotConnected as error:
            log.warning("%s: its reply was not sent: %s", run, error)
        except TigrestError as error:
            log.error("%s: its reply cannot be sent: %s", run, error)
        except Exception:
            log.exception("%s: its reply cannot be sent", run)

    def _next_id(self) -> str:
        """Make an id by which we know our own messages when a room sends them back."""
        return f"{self._prefix}-{next(self._numbers):x}"


def _key(listener: Listener) -> tuple[Path, str]:
    return listener.path, listener.name


def _late(iq: Stanza) -> Stanza:
    return iq.error_reply(StanzaError("remote-server-timeout", "wait"))


def _refusal(stanza: Stanza, error: StanzaError) -> Stanza | None:
    """Return the error to a stanza; ``None`` where there must be none: to a room, which would kick us, and to an error. RFC 6120 §8.3.1"""
    if stanza.kind == "iq" or (stanza.kind == "message" and type_of(stanza) in ("normal", "chat")):
        return error_reply(stanza, error)
    return None
