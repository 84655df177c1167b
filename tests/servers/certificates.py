"""Certificates for the tests, made with openssl."""

from __future__ import annotations

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True)
class Certificate:
    """A certificate by an authority of its own.

    Args:
        folder: of ``server.crt``, ``server.key``, ``server.pem`` (both) and ``authority.crt``.
    """

    folder: Path

    def file(self, kind: str) -> str:
        """Return the file that a kind of server wants."""
        return str(self.folder / ("server.pem" if kind.startswith("ejabberd") else "server.crt"))

    @property
    def authority(self) -> str:
        """Return the file that ``SSL_CERT_FILE`` names, so that it is trusted."""
        return str(self.folder / "authority.crt")

    def trusted(self) -> ssl.SSLContext:
        """Return a context that trusts its authority and no other."""
        return ssl.create_default_context(cafile=self.authority)


def make_certificate(folder: Path, name: str, days: int = 2) -> Certificate:
    """Make a certificate for a domain, signed by a new authority.

    Args:
        folder: where to; it is made.
        name: the domain.
        days: how long it is valid from now; negative when it has expired.
    """
    folder.mkdir(parents=True)
    signs = ("-addext", "keyUsage=critical,keyCertSign", "-keyout", "authority.key", "-out", "authority.crt")
    _openssl(folder, "req", "-x509", "-days", "2", *KEY, "-subj", "/CN=authority", *signs)
    _openssl(folder, "req", "-new", *KEY, "-subj", f"/CN={name}", "-keyout", "server.key", "-out", "server.csr")
    (folder / "extensions").write_text(f"subjectAltName=DNS:{name}\nbasicConstraints=critical,CA:FALSE\n")
    authority = ("-CA", "authority.crt", "-CAkey", "authority.key", "-CAcreateserial", "-days", str(days))
    _openssl(folder, "x509", "-req", "-in", "server.csr", *authority, "-extfile", "extensions", "-out", "server.crt")
    (folder / "server.pem").write_text((folder / "server.crt").read_text() + (folder / "server.key").read_text())
    return Certificate(folder)


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
