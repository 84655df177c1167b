"""Sessions of ad-hoc commands (XEP-0050) between the requests of those who execute them."""

from __future__ import annotations

import contextvars
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from tigrest.concurrency.caller import waiting
from tigrest.concurrency.tasks import TaskSet
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.jid import JID


@dataclass(frozen=True, kw_only=True)
class CommandLimits:
    """Limits of what an entity may answer to a command, and of what is remembered of it.

    Args:
        stages: most stages that one call goes through.
        sessionid: most characters of the id of a session.
        remembered: most stages remembered; of the caller who has most, the oldest is forgotten first.
        size: most bytes of a stage that is remembered, with the node of its command, and of the stages in one call that say something.
        cancel_seconds: timeout of the reply when a session is cancelled.
    """

    stages: int = 20
    sessionid: int = 1024
    remembered: int = 256
    size: int = 64 * 1024
    cancel_seconds: float = 5.0


@dataclass(frozen=True)
class StageKey:
    """Whose session it is: valid between one requester and one responder only. XEP-0050 §3.3

    Args:
        owner: the caller; empty for the gateway itself.
        to: the responder.
        node: node of the command.
        sessionid: id of the session.
    """

    owner: str
    to: JID
    node: str
    sessionid: str


class OpenStages:
    """Remembers the stages whose forms were given to callers, and cancels sessions with which nobody goes on.

    Args:
        limits: of both.
    """

    def __init__(self, limits: CommandLimits | None = None) -> None:
        self.limits = limits or CommandLimits()
        """Of what is remembered and answered."""
        self._stages: dict[str, OrderedDict[StageKey, bytes]] = {}
        """As received, by owner, so that nobody can have the stages of others forgotten."""
        self._count = 0
        self._cancelling = TaskSet()

    def __len__(self) -> int:
        """Return how many stages are remembered."""
        return self._count

    def find(self, key: StageKey) -> CommandReply | None:
        """Return the stage that a session is in; ``None`` when that is not known (any more)."""
        stages = self._stages.get(key.owner)
        stored = stages.get(key) if stages is not None else None
        return CommandReply.parse(key.to, key.node, stored) if stored is not None else None

    def note(self, key: StageKey, stage: bytes) -> None:
        """Remember the stage that a reply opened; forget the session when there is none.

        Args:
            key: whose session it is.
            stage: the stanza with it; empty when the command does not go on. Its bytes are kept, since a form of many fields takes
                twenty times as much when it is parsed.
        """
        if key in self._stages.get(key.owner, ()):
            self._forget(key)
        if not stage or not key.sessionid or len(stage) + len(key.node) > self.limits.size:
            return
        self._stages.setdefault(key.owner, OrderedDict())[key] = stage
        self._count += 1
        while self._count > self.limits.remembered:
            most = max(self._stages.values(), key=len)
            self._forget(next(iter(most)))

    def _forget(self, key: StageKey) -> None:
        stages = self._stages[key.owner]
        del stages[key]
        self._count -= 1
        if not stages:
            del self._stages[key.owner]

    def cancel(self, request: Coroutine[Any, Any, None]) -> None:
        """Send what cancels a session, even when the caller has gone, and without making him wait.

        Args:
            request: sends it.
        """
        context = contextvars.copy_context()
        context.run(waiting.set, None)
        context.run(self._cancelling.start, request)

    async def stop(self) -> None:
        """Stop cancelling."""
        await self._cancelling.stop()
