"""Requests per second of handlers beside a bare uvicorn, start-up time and memory, in one run.

Needs ``wrk`` (Debian: ``apt-get install wrk``). Servers and load are on this machine and share its cores, so quote the ratios.

    python bench/handlers.py [--seconds 3] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

BENCH = Path(__file__).parent
CONNECTIONS = 32


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(command: list[str], port: int, cwd: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Run a server until it has been used; gives it and the seconds until its first answer."""
    began = time.perf_counter()
    server = subprocess.Popen(command, cwd=cwd, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/rest/tested/test", timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, f"{command} ended"
                assert time.perf_counter() - began < 30, f"{command} does not answer"
                time.sleep(0.005)
        yield server, time.perf_counter() - began
    finally:
        server.terminate()
        server.wait(15)


def resident(pid: int) -> float:
    """Resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def load(url: str, seconds: int) -> float:
    """Requests per second that a URL answers under load; errors end the run."""
    done = subprocess.run(["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", url], capture_output=True, text=True, check=True)
    assert "Non-2xx" not in done.stdout, done.stdout
    return float(re.findall(r"Requests/sec:\s+([\d.]+)", done.stdout)[0])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=3, help="length of each round")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each case, taken in turn; medians are printed")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; first run: apt-get install wrk")
    bare, ours = free_port(), free_port()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stack.enter_context(process([sys.executable, str(BENCH / "bare.py"), str(bare)], bare, folder))
        command = [sys.executable, "-m", "tigrest", "serve", "--port", str(ours), "--no-access-log", "--log-level", "warning"]
        server, first_start = stack.enter_context(process(command, ours, folder))
        idle = resident(server.pid)
        cases = {
            "bare uvicorn hello": f"http://127.0.0.1:{bare}/",
            "GET /rest/tested/test": f"http://127.0.0.1:{ours}/rest/tested/test",
            "GET /rest/tested/test, JSON": f"http://127.0.0.1:{ours}/rest/tested/test?type=json",
            "GET /rest/avatar, cached": f"http://127.0.0.1:{ours}/rest/avatar/alice@localhost",
        }
        rates: dict[str, list[float]] = {name: [] for name in cases}
        for url in cases.values():
            load(url, 1)
        for number in range(arguments.rounds):
            for name, url in cases.items():
                rates[name].append(load(url, arguments.seconds))
            print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr)
        busy = resident(server.pid)
    again = free_port()
    with tempfile.TemporaryDirectory() as empty:
        command = [sys.executable, "-m", "tigrest", "serve", "--port", str(again), "--no-access-log", "--log-level", "warning"]
        with process(command, again, Path(empty)):
            pass
        with process(command, again, Path(empty)) as (_, second_start):
            pass
    ceiling = statistics.median(rates["bare uvicorn hello"])
    print(f"{'case':30} {'median/s':>9} {'min':>7} {'max':>7} {'of bare':>8}")
    for name, values in rates.items():
        middle = statistics.median(values)
        print(f"{name:30} {middle:9.0f} {min(values):7.0f} {max(values):7.0f} {middle / ceiling:8.0%}")
    print(f"start-up to the first answer: {first_start:.2f} s with a new database, {second_start:.2f} s after that")
    print(f"resident memory: {idle:.0f} MiB idle, {busy:.0f} MiB after the load")
    print(json.dumps({"rates": rates, "first_start": first_start, "second_start": second_start, "idle_mib": idle, "busy_mib": busy}))


if __name__ == "__main__":
    main()
