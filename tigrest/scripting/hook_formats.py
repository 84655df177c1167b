"""Parts that read what some program posts to hooks: its format, and the template that makes a text of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tigrest.errors import ScriptError
from tigrest.scripting.handler import READS_HOOK, Handler
from tigrest.scripting.module import COMPILED_SOURCES
from tigrest.scripting.parts import Claim, Declaration, Part

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def text_template(script: Path) -> Path:
    """Return the file with the template of the format in a script.

    Args:
        script: its file.
    """
    return script.with_suffix(".txt")


@dataclass(eq=False, kw_only=True)
class HookFormat(Part):
    """A loaded handler that reads posts of one format.

    Args:
        format: its name.
        template: source of the Jinja2 template beside the script.
        is_signed: whether its senders sign.
        answer: text that its senders want to be answered; ``None`` for the usual JSON.
    """

    cure = "name one of them otherwise"

    format: str
    template: str
    is_signed: bool
    answer: str | None

    @property
    def title(self) -> str:
        """Name of it in messages for people."""
        return f"hook format {self.format}"

    @property
    def methods(self) -> list[str]:
        """Return the names of its methods."""
        return [READS_HOOK]

    def claims(self) -> Iterator[Claim]:
        """Return the name that no other format may have."""
        yield Claim("hook format", "", self.format)

    def read(self, post: object) -> Any:
        """Return what the handler makes of a post.

        Raises:
            Exception: whatever it raises.
        """
        read: Any = getattr(self.handler, READS_HOOK)
        return read(post)


class HookFormatKind:
    """Handlers with ``read_hook``."""

    methods = (READS_HOOK,)
    attributes = ("hookFormat", "hookAnswer")

    def recognise(self, declared: Declaration) -> bool:
        """Check the attributes of a class, and return whether it reads posts.

        Raises:
            ScriptError: it does not name its format, or names one but reads nothing.
        """
        said = [name for name in self.attributes if declared.defines(name)]
        if not declared.defines(READS_HOOK):
            if said:
                raise declared.wrong(said[0], "write read_hook(self, post), or leave it out")
            return False
        name: Any = declared.cls.hookFormat
        if name is None:
            raise declared.error(READS_HOOK, f'.{READS_HOOK}: of which format? set hookFormat = "my-program"')
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise declared.wrong("hookFormat", "use lower-case letters, digits and -, at most 32")
        answer: Any = declared.cls.hookAnswer
        if answer is not None and not isinstance(answer, str):
            raise declared.wrong("hookAnswer", "use a text, or None")
        return True

    def compile(self, declared: Declaration, handler: Handler) -> HookFormat:
        """Make the format of a class.

        Raises:
            ScriptError: its method cannot be called, or its template is missing or none.
        """
        cls, source = declared.cls, declared.source
        read = getattr(handler, READS_HOOK)
        try:
            if inspect.iscoroutinefunction(read):
                raise TypeError("it is a coroutine function, which nobody awaits")
            inspect.signature(read).bind(None)
        except TypeError as error:
            raise declared.error(READS_HOOK, f".{READS_HOOK}: {error}; write def {READS_HOOK}(self, post)") from None
        return HookFormat(
            path=source.path,
            relative=source.relative,
            name=cls.__name__,
            handler=handler,
            timeout=cls.timeout,
            line=declared.line,
            format=str(cls.hookFormat),
            template=_template(declared),
            is_signed=cls.hookSigned,
            answer=cls.hookAnswer,
        )


def read_template(path: Path) -> str:
    """Return the template in a file.

    Raises:
        ScriptError: it cannot be read, or is none.
    """
    try:
        text = path.read_text("utf-8")
        _check_template(text)
    except TemplateSyntaxError as error:
        raise ScriptError(path, error.lineno, f"template: {error.message}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ScriptError(path, 1, f"template: {error}") from None
    return text


@lru_cache(maxsize=COMPILED_SOURCES)
def _check_template(text: str) -> None:
    """Parse a template; one that was good is not parsed again.

    Raises:
        TemplateSyntaxError: it is none.
    """
    ImmutableSandboxedEnvironment().parse(text)


def _template(declared: Declaration) -> str:
    path = text_template(declared.source.path)
    if not path.is_file():
        raise declared.error(READS_HOOK, f".{READS_HOOK}: there is no template {path.name} beside the script; write one (Jinja2)")
    return read_template(path)
