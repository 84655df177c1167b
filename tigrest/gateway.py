"""The gateway put together from its configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from tigrest.auth.accounts import Account, Accounts
from tigrest.auth.api_keys import ApiKey, ApiKeys, KeyStore, hash_key
from tigrest.auth.logins import Logins
from tigrest.auth.throttle import Throttle
from tigrest.avatars import AvatarCache, Avatars
from tigrest.adhoc import AdHoc
from tigrest.config import Config
from tigrest.embedded import EmbeddedDomain
from tigrest.errors import ConfigError, NotConnected
from tigrest.handler import METHODS
from tigrest.http.app import App
from tigrest.jid import JID
from tigrest.passwords import Passwords
from tigrest.plugins import hookimpl, load_plugins
from tigrest.scripting.lifecycle import Scripts
from tigrest.scripting.loader import Loader
from tigrest.service import Backend, Policy, Service, UserRepository
from tigrest.storage import Database
