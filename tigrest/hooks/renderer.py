"""Render templates of hooks in a process of their own, within time, memory and length."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tigrest.errors import HookTemplateFailed, Unavailable

log = logging.getLogger(__name__)

SANDBOX = Path(__file__).with_name("sandbox.py")


@dataclass(frozen=True)
class RenderLimits:
    """Limits of templates.

    Args:
        seconds: how long one may take; then its process is killed.
        start_seconds: how long the process may take to start and render its first.
        wait_seconds: how long one waits for those before it.
        characters: most characters of a text; the rest is cut off.
        memory: most bytes of address space of the process.
        answer: most bytes of a line that the process may write.
    """

    seconds: float = 2.0
    start_seconds: float = 20.0
    wait_seconds: float = 10.0
    characters: int = 5000
    memory: int = 512 * 1024 * 1024
    answer: int = 1024 * 1024


@dataclass(frozen=True)
class RenderedText:
    """Text that a template made.

    Args:
        text: of at most :attr:`RenderLimits.characters`.
        is_cut: whether there was more.
    """

    text: str
    is_cut: bool


class Renderer:
    """Renders templates one after the other, in a process that is started when the first is rendered.

    Args:
        limits: of templates.
    """

    def __init__(self, limits: RenderLimits | None = None) -> None:
        self._limits = limits or RenderLimits()
        self._turn = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None

    async def render(self, name: str, template: str, values: Mapping[str, Any]) -> RenderedText:
        """Render a template.

        Args:
            name: of the template, for messages.
            template: its source.
            values: what it shows; as JSON has them.

        Raises:
            HookTemplateFailed: it is none, fails, or takes too long.
            Unavailable: others take too long.
        """
        limits = self._limits
        asked = {"template": template, "values": dict(values), "characters": limits.characters}
        line = json.dumps(asked).encode() + b"\n"
        try:
            async with asyncio.timeout(limits.wait_seconds):
                await self._turn.acquire()
        except TimeoutError:
            raise Unavailable("the templates of other hooks take too long; try again") from None
        try:
            answer = await self._ask(name, line)
        finally:
            self._turn.release()
        if "error" in answer:
            raise HookTemplateFailed(name, answer["line"], answer["error"])
        return RenderedText(answer["text"], answer["is_cut"])

    async def stop(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process is not None:
            await _kill(process)

    async def _ask(self, name: str, line: bytes) -> dict[str, Any]:
        """Have the process render; when it does not answer well, it is killed, and the next template gets a new one."""
        if self._process is not None and self._process.returncode is not None:
            self._process = None  # somebody killed it: the kernel, where memory is short
        seconds = self._limits.seconds if self._process is not None else self._limits.start_seconds
        process = self._process = self._process or await self._start()
        has_answered = False
        try:
            async with asyncio.timeout(seconds):
                assert process.stdin is not None and process.stdout is not None  # noqa: PT018 - pipes, as asked for
                process.stdin.write(line)
                await process.stdin.drain()
                answer: dict[str, Any] = json.loads(await process.stdout.readline())
            has_answered = True
            return answer
        except TimeoutError:
            raise HookTemplateFailed(name, 0, f"it takes more than {seconds:g} s") from None
        except (OSError, ValueError) as error:
            log.debug("the process of templates ended: %s", error)
            raise HookTemplateFailed(name, 0, "its process ended; it needs too much memory, perhaps") from None
        finally:
            if not has_answered:
                await self.stop()

    async def _start(self) -> asyncio.subprocess.Process:
        # a session of its own: Ctrl-C at the terminal is for the gateway, which ends it by closing the pipe
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", str(SANDBOX), str(self._limits.memory)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            limit=self._limits.answer,
        )


async def _kill(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
