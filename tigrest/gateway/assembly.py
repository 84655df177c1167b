"""Make the parts of a gateway from its configuration. Nothing is opened, connected or started here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.types import ASGIApp

from tigrest.api.documentation import documentation_mounts, index_links
from tigrest.api.finding import ApiPlace
from tigrest.api.mount import api_mounts
from tigrest.api.swagger import DOCS_PATH
from tigrest.auth.admission import Admission
from tigrest.auth.api_keys import KeyStore
from tigrest.auth.hook_store import HookStore
from tigrest.auth.principal import Principal
from tigrest.auth.token_store import TokenStore
from tigrest.backends.backend import Backend
from tigrest.backends.component.backend import Component
from tigrest.backends.component.lost_answers import LostAnswersCounter
from tigrest.backends.embedded.files import EmbeddedFiles
from tigrest.backends.inbound import Inbound
from tigrest.backends.open_stages import OpenStages
from tigrest.commands.pipeline import Pipeline
from tigrest.commands.registry import Commands
from tigrest.config import Config
from tigrest.config.models import AvatarsConfig, WebhookConfig
from tigrest.formats.stanza_json.representations import AnswerCodec
from tigrest.gateway.authentication import (
    Authentication,
    make_authentication,
    make_authorization_server,
    make_hooks,
    make_permissions,
    text_of,
)
from tigrest.gateway.backends import Databases, make_backend, make_databases, make_files
from tigrest.gateway.file_storage import FileStorage, files_mount
from tigrest.gateway.provision import Core, provider
from tigrest.hooks.receiver import HookReceiver
from tigrest.http.app import App
from tigrest.http.cors import with_cors
from tigrest.http.idempotency import Idempotency
from tigrest.http.index import IndexLink, index_mounts
from tigrest.http.monitoring import health_mounts, metrics_mount
from tigrest.http.static_folders import static_mount
from tigrest.inbound.events import Events
from tigrest.inbound.webhooks import Target, Webhooks
from tigrest.oauth.server import AuthorizationServer
from tigrest.observability.metrics import Metrics
from tigrest.passwords import Passwords
from tigrest.plugins import Plugins
from tigrest.scripting.commands import Command
from tigrest.scripting.execution import Execution
from tigrest.scripting.hook_formats import HookFormat
from tigrest.scripting.lifecycle import Scripts
from tigrest.scripting.listeners import Listener
from tigrest.scripting.listening import Listening
from tigrest.scripting.loader import Loader, Provide
from tigrest.scripting.schedules import Schedule
from tigrest.scripting.scheduling import Scheduling
from tigrest.scripting.table import Table
from tigrest.service import Addresses, Policy, Service
from tigrest.service.avatars import AvatarCache, AvatarSettings, Fetcher
from tigrest.service.bosh import BoshEndpoint
from tigrest.service.rooms import RoomSettings
from tigrest.service.uploads import Storage
from tigrest.state.database import Database
from tigrest.state.idempotency import IdempotencyStore
from tigrest.state.lock import OnLost


@dataclass(frozen=True)
class ScriptFolders:
    """The directories that scripts are loaded from, the most important first.

    Args:
        handlers: of handlers.
        commands: of commands.
    """

    handlers: tuple[Path, ...]
    commands: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Parts:
    """The parts of a gateway.

    Args:
        passwords: hashes passwords, in threads of its own.
        databases: where state is kept.
        keys: the API keys that are stored.
        authentication: authenticates callers.
        authorization: gives clients tokens for users.
        idempotency: stores requests that have an ``Idempotency-Key``.
        events: the event stream.
        hooks: receives what other programs post.
        hook_store: the hooks that are stored.
        webhooks: delivers stanzas to URLs.
        backend: the way to XMPP.
        files: keeps the files of the embedded domain; ``None`` for a real server.
        stages: sessions of ad-hoc commands that callers go on with.
        service: access to XMPP, as scripts have it.
        listening: gives stanzas to scripts.
        scheduling: runs scripts by the clock.
        pipeline: runs commands.
        app: answers HTTP requests.
        entry: ``app``, with what stands before it.
        scripts: loads scripts, and replaces them.
    """

    passwords: Passwords
    databases: Databases
    keys: KeyStore
    authentication: Authentication
    authorization: AuthorizationServer
    idempotency: IdempotencyStore
    events: Events
    hooks: HookReceiver
    hook_store: HookStore
    webhooks: Webhooks
    backend: Backend
    files: EmbeddedFiles | None
    stages: OpenStages
    service: Service
    listening: Listening
    scheduling: Scheduling
    pipeline: Pipeline
    app: App
    entry: ASGIApp
    scripts: Scripts


def assemble(config: Config, folders: ScriptFolders, plugins: Plugins, passwords: Passwords, on_lost: OnLost) -> Parts:
    """Make all parts, on the event loop that they will run on.

    Args:
        config: how the gateway is set up.
        folders: where scripts are.
        plugins: provide what handlers ask for by ``inject()``.
        passwords: how passwords are hashed.
        on_lost: called when another gateway has taken a database.
    """
    databases = make_databases(config, on_lost)
    keys = KeyStore(databases.state)
    policy = make_policy(config)
    inbound = Inbound(config.xmpp.jid)
    events = Events(inbound)
    files = make_files(config, databases.embedded)
    backend = make_backend(config, databases, passwords, policy, inbound, files)
    stages = OpenStages()
    service = make_service(config, backend, policy, stages, files)
    inbound.refine(service.places.take)
    backend.on_link(service.places.on_link)
    webhooks = make_webhooks(config, databases.state, service)
    execution, timeout = Execution(), config.http.request_timeout
    listening = Listening(service, inbound.is_ours, execution=execution, timeout=timeout)
    scheduling = Scheduling(service, execution=execution, timeout=timeout, is_on=config.scripts.schedules)
    inbound.add(listening)
    inbound.add(webhooks)
    token_store = TokenStore(databases.state)
    authentication = make_authentication(config, service, backend.login_port, passwords, keys, token_store)
    idempotency_store = IdempotencyStore(databases.state)
    idempotency = Idempotency(idempotency_store)
    hook_store = HookStore(databases.state)
    hooks = make_hooks(config, hook_store, service, authentication, idempotency)
    backend.on_account_change(authentication.logins.forget)
    backend.on_account_change(authentication.tokens.forget)
    backend.on_account_change(authentication.issuers.forget)
    backend.on_account_change(authentication.server_tokens.forget)
    backend.on_account_change(events.dismiss)
    metrics = Metrics()
    app = make_app(config, service, metrics, authentication.admission, execution, idempotency)
    core = Core(service, events)
    provide = provider(plugins, service, core)
    commands = Commands(service)
    pipeline = Pipeline(commands, service, execution, timeout, provide)
    link = backend.link if isinstance(backend, Component) else None
    add_mounts(app, service, metrics, index_links(config.api.docs), lambda: link is not None and link.lost.is_losing)
    metrics.add(LostAnswersCounter(lambda: 0 if link is None else link.lost.count))
    places = [ApiPlace(path, mount.version, mount.compat or "") for path, mount in config.api.mounts.items()]
    documentation = documentation_mounts(lambda: app.table, pipeline, domain=service.domain, readers=config.api.docs)
    authorization = make_authorization_server(config, service, databases.state, token_store, authentication, commands)
    commands_api = api_mounts(pipeline, idempotency, places, docs="" if config.api.docs == "off" else DOCS_PATH)
    if files is not None:
        app.add(files_mount(files))
    for mount in (*commands_api, *documentation, *authorization.mounts()):
        app.add(mount)
    scripts = make_scripts(folders, provide, service, TableSwitch(app, listening, scheduling, commands, hooks))
    core.add(token_store, commands, scripts, authentication.logins, hooks, hook_store, webhooks)
    for part in (events, webhooks, execution, scheduling, service.places, idempotency):
        part.add_metrics(metrics)
    return Parts(
        passwords=passwords,
        databases=databases,
        keys=keys,
        authentication=authentication,
        authorization=authorization,
        idempotency=idempotency_store,
        events=events,
        hooks=hooks,
        hook_store=hook_store,
        webhooks=webhooks,
        backend=backend,
        files=files,
        stages=stages,
        service=service,
        listening=listening,
        scheduling=scheduling,
        pipeline=pipeline,
        app=app,
        entry=with_cors(app, config.http.cors_origins, app.has_own_rule),
        scripts=scripts,
    )


def make_policy(config: Config) -> Policy:
    """Make what decides who may do what."""
    xmpp = config.xmpp
    addresses = Addresses(xmpp.jid, xmpp.domain, send_as=xmpp.effective_send_as, adhoc_as=xmpp.effective_adhoc_as)
    return Policy(addresses, admins=frozenset(config.auth.admins), permissions=make_permissions(config))


def make_service(config: Config, backend: Backend, policy: Policy, stages: OpenStages, files: EmbeddedFiles | None) -> Service:
    """Make what scripts get to reach XMPP."""
    storage = Storage(config.xmpp.c2s_ca) if files is None else FileStorage(files)
    service = Service(backend, policy, avatars=_avatar_settings(config.avatars), stages=stages, storage=storage)
    if config.xmpp.backend == "component":
        service.bosh = BoshEndpoint(config.bosh.url, config.xmpp.domain)
    return service


def room_settings(config: Config) -> list[RoomSettings]:
    """Return the rooms of the configuration."""
    return [RoomSettings(room.jid, room.nick, text_of(room.password), room.stay, room.create, room.option_texts) for room in config.rooms]


def _avatar_settings(avatars: AvatarsConfig) -> AvatarSettings:
    return AvatarSettings(
        as_owner=avatars.as_owner,
        urls=avatars.urls,
        fetch=Fetcher() if avatars.urls == "proxy" else None,
        cache=AvatarCache(max_bytes=avatars.cache_bytes, seconds=avatars.cache_seconds, miss_seconds=avatars.miss_seconds),
    )


def make_webhooks(config: Config, database: Database, service: Service) -> Webhooks:
    """Make what delivers stanzas to URLs. What these answer is bounded like what a plain user sends."""
    return Webhooks(
        targets=[_target(webhook) for webhook in config.webhooks],
        database=database,
        codec=AnswerCodec(),
        sender=service.for_(Principal(None, via="webhook")),
        jid=config.xmpp.jid,
    )


def _target(webhook: WebhookConfig) -> Target:
    return Target(
        name=webhook.effective_name,
        url=webhook.url,
        content_type=webhook.content_type,
        stanzas=webhook.stanzas,
        events=webhook.events,
        secret=text_of(webhook.secret) or None,
        timeout=webhook.timeout,
        max_attempts=webhook.max_attempts,
        concurrency=webhook.concurrency,
    )


def make_app(
    config: Config, service: Service, metrics: Metrics, admission: Admission, execution: Execution, idempotency: Idempotency
) -> App:
    """Make what answers HTTP requests."""
    return App(
        service=service,
        admission=admission,
        execution=execution,
        max_body=config.http.max_body,
        max_upload=config.http.max_upload,
        request_timeout=config.http.request_timeout,
        metrics=metrics,
        idempotency=idempotency,
        cors_origins=config.http.cors_origins,
    )


def add_mounts(app: App, service: Service, metrics: Metrics, links: Sequence[IndexLink], loses_answers: Callable[[], bool]) -> None:
    """Register what is served besides handlers.

    Args:
        app: serves it.
        service: tells whether the link is up, for ``/health/ready``.
        metrics: shown at ``/metrics``.
        links: of the index.
        loses_answers: tells whether answers of the server get lost, for ``/health/ready``.
    """

    def table() -> Table:
        return app.table

    for mount in (
        *index_mounts(table, service.domain, links),
        static_mount(table),
        *health_mounts(lambda: service.connected, loses_answers),
        metrics_mount(metrics),
    ):
        app.add(mount)


def make_scripts(folders: ScriptFolders, provide: Provide, service: Service, switch: TableSwitch) -> Scripts:
    """Make what loads scripts, and serves them.

    Args:
        folders: where scripts are.
        provide: gives what handlers ask for by ``inject()``.
        service: access to XMPP.
        switch: gets each new table.
    """
    return Scripts(Loader(folders.handlers, provide, command_dirs=folders.commands), service, switch.serve)


@dataclass(frozen=True)
class TableSwitch:
    """Hand each new table of scripts to HTTP and to listening.

    Args:
        app: gets the routes.
        listening: gets the listeners.
        scheduling: gets the schedules.
        commands: gets the commands.
        hooks: gets the formats of hooks.
    """

    app: App
    listening: Listening
    scheduling: Scheduling
    commands: Commands
    hooks: HookReceiver

    def serve(self, table: Table) -> None:
        """Replace the table for requests, stanzas, the clock and commands from now on."""
        self.app.serve(table)
        self.listening.serve(table.of(Listener))
        self.scheduling.serve(table.of(Schedule))
        self.commands.serve(table.of(Command))
        self.hooks.serve(table.of(HookFormat))
