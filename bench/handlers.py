"""Requests per second of handlers beside a bare uvicorn, start-up time and memory, in one run.

Needs ``wrk`` (Debian: ``apt-get install wrk``). Servers and load are on this machine and share its cores, so quote the ratios.

    python bench/handlers.py [--seconds 3] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from gateway import free_ports, gateway
from load import Case, Round, need_wrk, resident, run_wrk, write_json

BARE = "bare uvicorn hello"

SCRIPT = """
from tigrest import Handler


class Device(Handler):
    regex = "/device"

    async def exec_get(self):
        return {
            "device": {
                "jid": "alice@localhost/phone",
                "name": "Phone & charger",
                "priority": 5,
                "away": False,
                "since": "2026-01-31T12:00:00Z",
                "tags": ["mobile", "work", "on call"],
            }
        }
"""


@contextmanager
def bare_uvicorn() -> Iterator[str]:
    """Run the ceiling; gives its base URL."""
    port = free_ports(1)[0]
    base = f"http://127.0.0.1:{port}"
    process = subprocess.Popen([sys.executable, str(Path(__file__).parent / "bare.py"), str(port)])
    try:
        end = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(base, timeout=5).close()
                break
            except OSError:
                assert process.poll() is None, "uvicorn ended"
                assert time.monotonic() < end, "uvicorn does not answer"
                time.sleep(0.01)
        yield base
    finally:
        process.terminate()
        process.wait(15)


def start_up() -> tuple[float, float]:
    """Seconds until the first answer, with a new database and with the same again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with gateway(folder) as first:
            pass
        with gateway(folder) as second:
            pass
    return first.seconds, second.seconds


def show(rounds: dict[str, list[Round]]) -> None:
    """Print the table."""
    ceiling = statistics.median(each.rate for each in rounds[BARE])
    print(f"{'case':32} {'median/s':>9} {'min':>7} {'max':>7} {'of bare':>8} {'p99 ms':>7}")
    for name, given in rounds.items():
        rates = [each.rate for each in given]
        median, p99 = statistics.median(rates), statistics.median(each.p99_ms for each in given)
        print(f"{name:32} {median:9.0f} {min(rates):7.0f} {max(rates):7.0f} {median / ceiling:8.0%} {p99:7.1f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3, help="length of each round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case, taken in turn; medians are printed")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    arguments = parser.parse_args()
    need_wrk()
    with ExitStack() as stack:
        folders = [Path(stack.enter_context(tempfile.TemporaryDirectory())) for _ in range(2)]
        for folder in folders:
            script = folder / "scripts" / "rest" / "bench" / "device.py"
            script.parent.mkdir(parents=True)
            script.write_text(SCRIPT)
        bare = stack.enter_context(bare_uvicorn())
        running = stack.enter_context(gateway(folders[0]))
        logging = stack.enter_context(gateway(folders[1], access_log=True))
        idle = resident(running.pid)
        cases = [
            Case(BARE, bare, "/"),
            Case("GET /rest/tested/test", running.base, "/rest/tested/test"),
            Case("the same, with access log", logging.base, "/rest/tested/test"),
            Case("script's dict as JSON", running.base, "/rest/bench/device?type=json"),
            Case("script's dict as XML", running.base, "/rest/bench/device"),
            Case("avatar, cached", running.base, "/rest/avatar/alice@localhost"),
        ]
        rounds: dict[str, list[Round]] = {}
        for case in cases:
            run_wrk(case, 1)
        for number in range(arguments.rounds):
            for case in cases:
                rounds.setdefault(case.name, []).append(run_wrk(case, arguments.seconds))
            print(f"handlers: round {number + 1} of {arguments.rounds}", file=sys.stderr)
        busy = resident(running.pid)
    first, second = start_up()
    show(rounds)
    print(f"start-up to the first answer: {first:.2f} s with a new database, {second:.2f} s after that")
    print(f"resident memory: {idle:.0f} MiB idle, {busy:.0f} MiB after the load")
    numbers = {name: [vars(each) for each in given] for name, given in rounds.items()}
    write_json(arguments.json, {"rounds": numbers, "start_up_s": [first, second], "resident_mib": [idle, busy]})


if __name__ == "__main__":
    main()
