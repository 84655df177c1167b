"""Load folders of scripts into a table."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import time
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tigrest.errors import PluginError, ScriptError
from tigrest.scripting.attributes import member_lines, validate, validate_instance
from tigrest.scripting.command_compilation import commands_of, expect_no_commands
from tigrest.scripting.files import folders_of
from tigrest.scripting.handler import Handler, Injection
from tigrest.scripting.helpers import HelperFinder, package_of
from tigrest.scripting.kinds import KINDS
from tigrest.scripting.load_attempts import LoadAttempt
from tigrest.scripting.module import LOAD_SECONDS, execute, run_bounded
from tigrest.scripting.parts import ROOT, Claim, Declaration, Kind, Part, Script, Source
from tigrest.scripting.routes import templates
from tigrest.scripting.table import Table

log = logging.getLogger(__name__)

LONG_LOAD_SECONDS = 1.0
"""Seconds from which on the log names a script that loads so long."""

Provide = Callable[[type], object]
"""Gives the object for an ``inject()`` of a type, or ``None``; raises ``PluginError`` when what should give it raised."""


class Loader:
    """Loads all scripts below some directories.

    Args:
        dirs: scripts directories, the most important first: of two files with the same relative path the first counts.
        provide: gives what ``inject()`` asks for; without it such attributes are left alone (as ``tigrest check`` does).
        seconds: how long one script may take to load.
        kinds: the kinds of parts that a handler may have.
        command_dirs: directories of scripts that declare commands, the most important first.
    """

    def __init__(
        self,
        dirs: Sequence[Path],
        provide: Provide | None = None,
        seconds: float = LOAD_SECONDS,
        kinds: Sequence[Kind] = KINDS,
        command_dirs: Sequence[Path] = (),
    ) -> None:
        self._handler_dirs = _without_doubles(dirs)
        self.dirs = _without_doubles([*self._handler_dirs, *command_dirs])
        self._provide = provide
        self._seconds = seconds
        self._kinds = tuple(kinds)
        self._helpers = HelperFinder(self.dirs)
        self._attempts: dict[Path, LoadAttempt] = {}
        """Loads that had not ended when patience did, and their results."""
        self._failed: dict[Path, LoadAttempt] = {}
        """Loads and starts that failed the last time."""

    def load(self, previous: Table | None = None, patience: float | None = None, follows: bool = False) -> Table:
        """Load every script; blocks, so call it off the event loop.

        A script that did not change is taken over from the previous table. One that cannot be loaded is a problem of the
        new table, which goes on with its last good version. So it does with one that has not been loaded when patience ends: that goes
        on loading, and a later call takes the result.

        Args:
            previous: the table being served.
            patience: seconds to wait for scripts that take long, all together; ``None`` to wait for each to its end.
            follows: whether it is only to take what took long: then what failed the last time is not tried again.
        """
        known: dict[Path, Script] = dict(previous.scripts) if previous else {}
        scripts: dict[Path, Script] = {}
        problems: list[ScriptError] = []
        taken: dict[Claim, Part] = {}
        sources = self._sources(problems)
        for unchanged in [known[item.path] for item in sources if item.path in known and known[item.path].digest == item.digest]:
            _claim(unchanged, taken)
            scripts[unchanged.path] = unchanged
        deadline = None if patience is None else time.monotonic() + patience
        attempts, self._attempts = (self._failed | self._attempts) if follows else self._attempts, {}
        self._failed = {}
        for item in sorted((item for item in sources if item.path not in scripts), key=_turn):
            attempt = attempts.get(item.path)
            if attempt is None or attempt.digest != item.digest:
                attempt = LoadAttempt(item.path, item.digest, partial(self._load, item))
            try:
                script = attempt.result(deadline)
                if script is None:
                    attempt.tell(patience)
                    self._attempts[item.path] = attempt
                    if item.path in known:
                        _keep(known[item.path], taken, scripts, problems)
                    continue
                _claim(script, taken)
                scripts[item.path] = script
            except ScriptError as error:
                problems.append(error)
                self._failed[item.path] = attempt
                if item.path in known:
                    _keep(known[item.path], taken, scripts, problems)
        return self._table(scripts, problems)

    @property
    def postponed(self) -> list[Path]:
        """Return the scripts that a later :meth:`load` takes."""
        return list(self._attempts)

    @property
    def unfinished(self) -> list[Path]:
        """Return the scripts among them that still load."""
        return [path for path, attempt in self._attempts.items() if attempt.is_running]

    @property
    def has_ready(self) -> bool:
        """Return whether one of those that were still loading has come to its end."""
        return any(attempt.has_ended for attempt in self._attempts.values())

    def reject(self, table: Table, error: ScriptError, previous: Table | None) -> Table:
        """Take a script out of a table that is not yet served, because its handlers did not start.

        Args:
            table: the new table.
            error: what is wrong, and with which script.
            previous: the table being served; its version of the script goes on.
        """
        if error.path in table.scripts:
            self._failed[error.path] = LoadAttempt(error.path, table.scripts[error.path].digest, error)
        return self._table(_with_previous(table, error.path, previous), [*table.problems, error])

    def postpone(self, table: Table, path: Path, previous: Table) -> Table:
        """Take a script out of a table that is not yet served, because its handlers are not ready; a later :meth:`load` takes it.

        Args:
            table: the new table.
            path: the script.
            previous: the table being served; its version of the script goes on.
        """
        if path in table.scripts:
            script = table.scripts[path]
            self._attempts[path] = LoadAttempt(path, script.digest, script)
        return self._table(_with_previous(table, path, previous), table.problems)

    def _load(self, item: Source) -> Script:
        began = time.monotonic()
        script = Script(item.path, item.digest, tuple(self._parts(item)))
        if (seconds := time.monotonic() - began) >= LONG_LOAD_SECONDS:
            log.warning("%s took %.1f s to load; move slow work out of the module into startup()", item.path, seconds)
        return script

    def _table(self, scripts: dict[Path, Script], problems: Sequence[ScriptError]) -> Table:
        return Table(scripts, problems, dict(self._statics()), self.dirs)

    def _sources(self, problems: list[ScriptError]) -> list[Source]:
        """Read all files, and have helpers that changed imported anew."""
        files: dict[Path, bytes] = {}
        for root in self.dirs:
            for path in _python_files(root, problems):
                if (data := _read(path, problems)) is not None:
                    files[path] = data
        self._helpers.refresh(files)
        return list(self._scripts(files, problems))

    def _scripts(self, files: Mapping[Path, bytes], problems: list[ScriptError]) -> Iterator[Source]:
        seen: set[tuple[bool, Path]] = set()
        for index, root in enumerate(self.dirs):
            is_of_commands = root not in self._handler_dirs
            relatives = self._relatives(root, files, is_of_commands)
            helpers = hashlib.sha256()
            for path, relative in relatives.items():
                if _hidden(relative):
                    helpers.update(str(path).encode() + files[path])
            for path, relative in relatives.items():
                if _hidden(relative) or (is_of_commands, relative) in seen:
                    continue
                seen.add((is_of_commands, relative))
                digest = hashlib.sha256(files[path] + helpers.digest())
                for template in templates(path):
                    digest.update(template.name.encode() + (_read(template, problems) or b""))
                yield Source(path, root, index, files[path], digest.digest(), is_of_commands)

    def _relatives(self, root: Path, files: Iterable[Path], is_of_commands: bool) -> dict[Path, Path]:
        """Return the files below a directory, without those in a directory of the other sort that lies in it."""
        others = [other for other in self.dirs if (other not in self._handler_dirs) is not is_of_commands and other.is_relative_to(root)]
        prefix, hidden = _prefix(root), tuple(map(_prefix, others))
        return {path: Path(text[len(prefix) :]) for path in files if (text := str(path)).startswith(prefix) and not text.startswith(hidden)}

    def _statics(self) -> Iterator[tuple[str, Path]]:
        for root in reversed(self._handler_dirs):
            for folder in map(Path, sorted(folder.path for folder in folders_of(root))):
                relative = folder.relative_to(root)
                if folder.name == "static" and folder != root and not _hidden(relative):
                    yield "/".join([ROOT, *relative.parts]), folder

    def _parts(self, source: Source) -> Iterator[Part]:
        package = package_of(source.root_index, source.relative.parent)
        name = f"{package or 'tigrest_script'}.{source.path.stem}"
        module = execute(source.path, source.data, name, package, self._seconds)
        if source.is_of_commands:
            yield from commands_of(module, source)
            return
        expect_no_commands(vars(module).values(), source)
        lines = member_lines(source.data)
        classes = [value for value in vars(module).values() if _is_handler(value, name)]
        classes = [cls for cls in dict.fromkeys(classes) if self._is_meant(cls) or not any(cls in other.__mro__[1:] for other in classes)]
        if not classes:
            raise ScriptError(
                source.path, 1, "defines no handler: subclass tigrest.Handler, or let the file's name begin with _ when it is a helper"
            )
        for cls in classes:
            yield from self._parts_of(Declaration(source, cls, lines))

    def _is_meant(self, cls: type[Handler]) -> bool:
        """Return whether a class says what it is for; one that does not may be the base of others."""
        return any(getattr(cls, name) for kind in self._kinds for name in kind.attributes)

    def _parts_of(self, declared: Declaration) -> Iterator[Part]:
        """Compile one handler class: one instance, a part for each kind that it is of."""
        path, cls, lines = declared.source.path, declared.cls, declared.lines
        validate(path, cls, lines)
        kinds = [kind for kind in self._kinds if kind.recognise(declared)]
        if not kinds:
            *methods, last = [name for kind in self._kinds for name in kind.methods]
            raise declared.error("", f" answers nothing: write {', '.join(methods)} or {last}")
        handler = self._instance(cls, path)
        validate_instance(path, handler, lines)
        self._inject(declared, handler)
        for kind in kinds:
            yield kind.compile(declared, handler)

    def _instance(self, cls: type[Handler], path: Path) -> Handler:
        """Make the instance of a handler class: in a thread with a deadline where the script's own code makes it."""
        if cls.__init__ is object.__init__ and cls.__new__ is object.__new__ and type(cls) is type:
            return cls()
        instances: list[Handler] = []
        run_bounded(lambda: instances.append(cls()), path, self._seconds)
        return instances[0]

    def _inject(self, declared: Declaration, handler: Handler) -> None:
        cls = declared.cls
        wanted = [name for name in dir(cls) if isinstance(getattr(cls, name, None), Injection)]
        if not wanted:
            return
        try:
            types = typing.get_type_hints(cls)
        except Exception as error:
            raise declared.error("", f": an annotation cannot be evaluated: {error}") from None
        for name in wanted:
            if name not in types:
                raise declared.error(name, f".{name} needs a type: write {name}: SomeType = inject()")
            if self._provide is None:
                continue
            try:
                bean = self._provide(types[name])
            except PluginError as error:
                raise declared.error(name, f".{name}: {error}") from error
            if bean is None:
                raise declared.error(name, f".{name}: nothing provides {getattr(types[name], '__name__', types[name])}")
            setattr(handler, name, bean)


