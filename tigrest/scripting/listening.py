"""Giving stanzas to the scripts that listen: which one, in which order, for how long, and what becomes of its answer.

Each listener has a lane of its own, so that one that is slow, broken or flooded harms no other. Nothing here waits on the link's
time: what comes in is put into lanes, and dealt with in tasks.
"""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
import math
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from tigrest.errors import InvalidStanza, NotConnected, StanzaError, TigrestError
from tigrest.inbound.rejections import Rejections
from tigrest.scripting.lanes import Lane
from tigrest.scripting.listeners import Listener, Selector, type_of
from tigrest.scripting.replies import reply_to
from tigrest.scripting.signature import StanzaCall
from tigrest.service import Service
from tigrest.xmpp.conditions import EXCEPTIONS
from tigrest.xmpp.jid import JID
from tigrest.xmpp.refusals import as_stanza_error, error_reply
from tigrest.xmpp.stanza import Stanza

log = logging.getLogger(__name__)

IQS = 50
"""Most iqs that a listener answers at the same time; further ones are told to wait."""

STOP_SECONDS = 5.0
"""How long a gateway that stops goes on with what it has taken."""

TOLD: tuple[type[TigrestError], ...] = (StanzaError, *[kind for kind, meaning in EXCEPTIONS.items() if meaning.condition])
"""What a method may raise to have the sender told."""


@dataclass(frozen=True, slots=True)
class Job:
    """A stanza for a listener."""

    listener: Listener
    kind: str
    heard: StanzaCall

    def __str__(self) -> str:
        return f"{self.listener.relative}:{self.listener.line}: {self.listener.name}.on_{self.kind}"


class _Index:
    """The listeners of one kind of stanza, found by the local part that they are for."""

    def __init__(self, listeners: Sequence[tuple[Listener, Selector]]) -> None:
        self._anywhere = [item for item in listeners if item[1].local is None]
        fixed = {selector.local for _, selector in listeners if selector.local is not None}
        self._fixed = {local: [item for item in listeners if item[1].local in (None, local)] for local in fixed}

    def candidates(self, local: str) -> list[tuple[Listener, Selector]]:
        return self._fixed.get(local, self._anywhere)


