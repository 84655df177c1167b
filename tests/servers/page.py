"""A reader who follows a page about a server: every block of it, in order, as it is printed.

Commands are run in a shell; only what would change the machine (``apt``, ``systemctl``, ``chown``) is done to the server of the test, and
paths and ports are those of the test.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2

from tests.cli.process import serving, tigrest
from tests.servers.certificates import Certificate
from tests.servers.debian import DOMAIN, DebianServer
from tests.servers.gateway import eventually
from tests.test_docs import Block, blocks

ROOT = Path(__file__).parent.parent.parent
GATEWAY = 8080
"""Port of the gateway on the pages."""


@dataclass
class Reader:
    """Follows the page of a server.

    Args:
        server: as it is installed.
        authority: who signed the certificate that there is for the domain, which is then the system's; ``None`` when the reader makes a
            certificate of his own, as the page shows.
        skips: beginnings of lines that he leaves out.
    """

    server: DebianServer
    authority: Certificate | None = None
    skips: tuple[str, ...] = ()
    said: dict[str, str] = field(default_factory=dict)
    """What commands of tigrest and curl printed, by line."""

    def __post_init__(self) -> None:
        self._running = ExitStack()
        self.base = ""
        self._checkout = self.server.folder / "checkout"
        (self._checkout / "etc").mkdir(parents=True)
        for file in (ROOT / "etc").iterdir():
            (self._checkout / "etc" / file.name).write_text(self.server.moved(file.read_text("utf-8")))
        if self.authority is not None:
            live = self.server.folder / "etc" / "letsencrypt" / "live" / DOMAIN
            live.mkdir(parents=True)
            for name, made in {"fullchain.pem": "server.crt", "privkey.pem": "server.key"}.items():
                (live / name).write_text((self.authority.folder / made).read_text())

    @contextmanager
    def following(self, until: str = "## What works") -> Iterator[Reader]:
        """Follow the page, up to a line of it; the gateway that the page starts runs until the end of the context."""
        last = (ROOT / "docs" / self.server.page).read_text("utf-8").partition(until)[0].count("\n")
        with self._running:
            for block in blocks(self.server.page):
                if block.line <= last and not self._is_for_others(block):
                    self._follow(block)
            yield self

    def _is_for_others(self, block: Block) -> bool:
        """Tell whether a block is for readers who have the other kind of certificate."""
        return (self.authority is None) == ("letsencrypt" in block.text) if re.search("letsencrypt|openssl", block.text) else False

    def _follow(self, block: Block) -> None:
        match block.language:
            case "diff":
                self.server.apply(self.server.moved(block.text))
            case "toml":
                text = block.text if self.authority else block.text.replace("# c2s_ca_file", "c2s_ca_file")
                self.config.parent.mkdir(parents=True, exist_ok=True)
                self.config.write_text(self.server.moved(text))
            case "lua" | "yaml":
                pass  # the file of etc/
            case "bash":
                for line in block.text.replace("\\\n", "").splitlines():
                    if not line.startswith(self.skips or ("#",)):
                        self._run(line)
            case language:
                raise AssertionError(f"{self.server.page}:{block.line}: what is to be done with {language}?")

    @property
    def config(self) -> Path:
        """Return the configuration of the gateway."""
        return self.server.folder / "etc" / "tigrest" / "config.toml"

    @property
    def variables(self) -> dict[str, str]:
        """Environment of the gateway: who is trusted by the system."""
        return {"SSL_CERT_FILE": self.authority.authority} if self.authority else {}

    def _run(self, line: str) -> None:
        match shlex.split(line):
            case ["apt" | "chown", *_]:
                pass
            case ["systemctl", "restart", _]:
                self.server.restart()
            case ["prosodyctl" | "ejabberdctl", *_] as words:
                words = [str(self._checkout) if word == "." else self.server.moved(word) for word in words]
                self.server.administer(words)
            case ["tigrest", "serve", "--config", file]:
                self.serve("--config", self.server.moved(file))
            case ["tigrest", *words]:
                words = [self.server.moved(word) for word in words]
                done = tigrest(*words, cwd=self.server.folder, **self.variables)
                self.said[line] = done.stdout + done.stderr
            case ["curl", *_]:
                self._curl(line)
            case _:
                self.shell(re.sub("-g (prosody|ejabberd) ", "", line))

    def serve(self, *options: str) -> None:
        """Run the gateway in the background.

        Args:
            options: of ``tigrest serve``; those of the pages when there are none.
        """
        arguments = options or ("--config", str(self.config))
        process, self.base = self._running.enter_context(serving(*arguments, cwd=self.server.folder, **self.variables))

        def end() -> None:
            process.terminate()
            assert process.wait(15) == 0

        self._running.callback(end)
        eventually(lambda: httpx2.get(f"{self.base}/health/ready", trust_env=False).status_code == 200)

    def shell(self, line: str, printed: str = "") -> None:
        """Run a line in the checkout, with the paths and ports of the test.

        Args:
            line: what to run.
            printed: as it stands on the page, where that is different.
        """
        done = subprocess.run(["bash", "-c", self.server.moved(line)], cwd=self._checkout, capture_output=True, text=True, check=False)
        self.said[printed or line] = done.stdout
        assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"

    def _curl(self, line: str) -> None:
        """Run a line of curl; what it gets must be a success."""
        assert f"http://127.0.0.1:{GATEWAY}/" in line
        self.shell(line.replace("curl ", "curl -sS --fail-with-body ", 1).replace(f"http://127.0.0.1:{GATEWAY}", self.base), line)
