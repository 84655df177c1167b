"""The scriptable REST gateway for XMPP servers: what handler scripts import."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from tigrest.backends.backend import UserRepository
from tigrest.errors import NotConnected, StanzaError, StanzaTimeout, TigrestError
from tigrest.scripting.handler import Handler, Match, Result, inject
from tigrest.service import Service
from tigrest.version import __version__
from tigrest.xmpp.jid import JID, BareJID, DomainJID, FullJID
from tigrest.xmpp.presence import Activity, UserStatus
from tigrest.xmpp.stanza import Stanza

__all__ = [
    "JID",
    "Activity",
    "BareJID",
    "DomainJID",
    "FullJID",
    "HTTPException",
    "Handler",
    "Match",
    "NotConnected",
    "Request",
    "Result",
    "Service",
    "Stanza",
    "StanzaError",
    "StanzaTimeout",
    "TigrestError",
    "UserRepository",
    "UserStatus",
    "__version__",
    "inject",
]
