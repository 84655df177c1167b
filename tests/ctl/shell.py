"""``tigrest ctl`` against a gateway in the test's process, without the socket between them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.ctl.clients import Done
from tigrest.ctl.answering import CtlCommands
from tigrest.ctl.protocol import CtlRequest, Question
from tigrest.testing import TestGateway


@dataclass
class Typist:
    """Whoever sits at the terminal.

    Args:
        typed: what he types, one after the other.
        stdin: what standard input has; ``None`` for nothing.
    """

    typed: Sequence[str] = ()
    stdin: str | None = None
    asked: list[tuple[Question, str]] = field(default_factory=list)
    """What he was asked."""

    async def ask(self, question: Question, prompt: str = "") -> str | None:
        """Return what he types, or what standard input has."""
        self.asked.append((question, prompt))
        if question == "stdin":
            return self.stdin
        so_far = len([each for each, _ in self.asked if each != "stdin"])
        return self.typed[so_far - 1] if so_far <= len(self.typed) else None


class Shell:
    """A shell in front of a gateway.

    Args:
        gateway: the gateway.
    """

    def __init__(self, gateway: TestGateway) -> None:
        self._gateway = gateway
        self._answer = CtlCommands(gateway.gateway.parts.pipeline)

    def ctl(self, *arguments: str, terminal: Typist | None = None, width: int | None = None, colour: bool = False) -> Done:
        """Run ``tigrest ctl``.

        Args:
            arguments: behind ``ctl``.
            terminal: who sits there; nobody, and nothing in standard input, by default.
            width: of the terminal that shows the output; ``None`` when it goes elsewhere.
            colour: whether it shows colours.
        """
        request = CtlRequest(arguments, width, colour, terminal is not None and bool(terminal.typed))
        reply = self._gateway.client.portal.call(self._answer, request, "root", terminal or Typist())
        return Done(reply.code, reply.out, reply.err)
