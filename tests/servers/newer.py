"""Prosody and ejabberd of Debian 13's backports, with the configuration of those of Debian 12: :mod:`tests.servers.trixie`."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.servers import trixie
from tests.servers.ejabberd import Ejabberd
from tests.servers.process import XmppServer
from tests.servers.prosody import Prosody


def with_files_inside(folder: Path, options: dict[str, str]) -> dict[str, str]:
    """Copy what an option names to where the server can read it; return the options as they are then.

    Args:
        folder: of the server.
        options: of the server; ``tls`` is the file of a certificate.
    """
    if "tls" not in options:
        return options
    certificate = Path(options["tls"])
    for file in certificate.parent.glob(f"{certificate.stem}.*"):
        shutil.copy(file, folder)
    return options | {"tls": str(folder / certificate.name)}


def in_lua(command: list[str]) -> list[str]:
    """Return the command that runs Prosody's there: ``env``, by which it names its interpreter, is not."""
    return trixie.inside("/usr/bin/lua5.4", f"/usr/bin/{command[0]}", *command[1:])


def in_erlang(command: list[str], environment: dict[str, str]) -> tuple[list[str], dict[str, str]]:
    """Return command and environment that run ``erl`` there: itself a shell script, which needs commands that are not."""
    [binaries] = (trixie.root() / "usr/lib/erlang").glob("erts-*/bin")
    place = {"ROOTDIR": "/usr/lib/erlang", "BINDIR": f"/usr/lib/erlang/{binaries.parent.name}/bin", "EMU": "beam", "PROGNAME": "erl"}
    return trixie.inside(f"{place['BINDIR']}/erlexec", *command[1:]), environment | place


class Newer(XmppServer):
    """A server of Debian 13's backports.

    Args:
        folder: only its name counts.
        options: as for the one of Debian 12.
    """

    trouble = staticmethod(trixie.trouble)

    def __init__(self, folder: Path, **options: str) -> None:
        inside = trixie.folder_inside(folder.name)
        super().__init__(inside, **with_files_inside(inside, options))


class NewerProsody(Newer, Prosody):
    """Prosody 13."""

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration."""
        command, environment = super().command()
        return in_lua(command), environment


class NewerEjabberd(Newer, Ejabberd):
    """ejabberd 26, which has privileged iqs."""

    privileged_iqs = True

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration."""
        command, environment = super().command()
        return in_erlang(command, environment)


def is_newer(server: XmppServer) -> bool:
    """Tell whether a server is of Debian 13 or newer."""
    return isinstance(server, Newer)
