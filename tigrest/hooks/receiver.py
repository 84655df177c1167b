"""Receive what programs post to hooks: who may, what it says, what text that makes, and whom it goes to."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tigrest.auth.hook_admission import HookAdmission, HookCredentials
from tigrest.auth.hook_store import Hook, make_hook, new_secret
from tigrest.concurrency.tasks import TaskSet
from tigrest.errors import HookTemplateFailed, InvalidValue, NotFound, ScriptMistake, StanzaError, TigrestError, UnexpectedPost
from tigrest.formats.content import media_type
from tigrest.hooks.outcome import HookOutcome
from tigrest.hooks.post import MULTIPART, HookIgnored, HookPost
from tigrest.hooks.recipient import REFUSED_SECONDS, ROOM_SECONDS, leads_to_room
from tigrest.hooks.renderer import Renderer
from tigrest.hooks.repeats import HookRepeats
from tigrest.http.requests import HandlerRequest, client_address
from tigrest.observability.context import set_caller
from tigrest.scripting.hook_formats import HookFormat
from tigrest.service import Service
from tigrest.service.confirming import Confirmation
from tigrest.xmpp.jid import JID

log = logging.getLogger(__name__)

GENERAL_FORMATS = ("apprise", "slack", "gotify", "json", "text", "ntfy")
"""Formats that read much of what others post: a post is said to look like one of them, in this order, after all others."""

LOOKED_AT = 64 * 1024
"""Most bytes of a post of which it is told what it looks like."""

NOTE_SECONDS = 1.0
"""Interval at which it is stored that a hook is used, while the outcome stays the same."""

_DROPPED = re.compile("[^\t\n\x20-\x7e\xa0-\u202c\u202f-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot carry (XML 1.0 §2.2), and those that do something to a client instead of standing in it: C1 controls, which a
terminal obeys, and overrides of the direction of text, by which it reads otherwise than it is. UAX #9 §2.2"""

_LINE_END = re.compile("\r\n|[\x85\u2028\u2029]")

_MISREAD = (LookupError, TypeError, ValueError, AttributeError)
"""Exceptions that a format may raise over a post of another format."""


