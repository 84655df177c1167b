"""The gateway put together from its configuration."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from tigrest.auth.accounts import Account, Accounts
from tigrest.auth.admission import Admission
from tigrest.auth.api_keys import ApiKey, ApiKeys, KeyStore, hash_key
from tigrest.auth.logins import Logins
from tigrest.auth.principal import Principal
from tigrest.auth.throttle import Throttle
from tigrest.backends.adhoc import AdHoc
from tigrest.backends.backend import Backend, UserRepository
from tigrest.backends.component.backend import Component
from tigrest.backends.component.c2s import ClientPort
from tigrest.backends.embedded.domain import EmbeddedDomain
from tigrest.backends.inbound import Inbound
from tigrest.config import Config
from tigrest.formats.stanza_json import representations
from tigrest.gateway.control import gateway_commands
from tigrest.gateway.demo import Demo, make_demo, recall_demo
from tigrest.http.app import App
from tigrest.http.cors import with_cors
from tigrest.inbound.events import Events
from tigrest.inbound.webhooks import Target, Webhooks
from tigrest.passwords import Passwords
from tigrest.plugins import hookimpl, load_plugins
from tigrest.scripting.lifecycle import Scripts
from tigrest.scripting.listening import Listening
from tigrest.scripting.loader import Loader
from tigrest.scripting.routing import Table
from tigrest.service import Policy, Service
from tigrest.service.avatars import AvatarCache, Avatars, AvatarSettings, Fetcher
from tigrest.service.bosh import BoshEndpoint
from tigrest.state.database import MEMORY, Database
from tigrest.xmpp.jid import load_preparation

BOOTSTRAP = "HTTP_API_KEY_BOOTSTRAP"
"""Environment variable with an API key that works while none is configured."""


class Gateway:
    """Everything that runs between HTTP and XMPP.

    Args:
        config: how it is set up.
        script_dirs: directories of scripts, the most important first.
        passwords: how passwords are hashed; the library's recommendation by default.
    """

    def __init__(self, config: Config, script_dirs: Sequence[Path], passwords: Passwords | None = None) -> None:
        self.config = config
        self._script_dirs = list(script_dirs)
        self._passwords = passwords or Passwords()
        self.demo: Demo | None = None
        """Credentials to show, when the embedded domain made its own."""
        self._state = Database(config.state.database)
        self._databases = [self._state]
        self._backend: Backend | None = None
        self._app: App | None = None
        self._entry: ASGIApp | None = None
        self._scripts: Scripts | None = None
        self._service: Service | None = None
        self._listening: Listening | None = None
        self._webhooks: Webhooks | None = None
        self._events: Events | None = None

    @property
    def service(self) -> Service:
        """Access to XMPP; only between :meth:`start` and :meth:`stop`."""
        assert self._service is not None, "Gateway.start() first"
        return self._service

    @property
    def events(self) -> Events:
        """The live stream; only between :meth:`start` and :meth:`stop`."""
        assert self._events is not None, "Gateway.start() first"
        return self._events

    @property
    def backend(self) -> Backend:
        """The way to XMPP; only between :meth:`start` and :meth:`stop`."""
        assert self._backend is not None, "Gateway.start() first"
        return self._backend

    @property
    def table(self) -> Table:
        """The routes being served."""
        return self._scripts.table if self._scripts else Table()

    @property
    def entry(self) -> ASGIApp:
        """What answers requests (ASGI); only between :meth:`start` and :meth:`stop`."""
        assert self._entry is not None, "Gateway.start() first"
        return self._entry

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI) under a server that knows lifespans: it starts and stops the gateway by them."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await self.entry(scope, receive, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})

    async def start(self) -> None:
        """Open the databases, connect, load the scripts.

        Raises:
            ConfigError: a database cannot be used, or a plugin does not fit.
        """
        preparation = asyncio.create_task(asyncio.to_thread(load_preparation))
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise
        finally:
            await preparation

    async def _start(self) -> None:
        config = self.config
        keys = KeyStore(self._state)
        await keys.start()
        policy = self._make_policy()
        inbound = Inbound(config.xmpp.jid)
        events = self._events = Events(inbound)
        events.start()
        backend = self._backend = self._make_backend(inbound, policy)
        service = self._service = self._make_service(backend, policy)
        self._listening = Listening(service, inbound.is_ours, config.http.request_timeout)
        inbound.add(self._listening)
        sender = service.for_(Principal(None, via="webhook"))
        webhooks = self._webhooks = Webhooks(_targets(config), self._state, representations, sender, backend.jid)
        await webhooks.start()
        inbound.add(webhooks)
        await backend.start()
        await self._prepare_demo(backend, service, keys)
        app = self._app = self._make_app(backend, service, keys)
        app.metrics.gauge("tigrest_webhook_deliveries", "Deliveries of webhooks.", ("webhook", "state"), _deliveries(webhooks))
        app.metrics.gauge("tigrest_event_streams", "Open live streams.", (), lambda: [((), events.streams)])
        self._entry = with_cors(app, config.http.cors_origins)
        loader = Loader(self._script_dirs, _provider(service, events))
        self._scripts = Scripts(loader, service, self._serve)
        await self._scripts.start(config.scripts.reload)
        backend.offer(gateway_commands(keys, self._reload_and_report))

    async def stop(self) -> None:
        """Shut the handlers down, close the link and the databases."""
        if self._events is not None:
            self._events.stop()
        if self._listening is not None:
            await self._listening.stop()
        if self._scripts is not None:
            await self._scripts.stop()
        if self._webhooks is not None:
            await self._webhooks.stop()
        if self._backend is not None:
            await self._backend.stop()
        for database in self._databases:
            await database.stop()
        self._passwords.close()

    async def reload(self) -> Table:
        """Load changed scripts now."""
        assert self._scripts is not None, "Gateway.start() first"
        return await self._scripts.reload()

    async def settle(self) -> None:
        """Wait until all stanzas that scripts listen to are dealt with."""
        assert self._listening is not None, "Gateway.start() first"
        await self._listening.settle()

    def _serve(self, table: Table) -> None:
        assert self._app is not None
        assert self._listening is not None
        self._app.serve(table)
        self._listening.serve(table.listeners)

    async def _reload_and_report(self) -> list[str]:
        table = await self.reload()
        return [table.shown(problem) for problem in table.problems]

    def _make_policy(self) -> Policy:
        xmpp = self.config.xmpp
        return Policy(
            xmpp.jid,
            xmpp.domain,
            admins=frozenset(self.config.auth.admins),
            send_as=xmpp.effective_send_as,
            adhoc_as=xmpp.effective_adhoc_as,
        )

    def _make_backend(self, inbound: Inbound, policy: Policy) -> Backend:
        config, xmpp = self.config, self.config.xmpp
        if xmpp.backend == "component":
            trusted = xmpp.effective_send_as == "user"
            return Component(
                xmpp.jid,
                xmpp.domain,
                _secret(xmpp.secret),
                xmpp.host,
                xmpp.port,
                xmpp.max_stanza,
                ClientPort(xmpp.c2s_host, xmpp.c2s_port, xmpp.domain, xmpp.c2s_tls),
                self._state,
                policy.administers,
                inbound,
                is_trusted=trusted,
                borrows=trusted and xmpp.effective_adhoc_as == "user",
            )
        database = self._state
        if config.embedded.database != config.state.database:
            database = Database(config.embedded.database)
            self._databases.append(database)
        accounts = {account.jid: _secret(account.password) for account in config.embedded.accounts}
        return EmbeddedDomain(xmpp.jid, xmpp.domain, policy.administers, database, self._passwords, accounts, inbound)

    def _make_service(self, backend: Backend, policy: Policy) -> Service:
        config, xmpp = self.config, self.config.xmpp
        service = Service(backend, policy, _avatar_settings(config))
        if xmpp.backend == "component":
            service.bosh = BoshEndpoint(config.bosh.url, xmpp.domain)
        return service

    def _make_app(self, backend: Backend, service: Service, keys: KeyStore) -> App:
        config = self.config
        accounts = Accounts([_account(account) for account in config.auth.accounts], self._passwords)
        logins = Logins(service.domain, service.check_credentials, accounts, Throttle(), config.auth.cache_seconds)
        backend.on_account_change(logins.forget)
        backend.on_account_change(self.events.dismiss)
        configured = [_api_key(key) for key in config.auth.api_keys]
        api_keys = ApiKeys(configured, keys, os.environ.get(BOOTSTRAP), config.auth.open_access)
        admission = Admission(logins, api_keys, service.policy.roles_of)
        http = config.http
        return App(service, admission, http.max_body, http.request_timeout, lambda: backend.connected, http.cors_origins)

    async def _prepare_demo(self, backend: Backend, service: Service, keys: KeyStore) -> None:
        if not isinstance(backend, EmbeddedDomain) or self.config.embedded.accounts:
            return
        location = self.config.embedded.database
        folder = None if location == MEMORY or "://" in location else Path(location).parent
        if backend.created:
            self.demo = await make_demo(service, keys, folder)
        elif folder is not None:
            self.demo = await recall_demo(service, folder)


def _secret(value: Any) -> str:
    return value.get_secret_value() if value is not None else ""


def _avatar_settings(config: Config) -> AvatarSettings:
    avatars = config.avatars
    cache = AvatarCache(avatars.cache_bytes, avatars.cache_seconds, avatars.miss_seconds)
    return AvatarSettings(avatars.as_owner, avatars.urls, Fetcher() if avatars.urls == "proxy" else None, cache)


def _account(account: Any) -> Account:
    return Account(account.jid, _secret(account.password), account.password_hash or "")


def _api_key(key: Any) -> ApiKey:
    digest = key.key_hash or hash_key(_secret(key.key))
    return ApiKey(key.name, digest, tuple(re.compile(path) for path in key.paths), tuple(key.domains))


def _targets(config: Config) -> list[Target]:
    return [
        Target(
            hook.effective_name,
            hook.url,
            hook.content_type,
            hook.stanzas,
            hook.events,
            _secret(hook.secret) or None,
            hook.timeout,
            hook.max_attempts,
            hook.concurrency,
        )
        for hook in config.webhooks
    ]


def _deliveries(webhooks: Webhooks) -> Callable[[], Iterator[tuple[tuple[str, str], float]]]:
    def numbers() -> Iterator[tuple[tuple[str, str], float]]:
        for name, statistics in webhooks.statistics().items():
            for state, number in asdict(statistics).items():
                yield (name, state), number

    return numbers


def _provider(service: Service, events: Events) -> Any:
    """What gives handlers their ``inject()``: plugins first, then the core."""
    manager = load_plugins()
    manager.register(_Core(events), "core")
    return lambda wanted: manager.hook.tigrest_provide(type=wanted, service=service)


class _Core:
    """What the core provides for ``inject()``."""

    def __init__(self, events: Events) -> None:
        self._events = events

    @hookimpl(trylast=True)
    def tigrest_provide(self, type: type, service: Service) -> Any:
        """Give the service or one of its parts."""
        parts = {
            Service: service,
            UserRepository: service.users,
            AdHoc: service.adhoc,
            Avatars: service.avatars,
            Events: self._events,
        }
        return parts.get(type)
