"""Everything tigrest raises on purpose, in one tree.

::

    TigrestError
    ├── ConfigError            the configuration cannot be used (exit 2)
    ├── DatabaseInUse          another gateway uses the database (exit 1)
    ├── ScriptError            a handler script cannot be loaded (path, line, message)
    ├── PluginError            a plugin cannot be loaded, or raised
    ├── InvalidJID             not an XMPP address                              → 400
    ├── MalformedContent       a request body that cannot be read               → 400
    │   └── InvalidStanza      … as one XMPP stanza                             → 400
    ├── InvalidValue           readable, but a value is not one of those allowed → 400
    ├── ScriptMistake          a script itself sent what cannot be sent         → 500, told to nobody
    │   ├── ScriptStanzaInvalid … no stanza; an InvalidStanza too
    │   └── ScriptSenderInvalid … a ``from`` that may not be used; a SenderNotAllowed too
    ├── LoginRequired          no login, or one that is not accepted            → 401
    ├── KeyRequired            no API key, or one that is not accepted here     → 403
    ├── RoleRequired           logged in, but without the role                  → 403
    ├── NotPermitted           the caller lacks the rights for this             → 403
    │   └── SenderNotAllowed   … a ``from`` that is not his, or that the link may not use → 403
    ├── NoSuchUser             …                                                → 404
    ├── BodyTimeout            the request body did not arrive in time          → 408
    ├── UserExists             …                                                → 409
    ├── ContentTooLarge        the request body is over the limit               → 413
    ├── StanzaTooLarge         the server would cut us off for this stanza      → 413
    ├── UnsupportedContent     a request body of a type that is not read here   → 415
    │   ├── MislabelledContent … that is evidently of another type than it says → 415
    │   └── UnsupportedCharset … in a charset that is not read                  → 415
    ├── UnprocessableContent   content or query do not fit a handler's model    → 422
    ├── CallerGone             nobody waits for the answer any more             → 499
    ├── NotSupported           the server behind us cannot or does not allow it → 501
    ├── ServerFailed           the server did not do what it says it did        → 502
    ├── StanzaError            an XMPP error stanza came back                   → by condition
    ├── RetryLater             the same may succeed later
    │   ├── TooManyFailures    … too many failed logins lately                  → 429
    │   ├── TooManyStreams     … the user reads too many event streams at once  → 429
    │   ├── TooManyWaiting     … the caller waits for as much as he may         → 429
    │   ├── TooManyLookups     … callers without login ask for too many avatars → 429
    │   └── Unavailable        what a request needs is away for a while         → 503
    │       ├── NotConnected       … the XMPP server
    │       ├── StorageUnavailable … the database: locked, full, out of reach
    │       │   └── DatabaseUnreachable … its server, at the start (exit 3)
    │       └── NoThread           … a thread for a ``def`` method
    ├── StanzaTimeout          no reply in time                                 → 504
    └── HandlerTimeout         a handler gave no result in time                 → 504

The statuses are decided in one table, :mod:`tigrest.xmpp.conditions`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path


class TigrestError(Exception):
    """Base of every error that tigrest raises on purpose."""


class ConfigError(TigrestError):
    """The configuration cannot be used.

    Args:
        problems: one line each, naming file, key and cure.
    """

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class DatabaseInUse(TigrestError):
    """Another gateway uses the database.

    Args:
        database: which.
        holder: who has it, as far as that is known.
    """

    def __init__(self, database: str, holder: str = "") -> None:
        known = f" ({holder})" if holder else ""
        super().__init__(f"database {database} is in use by another gateway{known}; stop that one, or give this one a database of its own")


class ScriptError(TigrestError):
    """A handler script cannot be loaded.

    Args:
        path: the script.
        line: line number in it, from 1.
        message: culprit and cure.
    """

    def __init__(self, path: Path | str, line: int, message: str) -> None:
        super().__init__(f"{path}:{line}: {message}")
        self.path = Path(path)
        self.line = line
        self.message = message


class PluginError(TigrestError):
    """A plugin cannot be loaded, or raised when it was called. The message names plugin, place, cause and cure."""


class InvalidJID(TigrestError, ValueError):
    """A text is not an XMPP address (RFC 7622)."""


class MalformedContent(TigrestError, ValueError):
    """A request body cannot be read as what it claims to be."""


class InvalidStanza(MalformedContent):
    """A text is not exactly one well-formed ``message``, ``presence`` or ``iq``."""


class InvalidValue(TigrestError, ValueError):
    """A value is readable but not one of those allowed."""


class LoginRequired(TigrestError):
    """The request carries no login, or one that is not accepted. The message never says which part was wrong."""


class Forbidden(TigrestError):
    """The caller may not do what he asks."""

    rule = ""
    """Name of the rule that refused it, for callers."""


class KeyRequired(Forbidden):
    """The request carries no API key, or one that is unknown, revoked or not valid for this path and host."""

    rule = "api-key"


class RoleRequired(Forbidden):
    """The caller is logged in but lacks the role that the handler demands."""

    rule = "role"


class BodyTimeout(TigrestError):
    """A request body did not arrive in time.

    Args:
        seconds: how long it was waited for.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(f"the request body did not arrive within {seconds:g} s")


