"""Everything tigrest raises on purpose, in one tree.

::

    TigrestError
    ├── ConfigError            the configuration cannot be used (exit 2)
    ├── DatabaseInUse          another gateway uses the database (exit 1)
    ├── GatewayRunning         a gateway runs that a check would disturb (exit 1)
    ├── ScriptError            a handler script cannot be loaded (path, line, message)
    ├── PluginError            a plugin cannot be loaded, or raised
    ├── InvalidJID             not an XMPP address                              → 400
    ├── MalformedContent       a request body that cannot be read               → 400
    │   └── InvalidStanza      … as one XMPP stanza                             → 400
    ├── ArgumentError          an argument of a command is missing, or unknown  → 400
    │   └── ArgumentUnfit      … of the wrong type, or out of range             → 422
    ├── InvalidValue           readable, but a value is not one of those allowed → 400
    ├── ScriptMistake          a script itself sent what cannot be sent         → 500, told to nobody
    │   ├── HookTemplateFailed … the template of a hook cannot be rendered
    │   ├── WrongResult        … a command returns what it does not declare
    │   ├── ScriptStanzaInvalid … no stanza; an InvalidStanza too
    │   └── ScriptSenderInvalid … a ``from`` that may not be used; a SenderNotAllowed too
    ├── LoginRequired          no login, or one that is not accepted            → 401
    │   └── InvalidToken       … a token that is unknown, revoked or expired
    ├── Forbidden              the caller may not do what he asks               → 403
    │   ├── KeyRequired        … no API key, or one that is not accepted here
    │   ├── RoleRequired       … logged in, but without the role
    │   └── NotPermitted       … he lacks the rights for this
    │       └── SenderNotAllowed … a ``from`` that is not his, or that the link may not use
    ├── NoSuchUser             …                                                → 404
    ├── NotFound               what a command is about does not exist           → 404
    │   └── UnknownCommand     … the command itself                             → 404
    ├── Conflict               what a command is to make exists already         → 409
    ├── BodyTimeout            the request body did not arrive in time          → 408
    ├── UserExists             …                                                → 409
    ├── ContentTooLarge        the request body is over the limit               → 413
    ├── StanzaTooLarge         the server would cut us off for this stanza      → 413
    ├── UnsupportedContent     a request body of a type that is not read here   → 415
    │   ├── MislabelledContent … that is evidently of another type than it says → 415
    │   └── UnsupportedCharset … in a charset that is not read                  → 415
    ├── UnprocessableContent   content or query do not fit a handler's model    → 422
    ├── UnexpectedPost         a post that has not the format of its hook       → 422
    ├── IdempotencyMismatch    the Idempotency-Key of another request           → 422
    ├── CallerGone             nobody waits for the answer any more             → 499
    ├── NotSupported           the server behind us cannot or does not allow it → 501
    │   └── NoUploadService    … it has no upload service
    ├── ServerFailed           the server did not do what it says it did        → 502
    ├── StanzaError            an XMPP error stanza came back                   → by condition
    ├── RetryLater             the same may succeed later
    │   ├── TooManyFailures    … too many failed logins lately                  → 429
    │   ├── TooManyStreams     … the user reads too many event streams at once  → 429
    │   ├── TooManyWaiting     … the caller waits for as much as he may         → 429
    │   ├── TooManyLookups     … callers without login ask for too many avatars → 429
    │   ├── QuotaExceeded      … the upload service takes no more for a while   → 429
    │   ├── RequestInFlight    … one with the same Idempotency-Key is answered  → 409
    │   ├── TooManyIdempotencyKeys … the caller has used too many lately        → 429
    │   └── Unavailable        what a request needs is away for a while         → 503
    │       ├── NotConnected       … the XMPP server
    │       │   └── DomainNotServed … it is there, but does not serve ``[xmpp] domain``
    │       ├── StorageUnavailable … the database: locked, full, out of reach
    │       │   └── DatabaseUnreachable … its server, at the start (exit 3)
    │       ├── IssuerUnavailable  … the keys of an identity provider
    │       └── NoThread           … a thread for a ``def`` method
    ├── StanzaTimeout          no reply in time                                 → 504
    └── HandlerTimeout         a handler gave no result in time                 → 504

The statuses are decided in one table, :mod:`tigrest.xmpp.conditions`.
"""

from __future__ import annotations

from tigrest.errors.access import Forbidden, InvalidToken, KeyRequired, LoginRequired, NotPermitted, RoleRequired, SenderNotAllowed
from tigrest.errors.base import TigrestError
from tigrest.errors.commands import ArgumentError, ArgumentUnfit, Conflict, NotFound, UnknownCommand
from tigrest.errors.request import (
    BodyTimeout,
    CallerGone,
    ContentTooLarge,
    FieldProblem,
    IdempotencyMismatch,
    InvalidJID,
    InvalidStanza,
    InvalidValue,
    MalformedContent,
    MislabelledContent,
    StanzaTooLarge,
    UnexpectedPost,
    UnprocessableContent,
    UnsupportedCharset,
    UnsupportedContent,
)
from tigrest.errors.retry import (
    DatabaseUnreachable,
    DomainNotServed,
    IssuerUnavailable,
    NotConnected,
    NoThread,
    QuotaExceeded,
    RequestInFlight,
    RetryLater,
    StorageUnavailable,
    TooManyFailures,
    TooManyIdempotencyKeys,
    TooManyLookups,
    TooManyStreams,
    TooManyWaiting,
    Unavailable,
)
from tigrest.errors.scripts import HandlerTimeout, HookTemplateFailed, ScriptMistake, ScriptSenderInvalid, ScriptStanzaInvalid, WrongResult
from tigrest.errors.server import NoSuchUser, NotSupported, NoUploadService, ServerFailed, StanzaError, StanzaTimeout, UserExists
from tigrest.errors.startup import ConfigError, DatabaseInUse, GatewayRunning, PluginError, ScriptError

__all__ = [
    "ArgumentError",
    "ArgumentUnfit",
    "BodyTimeout",
    "CallerGone",
    "ConfigError",
    "Conflict",
    "ContentTooLarge",
    "DatabaseInUse",
    "DatabaseUnreachable",
    "DomainNotServed",
    "FieldProblem",
    "Forbidden",
    "GatewayRunning",
    "HandlerTimeout",
    "HookTemplateFailed",
    "IdempotencyMismatch",
    "InvalidJID",
    "InvalidStanza",
    "InvalidToken",
    "InvalidValue",
    "IssuerUnavailable",
    "KeyRequired",
    "LoginRequired",
    "MalformedContent",
    "MislabelledContent",
    "NoSuchUser",
    "NoThread",
    "NoUploadService",
    "NotConnected",
    "NotFound",
    "NotPermitted",
    "NotSupported",
    "PluginError",
    "QuotaExceeded",
    "RequestInFlight",
    "RetryLater",
    "RoleRequired",
    "ScriptError",
    "ScriptMistake",
    "ScriptSenderInvalid",
    "ScriptStanzaInvalid",
    "SenderNotAllowed",
    "ServerFailed",
    "StanzaError",
    "StanzaTimeout",
    "StanzaTooLarge",
    "StorageUnavailable",
    "TigrestError",
    "TooManyFailures",
    "TooManyIdempotencyKeys",
    "TooManyLookups",
    "TooManyStreams",
    "TooManyWaiting",
    "Unavailable",
    "UnexpectedPost",
    "UnknownCommand",
    "UnprocessableContent",
    "UnsupportedCharset",
    "UnsupportedContent",
    "UserExists",
    "WrongResult",
]
