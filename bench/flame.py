"""Where the gateway's time goes: a flame graph of it under load, as SVG.

Needs ``wrk``, ``py-spy`` (in the extra ``bench``), which may have to be run as root, and ejabberd or Prosody.

    python bench/flame.py FILE.svg [--seconds 10] [--native] [--server ejabberd]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

from gateway import gateway, in_front_of
from load import need_wrk, run_wrk
from servers import cases

from tests.servers.ejabberd import Ejabberd
from tests.servers.prosody import Prosody

RATE = 400
"""Looks a second."""


def main() -> None:
    """Load the gateway with pings and look at it meanwhile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="where to write")
    parser.add_argument("--seconds", type=int, default=10, help="how long")
    parser.add_argument("--native", action="store_true", help="show C functions too")
    parser.add_argument("--format", choices=["flamegraph", "raw"], default="flamegraph", help="SVG, or stacks with counts")
    parser.add_argument("--server", choices=["ejabberd", "Prosody"], default="ejabberd")
    parser.add_argument("--case", default="iq ping", help="which of the cases of servers.py")
    arguments = parser.parse_args()
    need_wrk()
    kind = {"ejabberd": Ejabberd, "Prosody": Prosody}[arguments.server]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = kind(folder / kind.name)
        stack.callback(server.stop)
        server.start()
        running = stack.enter_context(gateway(folder, in_front_of(server)))
        [case] = [case for case in cases("", running.base, {}) if case.name == f": {arguments.case}"]
        run_wrk(case, 1)
        command = ["py-spy", "record", "--pid", str(running.pid), "--output", str(arguments.file), "--format", arguments.format]
        command += ["--duration", str(arguments.seconds), "--rate", str(RATE), "--gil"]
        spy = subprocess.Popen([str(Path(sys.executable).parent / command[0]), *command[1:], *(["--native"] if arguments.native else [])])
        print(f"{run_wrk(case, arguments.seconds + 1).rate:.0f} requests/s meanwhile")
        sys.exit(spy.wait(60))


if __name__ == "__main__":
    main()