class ContentTooLarge(TigrestError):
    """A request body is over the limit.

    Args:
        limit: most bytes allowed.
        origin: what says so.
    """

    def __init__(self, limit: int, origin: str = "[http] max_body") -> None:
        super().__init__(f"the request body is larger than {limit} bytes ({origin})")
        self.limit = limit


class UnsupportedContent(TigrestError):
    """A request body is of a type that is not read here.

    Args:
        media_type: which; empty when the request does not say.
        supported: those that are read, or the only one.
        likely: of these, the one that a body without type seems to be of; empty when that is not known.
    """

    def __init__(self, media_type: str, supported: Iterable[str], likely: str = "") -> None:
        self.supported = (supported,) if isinstance(supported, str) else tuple(supported)
        if media_type:
            super().__init__(f"content of type {media_type[:80]} is not read here; send {', '.join(self.supported)}")
        else:
            cure = likely or " or ".join(self.supported)
            super().__init__(f"content without Content-Type is not read here; add the header Content-Type: {cure}")
        self.media_type = media_type


class MislabelledContent(UnsupportedContent):
    """A request body is evidently of another type than its ``Content-Type`` says: ``curl -d`` says that everything is a form.

    Args:
        declared: what it says.
        looks: what the body looks like, for people, e.g. ``JSON``.
        media_types: one of which it should say.
    """

    def __init__(self, declared: str, looks: str, media_types: Iterable[str]) -> None:
        self.supported = tuple(media_types)
        cure = " or ".join(f"Content-Type: {media_type}" for media_type in self.supported)
        TigrestError.__init__(self, f"the body looks like {looks}, but its Content-Type is {declared[:80]}; add the header {cure}")
        self.media_type = declared


class UnsupportedCharset(UnsupportedContent):
    """A request body is in a charset that is unknown or not safe to read.

    Args:
        charset: what its ``Content-Type`` or its XML declaration says.
    """

    def __init__(self, charset: str) -> None:
        TigrestError.__init__(self, f"the charset {charset[:40]!r} is not read here; send UTF-8")
        self.media_type, self.supported = "", ()
        self.charset = charset


@dataclass(frozen=True)
class FieldProblem:
    """Problem of one field of what a caller sent.

    Args:
        field: its name, inside of others with dots: ``items.0.count``; empty for the whole.
        detail: what is wrong with it, for the caller; what he sent is not repeated.
    """

    field: str
    detail: str


class UnprocessableContent(TigrestError):
    """The content or the query of a request can be read, but does not fit the model of its handler.

    Args:
        what: ``content`` or ``query``.
        problems: what is wrong, field by field; perhaps not all.
        count: number of all problems.

    RFC 9110 §15.5.21
    """

    def __init__(self, what: str, problems: Sequence[FieldProblem], count: int) -> None:
        first = problems[0]
        more = f" (and {count - 1} more)" if count > 1 else ""
        super().__init__(f"{what}: {first.field}{': ' if first.field else ''}{first.detail}{more}")
        self.problems = tuple(problems)


class StanzaTooLarge(TigrestError):
    """A stanza is over what the server takes; on the wire it would close the stream."""


