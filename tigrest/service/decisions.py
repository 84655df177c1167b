"""Decisions of the policy, each with the rule that made it."""

from __future__ import annotations

from typing import NamedTuple

from tigrest.errors import LoginRequired, RoleRequired


class Decision(NamedTuple):
    """A decision of the policy.

    Args:
        allowed: whether it may be done.
        rule: name of the rule that decided.
        reason: for people; empty when it is allowed.
    """

    allowed: bool
    rule: str
    reason: str = ""


BY_ADMIN = Decision(True, "admin")
BY_CLIENT = Decision(True, "client")
BY_HIMSELF = Decision(True, "himself")
BY_IQ = Decision(True, "iq")
BY_OWN = Decision(True, "own")
BY_PUBLIC = Decision(True, "public")
BY_REPLY = Decision(True, "reply")
BY_STANZA = Decision(True, "stanza")


def refusal_of_call(decision: Decision) -> LoginRequired | RoleRequired:
    """Return the error for a call of a command or a handler that is not allowed."""
    if decision.rule == "login":
        return LoginRequired(decision.reason)
    error = RoleRequired(decision.reason)
    error.rule = decision.rule
    return error
