"""Start the program ``tigrest``: ``tigrest ctl`` at once, all other commands by typer, whose import alone takes longer than that."""

from __future__ import annotations

import os
import sys
import threading
from typing import NoReturn

LEAVE_SECONDS = 2.0
"""Seconds after which the process exits although worker threads still run: a script may hang in one."""


def main() -> NoReturn:
    """Run the command line and exit: 0 ok, 1 failed, 2 usage or bad configuration, 3 no XMPP server or database."""
    if sys.argv[1:2] == ["ctl"]:
        from tigrest.ctl.client import run_client

        sys.exit(run_client(sys.argv[2:]))
    from tigrest.cli.program import run_program

    code = run_program()
    leaving = threading.Timer(LEAVE_SECONDS, os._exit, [code])
    leaving.daemon = True
    leaving.start()
    sys.exit(code)
