"""What became of a post to a hook."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class HookOutcome:
    """Outcome of a post.

    Args:
        id: of the message that was sent; empty where none was.
        ignored: why none was sent; empty where one was.
        answer: text that the sender wants to be answered; ``None`` for the usual JSON.
        is_confirmed: whether the server, or the room, is known to have processed the message.
        is_repeat: whether it was sent before, by the same delivery.
    """

    id: str = ""
    ignored: str = ""
    answer: str | None = None
    is_confirmed: bool = True
    is_repeat: bool = False

    def __str__(self) -> str:
        """Return it for the list of hooks."""
        if self.ignored:
            return f"ignored: {self.ignored}"
        return "sent" if self.is_confirmed else "sent, not confirmed"
