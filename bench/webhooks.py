"""The receiver of a webhook is killed for a while under load from real clients, through a real Prosody: is anything lost?

Needs ``prosody`` and ``prosody-modules`` from Debian.

    python bench/webhooks.py [--outage 30] [--rate 50]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers.outage import receiver_killed  # noqa: E402
from tests.servers.prosody import Prosody  # noqa: E402


def main() -> None:
    """Run and print; 1 when something is missing or out of order."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outage", type=float, default=30.0, help="seconds without receiver")
    parser.add_argument("--rate", type=float, default=50.0, help="messages a second, of two senders")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        server = Prosody(folder / "prosody")
        try:
            server.start()
            report = receiver_killed(server, folder, arguments.outage, arguments.rate)
        finally:
            server.stop()
    print(f"sent             {report.sent} messages, {arguments.rate:g} a second")
    print(f"receiver gone    {arguments.outage:g} s; {report.stored} messages stored when it came back")
    print(f"received         {report.sent - len(report.missing)}, the last {report.recovery:.1f} s after it was back")
    print(f"lost             {len(report.missing)}")
    print(f"duplicates       {report.duplicates}, to be told by their webhook-id")
    print(f"order by sender  {'kept' if report.is_in_order else 'NOT KEPT'}")
    sys.exit(bool(report.missing) or not report.is_in_order)


if __name__ == "__main__":
    main()
