"""Errors that scripts make."""

from __future__ import annotations

from tigrest.errors.access import SenderNotAllowed
from tigrest.errors.base import TigrestError
from tigrest.errors.request import InvalidStanza


class ScriptMistake(TigrestError):
    """A script itself did something wrong, its caller nothing: a defect, which is logged with its traceback and told to nobody."""


class ScriptStanzaInvalid(ScriptMistake, InvalidStanza):
    """A script gave something else than a stanza to ``service.send()`` and the like."""


class ScriptSenderInvalid(ScriptMistake, SenderNotAllowed):
    """A script sends from an address that the link may not use."""


class HandlerTimeout(TigrestError):
    """A handler gave no result in time."""


class WrongResult(ScriptMistake):
    """A command does not return what it declares: a defect, which is logged and told to nobody."""


class HookTemplateFailed(ScriptMistake):
    """The template of a hook cannot be rendered: a defect, which is logged and told to nobody.

    Args:
        name: of the template.
        line: where it fails; 0 where that is not known.
        problem: what is wrong.
    """

    def __init__(self, name: str, line: int, problem: str) -> None:
        super().__init__(f"the template {name}{f':{line}' if line else ''} fails: {problem}")
