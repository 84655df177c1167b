"""Errors after which the same request may succeed later."""

from __future__ import annotations

from tigrest.errors.base import TigrestError


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


class QuotaExceeded(RetryLater):
    """The upload service takes no more files from the caller for a while.

    Args:
        message: what it says.
        retry_after: seconds until he should try again.
    """


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


class RequestInFlight(RetryLater):
    """A request with the same ``Idempotency-Key`` is being answered."""

    def __init__(self) -> None:
        super().__init__("a request with this Idempotency-Key is being answered; try again when it is")


class TooManyIdempotencyKeys(RetryLater):
    """A caller has used as many idempotency keys as are remembered for him.

    Args:
        limit: most that are remembered.
        retry_after: seconds until he should try again.
    """

    def __init__(self, limit: int, retry_after: float) -> None:
        super().__init__(f"you have used {limit} idempotency keys lately, and more are not remembered; leave the key out", retry_after)


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


class DomainNotServed(NotConnected):
    """The XMPP server does not serve the domain whose users we serve. The message says how that is known, and the cure."""


class StorageUnavailable(Unavailable):
    """The database cannot be used at the moment: it is locked, full, or out of reach. Nothing was changed."""

    def __init__(self, message: str, retry_after: float = 5.0) -> None:
        super().__init__(message, retry_after)


class DatabaseUnreachable(StorageUnavailable):
    """The server of a database cannot be reached at the start."""


class IssuerUnavailable(Unavailable):
    """The keys of an identity provider were never read, and cannot be read at the moment, so that its tokens cannot be checked."""

    def __init__(self, message: str, retry_after: float = 10.0) -> None:
        super().__init__(message, retry_after)


class NoThread(Unavailable):
    """There is no thread for a handler's ``def`` method, because too many are busy or stuck.

    Args:
        message: which handler has them.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, 5.0)
