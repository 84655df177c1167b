"""Parts of a script, each of a kind: what the table serves.

A kind recognises its part in a handler class, checks what the class says for it, and compiles it. The kinds are listed in
:mod:`tigrest.scripting.kinds`; the loader walks that list and knows none of them by name.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, NamedTuple, Protocol

from tigrest.errors import ScriptError
from tigrest.scripting.attributes import Lines, wrong
from tigrest.scripting.handler import Handler

ROOT = "/rest"
"""Path under which all handlers live."""


class Claim(NamedTuple):
    """A name that only one part of the table may have, e.g. ``GET /rest/avatar /([^/]+)``.

    Args:
        what: what is named, e.g. the HTTP method.
        place: where, e.g. the folder.
        name: the name itself, e.g. the pattern.
    """

    what: str
    place: str
    name: str

    def __str__(self) -> str:
        return f"{self.what} {self.place}{self.name}"


@dataclass(eq=False, kw_only=True)
class Part:
    """A part of a script that is served.

    Args:
        path: the script file.
        relative: the same below its scripts directory.
        name: of the class or function that declares it.
        handler: the one instance of this load, or the function; one handler may have parts of several kinds.
        timeout: seconds that a call of it may take; ``None`` for the default.
        line: of its declaration in the script.
    """

    cure: ClassVar[str] = "change one of them"
    """The cure that the error names when another part has claimed the same name."""

    path: Path
    relative: Path
    name: str
    handler: object
    timeout: float | None
    line: int = 1
    active: int = field(default=0, init=False)
    """Calls that wait for it or run now. A replaced script is shut down when there are none."""

    @property
    def title(self) -> str:
        """Name of it in messages for people."""
        return self.name

    @property
    def rank(self) -> tuple[str | int, ...]:
        """Return the key that sorts the parts of its kind."""
        return str(self.relative), self.line

    def claims(self) -> Iterable[Claim]:
        """Return the names that no other part may have."""
        return ()


@dataclass(frozen=True)
class Source:
    """A script file as it was read.

    Args:
        path: the file.
        root: its scripts directory.
        root_index: number of that directory.
        data: its bytes.
        digest: of all that it is loaded from: its bytes, helpers, templates.
        is_of_commands: whether that directory is one of commands.
    """

    path: Path
    root: Path
    root_index: int
    data: bytes
    digest: bytes
    is_of_commands: bool = False

    @property
    def relative(self) -> Path:
        """Return the file below its scripts directory."""
        return self.path.relative_to(self.root)

    @property
    def folder(self) -> str:
        """Return the URI of its folder, e.g. ``/rest/avatar``."""
        return "/".join([ROOT, *self.relative.parent.parts])


@dataclass(frozen=True)
class Script:
    """A script as it was last loaded well."""

    path: Path
    digest: bytes
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Declaration:
    """A handler class of a script, for the kinds to look at.

    Args:
        source: the script.
        cls: the class.
        lines: of the script.
    """

    source: Source
    cls: type[Handler]
    lines: Lines

    @property
    def line(self) -> int:
        """Return the line of the class."""
        return self.lines.of(self.cls)

    def defines(self, *names: str) -> bool:
        """Return whether the class or one of its bases sets one of some attributes to something else than ``None``."""
        return any(getattr(self.cls, name, None) is not None for name in names)

    def error(self, member: str, problem: str) -> ScriptError:
        """Return the error that something about a member is wrong, at its line.

        Args:
            member: its name; the class itself when empty.
            problem: what is wrong, behind the name of the class.
        """
        return ScriptError(self.source.path, self.lines.of(self.cls, member), f"{self.cls.__name__}{problem}")

    def wrong(self, attribute: str, cure: str) -> ScriptError:
        """Return the error that the value of an attribute is wrong; see :func:`tigrest.scripting.attributes.wrong`."""
        return wrong(self.source.path, self.cls, self.lines, attribute, cure)


class Kind(Protocol):
    """A kind of parts."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Return the names of the methods that make a class a part of this kind."""

    @property
    def attributes(self) -> tuple[str, ...]:
        """Return the names of the attributes that are of this kind only; a class that sets one is meant to be served."""

    def recognise(self, declared: Declaration) -> bool:
        """Check what a class says for this kind, before it is instantiated, and return whether it has such a part.

        Raises:
            ScriptError: a value does not fit, or stands there without the method that it is for.
        """

    def compile(self, declared: Declaration, handler: Handler) -> Part:
        """Make the part.

        Args:
            declared: a class that was recognised.
            handler: its instance.

        Raises:
            ScriptError: a method cannot be called, or something beside the script is wrong.
        """
