"""Certificates for the tests, made with openssl."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")


@dataclass(frozen=True)
class Certificate:
    """A certificate by an authority of its own.

    Args:
        folder: of ``server.crt``, ``server.key``, ``server.pem`` (both) and ``authority.crt``.
    """

    folder: Path

    def file(self, kind: str) -> str:
        """The file that a kind of server wants."""
        return str(self.folder / ("server.pem" if kind == "ejabberd" else "server.crt"))

    def trusted(self) -> ssl.SSLContext:
        """A context that trusts its authority and no other."""
        return ssl.create_default_context(cafile=str(self.folder / "authority.crt"))


def make_certificate(folder: Path, name: str) -> Certificate:
    """Make a certificate for a domain."""
    folder.mkdir(parents=True)
    _openssl(
        folder,
        *KEY,
        "-subj",
        "/CN=authority",
        "-addext",
        "keyUsage=critical,keyCertSign",
        "-keyout",
        "authority.key",
        "-out",
        "authority.crt",
    )
    names = ("-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}", "-addext", "basicConstraints=critical,CA:FALSE")
    _openssl(folder, *KEY, *names, "-CA", "authority.crt", "-CAkey", "authority.key", "-keyout", "server.key", "-out", "server.crt")
    (folder / "server.pem").write_text((folder / "server.crt").read_text() + (folder / "server.key").read_text())
    return Certificate(folder)


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", "req", "-x509", *arguments], cwd=folder, check=True, capture_output=True)