def _with_previous(table: Table, path: Path, previous: Table | None) -> dict[Path, Script]:
    """Return the scripts of a table with one of them as it was in the table before."""
    scripts: dict[Path, Script] = dict(table.scripts)
    scripts.pop(path, None)
    if previous is not None and path in previous.scripts:
        scripts[path] = previous.scripts[path]
    return scripts


def _without_doubles(dirs: Sequence[Path]) -> list[Path]:
    """Return directories as absolute paths, each once. Links stay, so that what they lead to may be replaced."""
    found: dict[Path, Path] = {}
    for path in dirs:
        found.setdefault(path.resolve(), path.absolute())
    return list(found.values())


def _turn(source: Source) -> tuple[bool, int]:
    """Return when a script claims its names: of two commands of one name, that of the more important directory is refused.

    Its author is the one who can change it; else a built-in script would be lost with all its commands, though only at the next start.
    """
    return source.is_of_commands, -source.root_index if source.is_of_commands else source.root_index


def _claim(script: Script, taken: dict[Claim, Part]) -> None:
    """Reserve the names that a script claims; nothing is reserved when one of them is taken.

    Raises:
        ScriptError: another part has the same name.
    """
    wanted: dict[Claim, Part] = {}
    for part in script.parts:
        for claim in part.claims():
            other = taken.get(claim) or wanted.get(claim)
            if other is not None:
                raise ScriptError(script.path, part.line, f"{claim} is already served by {other.path}:{other.line}; {part.cure}")
            wanted[claim] = part
    taken.update(wanted)


