"""Start and stop a gateway."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

from starlette.types import ASGIApp, Receive, Scope, Send

from tigrest.backends.backend import Backend
from tigrest.backends.entities.commands import AdHocCommands
from tigrest.commands.adhoc import ApiCommands
from tigrest.config import Config, plugin_dirs
from tigrest.ctl.answering import CtlCommands, Inquiry
from tigrest.ctl.protocol import BASE, IS_ROOM
from tigrest.ctl.server import CtlServer
from tigrest.errors import TigrestError
from tigrest.gateway.assembly import Parts, ScriptFolders, assemble, room_settings
from tigrest.gateway.control import gateway_commands
from tigrest.gateway.demo import Demo, demo_of
from tigrest.gateway.reconfiguration import APPLIED, apply, changed_keys
from tigrest.gateway.room_making import room_maker
from tigrest.gateway.token_streams import TokenStreams
from tigrest.hooks.recipient import ROOM_SECONDS, leads_to_room
from tigrest.inbound.events import Events
from tigrest.passwords import Passwords
from tigrest.plugins import Plugins
from tigrest.scripting.table import Table
from tigrest.service import Service
from tigrest.xmpp.jid import JID, load_preparation

log = logging.getLogger(__name__)


class Gateway:
    """Everything that runs between HTTP and XMPP.

    Args:
        config: how it is set up.
        script_dirs: directories of scripts, the most important first.
        passwords: how passwords are hashed; the library's recommendation by default.
        command_dirs: directories of commands, the most important first.
        ctl_socket: where to listen for ``tigrest ctl``; nowhere by default.
    """

    def __init__(
        self,
        config: Config,
        script_dirs: Sequence[Path],
        passwords: Passwords | None = None,
        command_dirs: Sequence[Path] = (),
        ctl_socket: Path | None = None,
    ) -> None:
        self.config = config
        self._folders = ScriptFolders(tuple(script_dirs), tuple(command_dirs))
        self._passwords = passwords
        self._ctl_socket = ctl_socket
        self.demo: Demo | None = None
        """Credentials to show, when the embedded domain made its own."""
        self._parts: Parts | None = None
        self._started = AsyncExitStack()
        self._base = ""
        self.failure: TigrestError | None = None
        """Why the gateway cannot go on; ``None`` while it can."""
        self._on_failure: Callable[[], None] | None = None

    @property
    def parts(self) -> Parts:
        """Return the parts of the gateway, from :meth:`start` on.

        Raises:
            RuntimeError: it was never started.
        """
        if self._parts is None:
            raise RuntimeError("the gateway is not started: await Gateway.start() first")
        return self._parts

    @property
    def service(self) -> Service:
        """Return the access to XMPP that scripts have."""
        return self.parts.service

    @property
    def events(self) -> Events:
        """Return the event stream."""
        return self.parts.events

    @property
    def backend(self) -> Backend:
        """Return the back end."""
        return self.parts.backend

    @property
    def table(self) -> Table:
        """Return the routes and listeners being served."""
        return self.parts.scripts.table

    @property
    def entry(self) -> ASGIApp:
        """Return the ASGI application that answers requests."""
        return self.parts.entry

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request (ASGI) under a server that knows lifespans: it starts and stops the gateway by them."""
        if scope["type"] == "lifespan":
            await self._follow_lifespan(receive, send)
        else:
            await self.entry(scope, receive, send)

    async def _follow_lifespan(self, receive: Receive, send: Send) -> None:
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
        """Open the databases, connect, load the scripts. When this fails or is cancelled, what was started is stopped again.

        Raises:
            ConfigError: a database or a folder of plugins cannot be used.
            DatabaseInUse: another gateway uses a database.
            DatabaseUnreachable: the server of a database cannot be reached.
        """
        preparation = asyncio.create_task(asyncio.to_thread(load_preparation))
        try:
            async with AsyncExitStack() as stack:
                await self._start(stack)
                self._started = stack.pop_all()
        finally:
            await preparation

    async def _start(self, stack: AsyncExitStack) -> None:
        """Start the parts, and push onto the stack how each is stopped: the last one pushed stops first.

        All are pushed before the first one starts, since a start that fails half-way has to be cleaned up too; to stop what did not
        start does nothing. They stop in this order: the socket of ``tigrest ctl``; the event stream; listening, which finishes by the
        scripts what it has; schedules; the scripts; webhooks, which store what they have, or refuse it over the link; what cancels
        sessions of commands; the link; idempotency keys; the databases, which all of them use.
        """
        plugins = Plugins(plugin_dirs(self.config))
        stack.callback(plugins.close)
        await asyncio.to_thread(plugins.load)
        plugins.report()
        parts = self._parts = assemble(self.config, self._folders, plugins, self._passwords or Passwords(), self._fail)
        token_streams = TokenStreams(parts.events, parts.authentication.bearers)
        inquiries: dict[str, Inquiry] = {BASE: self._tell_base, IS_ROOM: self._tell_room}
        ctl = CtlServer(self._ctl_socket, CtlCommands(parts.pipeline, inquiries)) if self._ctl_socket is not None else None
        for stop in (
            parts.passwords.close,
            parts.databases.embedded.stop,
            parts.databases.state.stop,
            parts.idempotency.stop,
            parts.authentication.tokens.stop,
            parts.authentication.api_keys.stop,
            parts.backend.stop,
            parts.stages.stop,
            parts.service.places.stop,
            parts.webhooks.stop,
            parts.scripts.stop,
            parts.hooks.stop,
            parts.scheduling.stop,
            parts.listening.stop,
            parts.events.stop,
            token_streams.stop,
            *([ctl.stop] if ctl is not None else []),
        ):
            stack.push_async_callback(_stop, stop)
        await parts.keys.start()
        await parts.idempotency.start()
        parts.events.start()
        token_streams.start()
        await parts.webhooks.start()
        parts.service.places.start(room_settings(self.config))
        await parts.backend.start()
        self.demo = await demo_of(self.config.embedded, parts.backend, parts.service, parts.keys)
        await parts.scripts.start(self.config.scripts.reload)
        parts.service.places.making.begin(room_maker(parts.pipeline))
        parts.backend.offer(*self._ad_hoc_commands(parts))
        if ctl is not None:
            await ctl.start()

    def _ad_hoc_commands(self, parts: Parts) -> tuple[AdHocCommands, AdHocCommands]:
        """Return what is offered at the gateway's address over XMPP: its administration, and the commands of scripts."""
        own = AdHocCommands(gateway_commands(parts.keys, self._reload_and_report), hidden=True)
        return own, ApiCommands(parts.pipeline, parts.service.policy.roles_of_sender, parts.service.domain)

    async def stop(self) -> None:
        """Stop all parts in good order; a second time does nothing. One that fails to stop is logged, and the others are stopped."""
        started, self._started = self._started, AsyncExitStack()
        await started.aclose()

    def on_failure(self, callback: Callable[[], None]) -> None:
        """Register a callback for the event loop, called when the gateway cannot go on; :attr:`failure` says why then."""
        self._on_failure = callback

    def _fail(self, error: TigrestError) -> None:
        log.error("stopping: %s", error)
        self.failure = error
        if self._on_failure is not None:
            self._on_failure()

    async def reload(self) -> Table:
        """Load changed scripts now."""
        return await self.parts.scripts.reload()

    async def reconfigure(self, config: Config) -> None:
        """Apply what differs in another configuration and can change meanwhile, and load changed scripts.

        The log has a line for what was applied, and one for what needs a restart.

        Args:
            config: what was read anew.
        """
        changed = changed_keys(self.config, config)
        applied = [key for key in changed if key.startswith(APPLIED)]
        waiting = [key for key in changed if key not in applied]
        apply(self.parts, self.config, config)
        self.config = self.config.model_copy(
            update={
                "auth": config.auth,
                "rooms": config.rooms,
                "hooks": config.hooks,
                "api": self.config.api.model_copy(update={"permissions": config.api.permissions}),
            }
        )
        log.info("the configuration was read again; applied: %s", ", ".join(applied) or "nothing, as nothing changed that can be")
        if waiting:
            log.warning("the configuration has changes that need a restart: %s", ", ".join(waiting))
        await self.reload()

    def listens_at(self, base: str) -> None:
        """Note where the gateway listens, for the URLs that the embedded domain and the command line give out.

        Args:
            base: scheme, host and port, as in ``http://127.0.0.1:8080``.
        """
        self._base = base
        if self.parts.files is not None:
            self.parts.files.base = base

    async def _tell_base(self, _: str) -> str:
        """Return where the gateway listens; empty while it does not."""
        return self._base

    async def _tell_room(self, address: str) -> str:
        """Return whether an address is known to be that of a room, as ``true`` or ``false``."""
        try:
            return str(await leads_to_room(self.service, JID(address), ROOM_SECONDS)).lower()
        except ValueError:
            return "false"

    async def settle(self) -> None:
        """Wait until all stanzas that scripts listen to are dealt with."""
        await self.parts.listening.settle()

    async def _reload_and_report(self) -> list[str]:
        table = await self.reload()
        return [table.shown(problem) for problem in table.problems]


async def _stop(stop: Callable[[], Awaitable[None] | None]) -> None:
    """Stop a part; one that fails, or is cancelled before it has ended, is logged, and does not keep the others running."""
    name = getattr(stop, "__qualname__", stop)
    try:
        if (stopping := stop()) is not None:
            await stopping
    except asyncio.CancelledError:
        log.warning("%s was given up before it had ended", name)
        raise
    except Exception:
        log.exception("%s failed; the rest is stopped all the same", name)