class Listening:
    """Gives stanzas to scripts, and sends what they answer. One of the :mod:`tigrest.backends.inbound`.

    Args:
        service: what scripts get.
        is_ours: tells whether an address is one of ours.
        timeout: seconds that a stanza may take where its handler does not say.
    """

    def __init__(self, service: Service, is_ours: Callable[[JID], bool], timeout: float) -> None:
        self._service, self._is_ours, self._timeout = service, is_ours, timeout
        self._kinds: dict[str, _Index] = {}
        self._lanes: dict[tuple[Path, str], Lane[Job]] = {}
        self._methods: set[asyncio.Task[Any]] = set()
        self._overflow = Rejections(service.send, "scripts")
        self._threads = CapacityLimiter(math.inf)  # the lanes limit them
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
            async with asyncio.timeout(STOP_SECONDS):
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
        """Whether it is what we said in a room, sent back by the room as it does to everybody. XEP-0045 §7.4"""
        return stanza.type == "groupchat" and stanza.id.startswith(self._prefix)

    def _may_speak(self, listener: Listener, sender: JID) -> bool:
        if listener.role is None:
            return True
        return self._service.is_admin(sender) or (listener.role == "user" and sender.domain == self._service.domain.domain)

    def _lane(self, listener: Listener) -> Lane[Job]:
        """The lane of a listener, the same for each load of its script, so that order is kept."""
        key = _key(listener)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane(self._process)
        return lane

    async def _process(self, job: Job) -> None:
        """Deal with a message or presence. When its time is over it is given up, but what is next waits until it has ended."""
        try:
            method = self._begin(job)
            if await self._is_in_time(job, method):
                reply = self._outcome(job, method)
                if reply is not None:
                    await self._send(job, reply)
            else:
                await asyncio.wait({method})
        finally:
            job.listener.active -= 1

    async def _ask(self, job: Job) -> Stanza | None:
        """Have an iq answered by one script. ``None`` when it leaves it to others."""
        lane, iq = self._lane(job.listener), job.heard.stanza
        if lane.asked >= IQS:
            return iq.error_reply(StanzaError("resource-constraint", "wait"))
        method = self._begin(job)
        lane.asked += 1
        job.listener.active += 1

        def ended(_: asyncio.Task[Any]) -> None:
            lane.asked -= 1
            job.listener.active -= 1

        method.add_done_callback(ended)
        try:
            if await self._is_in_time(job, method):
                return self._outcome(job, method)
        except asyncio.CancelledError:
            method.cancel()
            raise
        return iq.error_reply(StanzaError("remote-server-timeout", "wait"))

    def _begin(self, job: Job) -> asyncio.Task[Any]:
        method = asyncio.create_task(self._call(job))
        self._methods.add(method)
        method.add_done_callback(self._methods.discard)
        return method

    async def _call(self, job: Job) -> Any:
        invocation = job.listener.invocations[job.kind]
        try:
            if invocation.is_coroutine:
                return await invocation(job.heard)
            result = await run_sync(invocation, job.heard, abandon_on_cancel=True, limiter=self._threads)
            return await result if inspect.isawaitable(result) else result
        except SystemExit as error:
            raise RuntimeError("the script calls sys.exit(); a method only returns or raises") from error

    async def _is_in_time(self, job: Job, method: asyncio.Task[Any]) -> bool:
        seconds = job.listener.timeout or self._timeout
        await asyncio.wait({method}, timeout=seconds)
        if method.done():
            return True
        log.error("%s gave no result within %g s", job, seconds)
        if job.listener.invocations[job.kind].is_coroutine:
            method.cancel()
        method.add_done_callback(lambda task: task.cancelled() or task.exception())  # nobody else asks
        return False

    def _outcome(self, job: Job, method: asyncio.Task[Any]) -> Stanza | None:
        """The reply that a method that has ended stands for. The edge: whatever it raised goes no further."""
        stanza = job.heard.stanza
        error: BaseException | None = asyncio.CancelledError() if method.cancelled() else method.exception()
        if error is None:
            try:
                return reply_to(stanza, method.result(), self._next_id())
            except TigrestError as problem:
                log.error("%s returned what cannot be sent: %s", job, problem)
            except Exception:
                log.exception("%s returned what cannot be sent", job)
        elif isinstance(error, TOLD):
            log.debug("%s raised %s", job, type(error).__name__)
            return _refusal(stanza, as_stanza_error(error))
        else:
            log.error("%s failed", job, exc_info=error)
        return error_reply(stanza, StanzaError("internal-server-error")) if stanza.kind == "iq" else None

    async def _send(self, job: Job, reply: Stanza) -> None:
        try:
            await self._service.send(reply)
        except NotConnected as error:
            log.warning("%s: its reply was not sent: %s", job, error)
        except TigrestError as error:
            log.error("%s: its reply cannot be sent: %s", job, error)
        except Exception:
            log.exception("%s: its reply cannot be sent", job)

    def _next_id(self) -> str:
        """An id by which we know our own messages when a room sends them back."""
        return f"{self._prefix}-{next(self._numbers):x}"


def _key(listener: Listener) -> tuple[Path, str]:
    return listener.path, listener.name


def _refusal(stanza: Stanza, error: StanzaError) -> Stanza | None:
    """The error to a stanza, if it may have one: not to a room, which would throw us out, nor to an error. RFC 6120 §8.3.1"""
    if stanza.kind == "iq" or (stanza.kind == "message" and type_of(stanza) in ("normal", "chat")):
        return error_reply(stanza, error)
    return None
