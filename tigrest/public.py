"""Names that scripts import from ``tigrest``, in one place."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.responses import StreamingResponse

from tigrest.auth.basic import read_basic
from tigrest.auth.logins import Logins
from tigrest.auth.permissions import Verdict
from tigrest.auth.principal import Principal
from tigrest.auth.token_store import TokenStore
from tigrest.backends.backend import UserRepository
from tigrest.commands.context import CommandContext
from tigrest.commands.explaining import explain_call
from tigrest.commands.listing import ListedCommand, list_commands
from tigrest.commands.registry import Commands
from tigrest.concurrency.keyed_lock import KeyedLock
from tigrest.errors import (
    Conflict,
    InvalidStanza,
    InvalidValue,
    NoSuchUser,
    NotConnected,
    NotFound,
    NotPermitted,
    NotSupported,
    ServerFailed,
    StanzaError,
    StanzaTimeout,
    TigrestError,
    UnexpectedPost,
    UnsupportedContent,
    UserExists,
)
from tigrest.formats.stanza_json import representations as stanza_json
from tigrest.hooks.outcome import HookOutcome
from tigrest.hooks.post import HookIgnored, HookPost
from tigrest.hooks.receiver import HookReceiver
from tigrest.http.requests import HandlerRequest as Request
from tigrest.inbound.events import Events
from tigrest.inbound.webhooks import Webhooks
from tigrest.observability.logs import log_level, set_log_level
from tigrest.scripting.arguments import read_argument
from tigrest.scripting.commands import command
from tigrest.scripting.handler import Handler, Match, Result, inject
from tigrest.scripting.lifecycle import Scripts
from tigrest.scripting.secret import Secret
from tigrest.service import BoundedService, Service
from tigrest.service.avatars import AvatarSource
from tigrest.service.bosh import BoshEndpoint
from tigrest.service.confirming import Confirmation
from tigrest.service.rooms import RoomMessage
from tigrest.service.stanzas import MessageParts, StanzaLike
from tigrest.version import __version__
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.forms import DataForm, Field, FormTable
from tigrest.xmpp.jid import JID, BareJID, DomainJID, FullJID
from tigrest.xmpp.presence import Activity, StatusOutcome, UserStatus
from tigrest.xmpp.roster import RosterItem
from tigrest.xmpp.stanza import Stanza

__all__ = [
    "JID",
    "Activity",
    "AvatarSource",
    "BareJID",
    "BoshEndpoint",
    "BoundedService",
    "CommandContext",
    "CommandReply",
    "Commands",
    "Confirmation",
    "Conflict",
    "DataForm",
    "DomainJID",
    "Events",
    "Field",
    "FormTable",
    "FullJID",
    "HTTPException",
    "Handler",
    "HookIgnored",
    "HookOutcome",
    "HookPost",
    "HookReceiver",
    "InvalidStanza",
    "InvalidValue",
    "KeyedLock",
    "ListedCommand",
    "Logins",
    "Match",
    "MessageParts",
    "NoSuchUser",
    "NotConnected",
    "NotFound",
    "NotPermitted",
    "NotSupported",
    "Principal",
    "Request",
    "Result",
    "RoomMessage",
    "RosterItem",
    "Scripts",
    "Secret",
    "ServerFailed",
    "Service",
    "Stanza",
    "StanzaError",
    "StanzaLike",
    "StanzaTimeout",
    "StatusOutcome",
    "StreamingResponse",
    "TigrestError",
    "TokenStore",
    "UnexpectedPost",
    "UnsupportedContent",
    "UserExists",
    "UserRepository",
    "UserStatus",
    "Verdict",
    "Webhooks",
    "__version__",
    "command",
    "explain_call",
    "inject",
    "list_commands",
    "log_level",
    "read_argument",
    "read_basic",
    "set_log_level",
    "stanza_json",
]
