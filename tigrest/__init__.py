"""The scriptable REST gateway for XMPP servers: what handler scripts import."""

from starlette.exceptions import HTTPException
from starlette.requests import Request

from tigrest.backend import UserRepository
from tigrest.errors import NotConnected, StanzaError, StanzaTimeout, TigrestError
from tigrest.handler import Handler, Match, Result, inject
from tigrest.jid import JID
from tigrest.service import Service
from tigrest.stanza import Stanza
from tigrest.status import Activity, UserStatus
from tigrest.version import __version__

__all__ = [
    "JID",
    "Activity",
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
