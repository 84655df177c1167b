"""Sessions of ad-hoc commands (XEP-0050) between the requests of those who execute them."""

from __future__ import annotations

import contextvars
from collections import OrderedDict
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import Any

from tigrest.concurrency.caller import waiting
from tigrest.concurrency.tasks import TaskSet
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID


@dataclass(frozen=True, kw_only=True)
class CommandLimits:
    """Limits of what an entity may answer to a command, and of what is remembered of it.

    Args:
        stages: most stages that one call goes through.
        sessionid: most characters of the id of a session.
        remembered: most stages remembered; the oldest are forgotten first.
        form: most characters of a form that is remembered.
        cancel_seconds: timeout of the reply when a session is cancelled.
    """

    stages: int = 20
    sessionid: int = 1024
    remembered: int = 256
    form: int = 64 * 1024
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
        self._stages: OrderedDict[StageKey, CommandReply] = OrderedDict()
        self._cancelling = TaskSet()

    def __len__(self) -> int:
        """Return how many stages are remembered."""
        return len(self._stages)

    def find(self, key: StageKey) -> CommandReply | None:
        """Return the stage that a session is in; ``None`` when that is not known (any more)."""
        return self._stages.get(key)

    def note(self, key: StageKey, reply: CommandReply) -> None:
        """Remember the stage that a reply opened; forget the session when there is none."""
        self._stages.pop(key, None)
        if not reply.is_executing or not key.sessionid or (reply.form is not None and _size(reply.form) > self.limits.form):
            return
        self._stages[key] = replace(reply, forms=(), notes=(), urls=(), roster=())
        while len(self._stages) > self.limits.remembered:
            self._stages.popitem(last=False)

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


def _size(form: DataForm) -> int:
    """Count the characters of a form."""
    texts = [form.title, form.instructions]
    for field in form.fields:
        texts += (field.var, field.label, field.desc, *field.values)
        texts += [text for option in field.options for text in (option.value, option.label)]
        texts += [media.uri for media in field.media]
    return sum(len(text) for text in texts)