def _keep(script: Script, taken: dict[Claim, Part], scripts: dict[Path, Script], problems: list[ScriptError]) -> None:
    """Go on with the last good version of a script, unless another one has taken its place meanwhile."""
    try:
        _claim(script, taken)
        scripts[script.path] = script
    except ScriptError as error:
        problems.append(error)


def _is_handler(value: Any, module: str) -> bool:
    return isinstance(value, type) and issubclass(value, Handler) and value.__module__ == module


def _python_files(root: Path, problems: list[ScriptError]) -> Iterator[Path]:
    """Find scripts and helpers, but not what is in folders of static files, nor what begins with a dot."""

    def report(error: OSError) -> None:
        problems.append(ScriptError(_printable(error.filename), 1, f"cannot be read: {error.strerror}"))

    for folder in folders_of(root, report):
        if "static" in Path(folder.path).relative_to(root).parts:
            continue
        for entry in folder.files:
            if not entry.name.endswith(".py"):
                continue
            if _printable(entry.path) == entry.path:
                yield Path(entry.path)
            else:
                problems.append(ScriptError(_printable(entry.path), 1, "the name of the file or of a folder is not UTF-8; rename it"))


def _printable(path: str) -> str:
    """Return a path with escapes in the place of bytes that are not UTF-8."""
    return path.encode("utf-8", "backslashreplace").decode()


def _prefix(folder: Path) -> str:
    """Return the beginning of the paths below a folder; to compare texts is much cheaper than to compare paths."""
    return os.path.join(folder, "")  # noqa: PTH118 - a Path drops the slash at the end


def _hidden(relative: Path) -> bool:
    return any(part.startswith(("_", ".")) for part in relative.parts)


def _read(path: Path, problems: list[ScriptError]) -> bytes | None:
    """Read a file; one that cannot be read is a problem, and ``None``."""
    try:
        if stat.S_ISREG(path.stat().st_mode):
            return path.read_bytes()
        reason = "it is no regular file"  # a pipe would be waited for, and a device read, for ever
    except OSError as error:
        reason = str(error.strerror)
    problems.append(ScriptError(path, 1, f"cannot be read: {reason}"))
    return None