class HookReceiver:
    """Receives what programs post to hooks, and sends the messages. It sends as the gateway: an administrator made the hook.

    Args:
        service: sends.
        admission: looks up hooks, and checks secrets.
        renderer: renders templates.
        repeats: tells posts that come again.
        clock: tells monotonic seconds.
    """

    def __init__(
        self,
        service: Service,
        admission: HookAdmission,
        renderer: Renderer,
        repeats: HookRepeats,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service, self._admission, self._renderer, self._repeats, self._clock = service, admission, renderer, repeats, clock
        self._formats: dict[str, HookFormat] = {}
        self._noted: dict[str, tuple[str, float]] = {}
        self._unwritten: dict[str, tuple[Hook, str]] = {}
        self._is_writing = False
        self._tasks = TaskSet()

    def serve(self, formats: Iterable[HookFormat]) -> None:
        """Read by other formats from the next post on."""
        self._formats = {each.format: each for each in formats}

    def configure(self, hooks: Iterable[Hook]) -> None:
        """Replace the hooks of the configuration from the next post on."""
        self._admission.configure(hooks)

    async def stop(self) -> None:
        """End the process of templates, and what is being stored."""
        await self._tasks.stop()
        await self._renderer.stop()

    async def receive(self, name: str, request: HandlerRequest) -> HookOutcome:
        """Send the message that a post makes, unless it was sent before.

        Args:
            name: of the hook, as the URL has it.
            request: the post.

        Raises:
            LoginRequired, TooManyFailures, StorageUnavailable: as :meth:`~tigrest.auth.hook_admission.HookAdmission.admit`.
            UnexpectedPost: it has not the format of the hook, or there is nothing to say.
            HookTemplateFailed, Unavailable: as :meth:`~tigrest.hooks.renderer.Renderer.render`.
            RequestInFlight, IdempotencyMismatch: as :meth:`~tigrest.hooks.repeats.HookRepeats.once`.
            TigrestError: the message cannot be sent.
        """
        headers = dict(reversed(request.headers.items()))
        query = dict(request.query_params)
        hook = await self._admission.admit(name, HookCredentials(headers, query, client_address(request.scope), request.body))
        set_caller(f"hook {hook.name}")
        query.pop("token", None)
        post = HookPost(hook.name, await request.body(), request.content_type, headers, query, await _fields(request))
        return await self._repeats.once(hook, post, request.scope["headers"], partial(self._deliver_and_note, hook, post))

    async def add(self, name: str, format: str, to: JID, *, is_room: bool = False, nick: str = "", is_signed: bool = False) -> str:
        """Make a hook, and return its secret.

        Args:
            name: of the hook, as the URL will have it.
            format: name of the format.
            to: bare address of the user or room.
            is_room: whether it is a room.
            nick: nickname in the room; empty for the name of the hook.
            is_signed: whether senders sign with the secret, whatever the format says.

        Raises:
            InvalidValue: one of them cannot be used, or a room is taken for a user.
        """
        if format not in self._formats:
            raise InvalidValue(f'there is no format "{format[:40]}"; there is {", ".join(sorted(self._formats))}')
        secret = new_secret()
        hook = make_hook(name, format, to, secret, is_room=is_room, nick=nick, signs=is_signed or self._formats[format].is_signed)
        if not is_room and await leads_to_room(self._service, to, ROOM_SECONDS):
            raise InvalidValue(f"{to} is the address of a room, so room has to be true")
        await self._admission.add(hook)
        return secret

    async def list(self) -> tuple[Hook, ...]:
        """Return all hooks, sorted by name."""
        return await self._admission.list()

    async def revoke(self, name: str) -> None:
        """Delete a stored hook.

        Raises:
            NotFound: there is none of this name.
        """
        await self._admission.revoke(name)

    async def send_test(self, name: str) -> str:
        """Send a message to whom a hook sends, without a post, and return its id.

        Args:
            name: of the hook.

        Raises:
            NotFound: there is no such hook.
            TigrestError: the message cannot be sent.
        """
        hook = await self._admission.find(name)
        if hook is None:
            raise NotFound(f'there is no hook named "{name}"')
        text = f"Test of the hook {hook.name}: what is posted to it in the format {hook.format} arrives here."
        return (await self._send(hook, text)).id

    async def _deliver_and_note(self, hook: Hook, post: HookPost) -> HookOutcome:
        """Send the message of a post, and store what became of it for the list of hooks."""
        noted = "failed: an error, which the log has"
        try:
            outcome = await self._deliver(hook, post)
            noted = str(outcome)
        except TigrestError as error:
            noted = f"failed: {error}"
            raise
        finally:
            self._note(hook, noted)
        return outcome

    async def _deliver(self, hook: Hook, post: HookPost) -> HookOutcome:
        reader = self._formats.get(hook.format)
        if reader is None:
            raise ScriptMistake(f"the hook {hook.name} has the format {hook.format}, which no script reads; tigrest check says why")
        values = self._read(reader, post)
        if isinstance(values, HookIgnored):
            return HookOutcome(ignored=values.reason)
        name, template = await _template(hook, reader)
        rendered = await self._renderer.render(name, template, values)
        text = clean(rendered.text)
        if not text:
            raise UnexpectedPost("there is nothing to say: the text that it makes is empty")
        sent = await self._send(hook, f"{text} … (cut)" if rendered.is_cut else text)
        return HookOutcome(id=sent.id, answer=reader.answer, is_confirmed=sent.confirmed is not None)

    def _read(self, format: HookFormat, post: HookPost) -> Mapping[str, Any] | HookIgnored:
        try:
            values = format.read(post)
        except UnexpectedPost as error:
            looks = self._looks_like(format, post)
            raise UnexpectedPost(f"the post has not the format {format.format}: {error}{looks}") from None
        if isinstance(values, HookIgnored):
            return values
        if not isinstance(values, Mapping):
            raise ScriptMistake(f"{format.path}:{format.line}: {format.name}.read_hook returns no dict of what its template shows")
        return values

    def _looks_like(self, format: HookFormat, post: HookPost) -> str:
        """Say which format a post looks like; nothing of a long one, since all formats would read it."""
        if len(post.body) > LOOKED_AT:
            return ""
        special = sorted(self._formats.keys() - set(GENERAL_FORMATS))
        for name in [*special, *(name for name in GENERAL_FORMATS if name in self._formats)]:
            if name != format.format and _can_read(self._formats[name], post):
                return f"; it looks like {name}"
        return ""

    async def _send(self, hook: Hook, text: str) -> Confirmation:
        """Send a text to whom a hook leads, and wait until it is there."""
        if hook.is_room:
            said = await self._service.rooms.send(hook.to, text, nick=hook.nick or hook.name, exact=False)
            return Confirmation(said.id, "server")
        try:
            return await self._service.send_confirmed({"kind": "message", "type": "chat", "to": str(hook.to), "body": text})
        except StanzaError as error:
            if await leads_to_room(self._service, hook.to, REFUSED_SECONDS):
                raise replace(error, text="this is the address of a room: make the hook with --room, or room = true in [[hooks]]") from None
            raise

    def _note(self, hook: Hook, outcome: str) -> None:
        """Store that a hook is used; not each time, while the outcome stays the same."""
        known, now = self._noted.get(hook.name), self._clock()
        if known is None or known[0] != outcome or known[1] + NOTE_SECONDS <= now:
            self._noted[hook.name] = outcome, now
            self._unwritten[hook.name] = hook, outcome
            if not self._is_writing:
                self._is_writing = True
                self._tasks.start(self._write())

    async def _write(self) -> None:
        """Store the latest outcome of each hook, one after the other: a later one may not be overtaken."""
        try:
            while self._unwritten:
                await self._admission.note_use(*self._unwritten.pop(next(iter(self._unwritten))))
        finally:
            self._is_writing = False


def clean(text: str) -> str:
    """Return a text without controls and what XML cannot carry, empty lines at its ends, and more than one in a row."""
    lines = [line.rstrip() for line in _DROPPED.sub("", _LINE_END.sub("\n", text)).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


async def _fields(request: HandlerRequest) -> list[tuple[str, str]]:
    """Return the fields of a form of several parts, without files; none where there is no such form."""
    if media_type(request.content_type) != MULTIPART:
        return []
    return [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]


def _can_read(format: HookFormat, post: HookPost) -> bool:
    try:
        format.read(post)
    except (UnexpectedPost, *_MISREAD):
        return False
    return True


async def _template(hook: Hook, format: HookFormat) -> tuple[str, str]:
    """Return name and source of the template of a hook; one of its own is read each time, so that it may be edited.

    Raises:
        HookTemplateFailed: it cannot be read.
    """
    if not hook.template:
        return format.format, format.template
    try:
        return hook.template, await asyncio.to_thread(Path(hook.template).read_text, "utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise HookTemplateFailed(hook.template, 0, str(error)) from None
