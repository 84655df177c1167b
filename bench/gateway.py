"""tigrest as a process, on the embedded domain or in front of a server."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers.process import XmppServer, free_ports  # noqa: E402

__all__ = ["API_KEY", "ROOT", "Running", "free_ports", "gateway", "in_front_of"]

API_KEY = "bench-key"


@dataclass(frozen=True)
class Running:
    """A gateway that runs.

    Args:
        pid: of its process.
        base: scheme, host and port.
        seconds: from its start to its first answer.
    """

    pid: int
    base: str
    seconds: float


@contextmanager
def gateway(folder: Path, settings: dict[str, str] | None = None, *, access_log: bool = False) -> Iterator[Running]:
    """Run tigrest.

    Args:
        folder: its working directory.
        settings: ``SECTION__KEY`` to value, as in the environment.
        access_log: whether it logs every request, to ``access.log`` in the folder.
    """
    port = free_ports(1)[0]
    environment = os.environ | {f"TIGREST__{key}": value for key, value in (settings or {}).items()} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tigrest", "serve", "--port", str(port)]
    command += ["--access-log"] if access_log else ["--no-access-log", "--log-level", "warning"]
    began = time.perf_counter()
    log = (folder / "access.log").open("ab") if access_log else None
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=log)
    base = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{base}/rest/tested/test", timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "tigrest ended"
                assert time.perf_counter() - began < 30, "tigrest does not answer"
                time.sleep(0.005)
        yield Running(process.pid, base, time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)
        if log is not None:
            log.close()


def in_front_of(server: XmppServer) -> dict[str, str]:
    """Settings of a gateway that is the component of a server, and has an API key."""
    return {
        **server.settings(),
        "XMPP__SEND_AS": "user",
        "AUTH__API_KEYS": f'[{{name = "bench", key = "{API_KEY}", paths = []}}]',
    }