class RetryLater(TigrestError):
    """The same request may succeed later; the answer says when, in ``Retry-After``.

    Args:
        message: for the caller.
        retry_after: seconds until he should try again.
    """

    def __init__(self, message: str, retry_after: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class TooManyFailures(RetryLater):
    """Too many failed logins for this account or from this address.

    Args:
        retry_after: seconds until the next attempt is looked at.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__(f"too many failed logins; try again in {max(1, round(retry_after))} s", retry_after)


class TooManyStreams(RetryLater):
    """A user reads too many event streams at once.

    Args:
        limit: most that he may.
        retry_after: seconds until he should try again.
    """

    def __init__(self, limit: int, retry_after: float) -> None:
        super().__init__(f"you have {limit} event streams open already, and may not have more; close one", retry_after)


class TooManyLookups(RetryLater):
    """Callers without login ask for more avatars than the XMPP server is asked for on their behalf.

    Args:
        retry_after: seconds until a caller should try again.
    """

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many avatars are being looked up; try again", retry_after)


class TooManyWaiting(RetryLater):
    """A caller waits for as much as he may at a time.

    Args:
        limit: most that he may wait for.
        what: he waits for, in the plural.
    """

    def __init__(self, limit: int, what: str) -> None:
        super().__init__(f"{limit} {what} of yours wait already, and more may not; try again when they are answered")


class CallerGone(TigrestError):
    """The caller has gone away, so nobody waits for the answer. The status is for the log only."""


class NotPermitted(Forbidden):
    """The caller lacks the rights for what he asks."""


class SenderNotAllowed(NotPermitted):
    """The caller, or the link, may not send from this address; on the wire it would close the stream."""


class ScriptMistake(TigrestError):
    """A script itself did something wrong, its caller nothing: a defect, which is logged with its traceback and told to nobody."""


class ScriptStanzaInvalid(ScriptMistake, InvalidStanza):
    """What a script gave to ``service.send()`` and the like is no stanza."""


class ScriptSenderInvalid(ScriptMistake, SenderNotAllowed):
    """A script sends from an address that the link may not use."""


class NoSuchUser(TigrestError):
    """No account has this address."""


class UserExists(TigrestError):
    """An account has this address already."""


class NotSupported(TigrestError):
    """The XMPP server cannot do this, or does not grant it to us; the message says what to configure."""


class ServerFailed(TigrestError):
    """The XMPP server says that it has done something, but a look shows that it has not; or it fails without a usable reason."""


class Unavailable(RetryLater):
    """Something that a request needs is away for a while.

    Args:
        message: what, why, and what to do.
        retry_after: seconds until the caller should try again.
    """


class NotConnected(Unavailable):
    """The XMPP server cannot be reached at the moment."""

    def __init__(self, message: str = "the XMPP server is not connected", retry_after: float = 1.0) -> None:
        super().__init__(message, retry_after)


class StorageUnavailable(Unavailable):
    """The database cannot be used at the moment: it is locked, full, or out of reach. Nothing was changed."""

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message, retry_after)


class DatabaseUnreachable(StorageUnavailable):
    """The server of a database cannot be reached at the start."""


class NoThread(Unavailable):
    """There is no thread for a handler's ``def`` method, because too many are busy or stuck.

    Args:
        message: which handler has them.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, 5.0)


class StanzaTimeout(TigrestError):
    """No reply to a request arrived in time."""


class HandlerTimeout(TigrestError):
    """A handler gave no result in time."""


class NotFound(TigrestError):
    """What a command is about does not exist."""


class Conflict(TigrestError):
    """What a command is to make exists already, or its state does not allow what is asked."""


class UnknownCommand(NotFound):
    """There is no such command.

    Args:
        name: what was asked for.
        near: a command of nearly that name.
        message: what else to say.
    """

    def __init__(self, name: str, near: str | None = None, message: str = "") -> None:
        hint = f"; did you mean {near!r}?" if near else ""
        super().__init__(message or f"there is no command {name[:80]!r}{hint}")
        self.name, self.near = name, near


class ArgumentError(TigrestError):
    """An argument of a command is missing, unknown, or given twice.

    Args:
        argument: its name; empty when all of them are meant.
        reason: ``missing``, ``unknown``, ``doubled``; of :class:`ArgumentUnfit` ``type`` or ``range``.
        message: culprit and cure.
    """

    def __init__(self, argument: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.argument = argument
        self.reason = reason


class ArgumentUnfit(ArgumentError):
    """An argument of a command is of the wrong type, or out of range."""


class WrongResult(ScriptMistake):
    """A command does not return what it declares: a defect, which is logged and told to nobody."""


@dataclass(eq=False)
class StanzaError(TigrestError):
    """An XMPP error stanza came back.

    Args:
        condition: the defined condition, e.g. ``item-not-found``.
        type: ``auth``, ``cancel``, ``continue``, ``modify`` or ``wait``.
        text: the server's own words, possibly empty.
        source: address that answered, possibly empty.
        command_condition: of a command, what is wrong with the request, e.g. ``bad-sessionid``; possibly empty. XEP-0050 §4.4

    RFC 6120 §8.3
    """

    condition: str
    type: str = "cancel"
    text: str = ""
    source: str = ""
    command_condition: str = ""

    def __str__(self) -> str:
        said = f": {self.text}" if self.text else ""
        by = f" from {self.source}" if self.source else ""
        of_command = f" ({self.command_condition})" if self.command_condition else ""
        return f"{self.condition}{of_command}{by}{said}"
