"""The gateway's end of ``tigrest ctl``: a Unix socket that only its own user and root may use."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tigrest.concurrency.tasks import TaskSet
from tigrest.ctl.addresses import cure_for, peer_of, user_name
from tigrest.ctl.protocol import (
    ALIVE,
    CtlReply,
    CtlRequest,
    ExitCode,
    ProtocolMismatch,
    Question,
    decode_line,
    encode_line,
    read_request,
    reply_message,
)
from tigrest.ctl.socket_file import SocketFile

log = logging.getLogger(__name__)


class Terminal(Protocol):
    """Whoever called, as far as he can be asked."""

    async def ask(self, question: Question, prompt: str = "") -> str | None:
        """Return what is typed, or what standard input has; ``None`` when there is nothing."""


class Answer(Protocol):
    """Answers requests."""

    async def __call__(self, request: CtlRequest, user: str, terminal: Terminal) -> CtlReply:
        """Return what the client prints.

        Args:
            request: what it was given.
            user: name of the user of the operating system who called.
            terminal: asks him.
        """


@dataclass(frozen=True)
class CtlLimits:
    """Limits of the socket.

    Args:
        connections: most clients at a time.
        line: bytes of the longest message of a client.
        request_seconds: seconds within which a client has to say what it wants, and to take the answer.
        question_seconds: seconds that a question waits for its answer.
        alive_seconds: seconds between two signs of life while a command runs.
    """

    connections: int = 32
    line: int = 4_194_304
    request_seconds: float = 10.0
    question_seconds: float = 300.0
    alive_seconds: float = 5.0


class CtlServer:
    """Listens for ``tigrest ctl``.

    Args:
        path: of the socket.
        answer: answers each request.
        limits: of it all.
    """

    def __init__(self, path: Path, answer: Answer, limits: CtlLimits | None = None) -> None:
        self._path, self._answer, self._limits = path, answer, limits or CtlLimits()
        self._file: SocketFile | None = None
        self._server: asyncio.Server | None = None
        self._tasks = TaskSet()

    async def start(self) -> None:
        """Begin to listen. Where that is not possible, the log says why: all else works without it."""
        try:
            self._file = SocketFile(self._path)
        except OSError as error:
            reason = error.strerror or str(error)
            log.warning("tigrest ctl cannot be used, since %s cannot be listened at: %s ([ctl] socket)", self._path, reason)
            return
        self._file.socket.setblocking(False)
        self._server = await asyncio.start_unix_server(self._accept, sock=self._file.socket, limit=self._limits.line)

    async def stop(self) -> None:
        """Remove the socket, and end what runs."""
        server, self._server = self._server, None
        if server is not None:
            assert self._file is not None
            self._file.remove()
            server.close()
            await self._tasks.stop()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.start(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversation = _Conversation(reader, writer, self._limits)
        try:
            reply = await self._reply(conversation, _caller(writer))
            await conversation.send(reply_message(reply))
        except (ConnectionError, TimeoutError) as error:
            log.debug("tigrest ctl went away: %s", error)
            writer.transport.abort()  # what it does not read would keep the connection open
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _reply(self, conversation: _Conversation, user: str | None) -> CtlReply:
        """Return the reply to a client.

        Raises:
            ConnectionError, TimeoutError: it does not wait for one.
        """
        if user is None:
            own = os.geteuid()
            return _refusal(ExitCode.UNREACHABLE, f"this gateway belongs to {user_name(own)}; {cure_for(own)}")
        if len(self._tasks) > self._limits.connections:
            return _refusal(ExitCode.FAILED, f"{self._limits.connections} commands run already; try again when they are done")
        try:
            request = read_request(await conversation.receive())
        except ProtocolMismatch as error:
            return _refusal(ExitCode.USAGE, str(error))
        return await conversation.run(self._answer(request, user, conversation))


def _caller(writer: asyncio.StreamWriter) -> str | None:
    """Return the name of the user who called; ``None`` for one who may not."""
    connection: socket.socket = writer.get_extra_info("socket")
    peer, own = peer_of(connection), os.geteuid()
    if peer is None:  # no such option: there, the mode of the file lets nobody else connect
        return user_name(own)
    return user_name(peer.uid) if peer.uid in (0, own) else None


def _refusal(code: ExitCode, message: str) -> CtlReply:
    return CtlReply(code, "", f"tigrest: {message}\n")


class _Conversation:
    """Messages from and to one client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: CtlLimits) -> None:
        self._reader, self._writer, self._limits = reader, writer, limits
        writer.transport.set_write_buffer_limits(0)  # so that what is drained is sent
        self._asked: asyncio.Future[str | None] | None = None

    async def send(self, message: Mapping[str, object]) -> None:
        """Send a message.

        Raises:
            ConnectionError: the client has gone.
            TimeoutError: it does not read.
        """
        async with asyncio.timeout(self._limits.request_seconds):
            self._writer.write(encode_line(message))
            await self._writer.drain()

    async def receive(self) -> Mapping[str, object]:
        """Return the first message of the client.

        Raises:
            ConnectionError: it has gone.
            TimeoutError: it says nothing.
            ProtocolMismatch: it is none, or too long.
        """
        async with asyncio.timeout(self._limits.request_seconds):
            return decode_line(await self._line())

    async def _line(self) -> bytes:
        try:
            line = await self._reader.readuntil()
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("the connection was closed") from None
        except asyncio.LimitOverrunError:
            raise ProtocolMismatch(f"the command line and standard input are longer than {self._limits.line} bytes") from None
        return line

    async def ask(self, question: Question, prompt: str = "") -> str | None:
        """Ask the client; see :meth:`Terminal.ask`. No answer in time is none, as when it has gone."""
        self._asked = asyncio.get_running_loop().create_future()
        with contextlib.suppress(ConnectionError, TimeoutError):
            await self.send({"ask": question, "prompt": prompt})
            async with asyncio.timeout(self._limits.question_seconds):
                return await self._asked
        return None

    async def run(self, answer: Coroutine[Any, Any, CtlReply]) -> CtlReply:
        """Run what answers the client, and tell it that it still runs; cancel it when the client goes away.

        Raises:
            ConnectionError: it has gone.
        """
        answering, listening = asyncio.create_task(answer), asyncio.create_task(self._listen())
        try:
            while not answering.done():
                await asyncio.wait((answering, listening), timeout=self._limits.alive_seconds, return_when=asyncio.FIRST_COMPLETED)
                if not answering.done():
                    if listening.done():
                        return _refusal(ExitCode.USAGE, listening.result())
                    await self.send(ALIVE)
            return answering.result()
        finally:
            answering.cancel()
            listening.cancel()
            await asyncio.gather(answering, listening, return_exceptions=True)

    async def _listen(self) -> str:
        """Take the answers of the client.

        Returns:
            What is wrong with one.

        Raises:
            ConnectionError: the client has gone.
        """
        while True:
            try:
                answer = decode_line(await self._line()).get("answer")
            except ProtocolMismatch as error:
                return str(error)
            if self._asked is not None and not self._asked.done():
                self._asked.set_result(answer if isinstance(answer, str) else None)
