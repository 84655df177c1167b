"""nginx, from Debian's package, in front of a gateway: with the site of ``etc/``, or with what a page shows."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.servers.certificates import make_certificate
from tests.servers.process import free_ports

HOST = "rest.example.com"

PROGRAM = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@dataclass(frozen=True)
class Proxy:
    """A running nginx.

    Args:
        http, https: its ports.
        authority: file of the authority of its certificate, which is for :data:`HOST`.
        folder: of its logs.
    """

    http: int
    https: int
    authority: str
    folder: Path

    def curl(self, path: str, *options: str, seconds: float = 20.0) -> str:
        """Run curl on a path; give what it prints. It verifies the certificate, and connects to the loopback.

        Args:
            path: of the URL.
            options: of curl.
            seconds: after which it has to be done.
        """
        command = ["curl", "-s", "-S", "--cacert", self.authority, "--resolve", f"{HOST}:{self.https}:127.0.0.1", *options]
        done = subprocess.run(
            [*command, f"https://{HOST}:{self.https}{path}"], capture_output=True, text=True, timeout=seconds, check=False
        )
        return done.stdout + done.stderr


def connections(port: int) -> list[str]:
    """Return the states of the connections to a port of the loopback, seen from the side that opened them. proc(5)"""
    wanted = f"0100007F:{port:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return [{"01": "open", "06": "closed"}.get(row[3], row[3]) for row in rows if row[2] == wanted]


@contextmanager
def nginx(site: str, gateway: int, folder: Path) -> Iterator[Proxy]:
    """Run nginx with a site, whose ports, files and user are those of the test.

    Args:
        site: what goes into the block ``http``.
        gateway: port of the gateway.
        folder: for its files.
    """
    if PROGRAM is None:
        assert "CI" not in os.environ, "nginx is not installed; tests/servers/install.sh does that"
        pytest.skip("nginx is not installed; as root: apt-get install nginx-light")
    certificate = make_certificate(folder / "certificate", HOST)
    http, https = free_ports(2)
    for name, file in {"fullchain.pem": "server.crt", "privkey.pem": "server.key"}.items():
        shutil.copy(certificate.folder / file, folder / name)
    site = site.replace(f"/etc/letsencrypt/live/{HOST}", str(folder)).replace("/var/log/nginx", str(folder))
    assert "127.0.0.1:8080" in site
    site = re.sub(r"(?m)^ *listen \[::\]:.*\n", "", site.replace("127.0.0.1:8080", f"127.0.0.1:{gateway}"))
    site = site.replace("listen 80;", f"listen 127.0.0.1:{http};").replace("listen 443 ", f"listen 127.0.0.1:{https} ")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}} http {{ access_log {folder}/access.log; {paths}\n{site}\n}}"
    )
    with (folder / "nginx.out").open("w") as out:
        process = subprocess.Popen([PROGRAM, "-p", str(folder), "-c", str(folder / "nginx.conf")], stderr=out)
    try:
        end = time.monotonic() + 20
        while True:
            assert process.poll() is None, (folder / "nginx.out").read_text()
            try:
                socket.create_connection(("127.0.0.1", https), 1).close()
                break
            except OSError:
                assert time.monotonic() < end
                time.sleep(0.02)
        yield Proxy(http, https, certificate.authority, folder)
    finally:
        process.terminate()
        process.wait(10)
    assert "[warn]" not in (folder / "nginx.out").read_text()
