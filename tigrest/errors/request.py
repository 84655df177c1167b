"""Errors in what a caller sent: it cannot be read, is too large, or nobody waits for the answer any more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tigrest.errors.base import TigrestError


class InvalidJID(TigrestError, ValueError):
    """A text is not an XMPP address (RFC 7622)."""


class MalformedContent(TigrestError, ValueError):
    """A request body cannot be read as what it claims to be."""


class InvalidStanza(MalformedContent):
    """A text is not exactly one well-formed ``message``, ``presence`` or ``iq``."""


class InvalidValue(TigrestError, ValueError):
    """A value is readable but not one of those allowed."""


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


class UnexpectedPost(TigrestError):
    """A post to a hook does not have its format. RFC 9110 §15.5.21"""


class IdempotencyMismatch(TigrestError):
    """A request has the ``Idempotency-Key`` of an earlier one, but not its content."""

    def __init__(self) -> None:
        super().__init__("this Idempotency-Key came with another request before; use a new one for each request, and the same to repeat it")


class StanzaTooLarge(TigrestError):
    """A stanza is over what the server takes; on the wire it would close the stream."""


class CallerGone(TigrestError):
    """The caller has gone away, so nobody waits for the answer. The status is for the log only."""
