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


class NewerProsody(Prosody):
    """Prosody 13.

    Args:
        folder: only its name counts.
        options: as for :class:`~tests.servers.prosody.Prosody`.
    """

    trouble = staticmethod(trixie.trouble)

    def __init__(self, folder: Path, **options: str) -> None:
        inside = trixie.folder_inside(folder.name)
        super().__init__(inside, **with_files_inside(inside, options))

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration."""
        command, environment = super().command()
        return trixie.inside("/usr/bin/lua5.4", "/usr/bin/prosody", *command[1:]), environment


class NewerEjabberd(Ejabberd):
    """ejabberd 26, which has privileged iqs.

    Args:
        folder: only its name counts.
        options: as for :class:`~tests.servers.ejabberd.Ejabberd`.
    """

    trouble = staticmethod(trixie.trouble)
    privileged_iqs = True

    def __init__(self, folder: Path, **options: str) -> None:
        inside = trixie.folder_inside(folder.name)
        super().__init__(inside, **with_files_inside(inside, options))

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration. ``erl`` itself is a shell script that needs commands which are not there."""
        command, environment = super().command()
        [binaries] = (trixie.root() / "usr/lib/erlang").glob("erts-*/bin")
        place = {"ROOTDIR": "/usr/lib/erlang", "BINDIR": f"/usr/lib/erlang/{binaries.parent.name}/bin", "EMU": "beam", "PROGNAME": "erl"}
        return trixie.inside(f"{place['BINDIR']}/erlexec", *command[1:]), environment | place


def is_newer(server: XmppServer) -> bool:
    """Tell whether a server is of Debian 13 or newer."""
    return isinstance(server, NewerProsody | NewerEjabberd)
