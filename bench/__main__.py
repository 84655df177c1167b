"""All measurements one after the other: tables on the terminal, numbers and a picture in ``bench/results/``. About eight minutes.

python bench [--quick] [--only PART]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from load import middle

BENCH = Path(__file__).parent
RESULTS = BENCH / "results"

PARTS: dict[str, tuple[list[str], list[str]]] = {
    "inside": ([], ["--requests", "3000", "--rounds", "1"]),
    "handlers": (["--seconds", "2", "--rounds", "5"], ["--seconds", "1", "--rounds", "1"]),
    "scripts": ([], []),
    "servers": (["--seconds", "2", "--rounds", "3", "--png", str(RESULTS / "servers.png")], ["--seconds", "1", "--rounds", "1"]),
    "flood": (["--seconds", "10"], ["--seconds", "2", "--connections", "500"]),
}
"""Each with its options, and those of a quick look."""

BARE = "bare uvicorn hello"
GOALS = (
    ("message / ejabberd's send_stanza", "servers", "tigrest on ejabberd: message", "ejabberd's own: send_stanza", 1.7),
    ("iq ping / ejabberd's status", "servers", "tigrest on ejabberd: iq ping", "ejabberd's own: status", 2.0),
    ("message / mod_rest's", "servers", "tigrest on Prosody: message", "mod_rest: message", None),
    ("iq ping / mod_rest's", "servers", "tigrest on Prosody: iq ping", "mod_rest: iq ping", None),
    ("message as JSON / as XML, Prosody", "servers", "tigrest on Prosody: message as JSON", "tigrest on Prosody: message", None),
    ("message as JSON / as XML, ejabberd", "servers", "tigrest on ejabberd: message as JSON", "tigrest on ejabberd: message", None),
    ("message, confirmed / not, Prosody", "servers", "tigrest on Prosody: message, confirmed", "tigrest on Prosody: message", 0.7),
    ("message, confirmed / not, ejabberd", "servers", "tigrest on ejabberd: message, confirmed", "tigrest on ejabberd: message", 0.7),
    ("cached avatar / bare uvicorn", "handlers", "avatar, cached", BARE, 0.6),
    ("script's dict as JSON / bare uvicorn", "handlers", "script's dict as JSON", BARE, 0.6),
    ("script's dict as XML / bare uvicorn", "handlers", "script's dict as XML", BARE, 0.6),
)
"""What is to be how many times as fast as what."""

PACED_P99_MS = 20.0
FLOOD_P99_MS = 250.0


def read(part: str) -> dict[str, Any]:
    """Return the numbers of a part; empty when it gave none."""
    file = RESULTS / f"{part}.json"
    return dict(json.loads(file.read_text())) if file.exists() else {}


def rates() -> dict[str, dict[str, float]]:
    """Medians of requests per second, by part and case."""
    servers = [measured["rounds"] for measured in read("servers").get("servers", {}).values()]
    rounds = {"handlers": read("handlers").get("rounds", {}), "servers": {name: each for given in servers for name, each in given.items()}}
    return {part: {name: middle([each["rate"] for each in given]) for name, given in cases.items()} for part, cases in rounds.items()}


def verdict(is_met: bool, goal: str) -> str:
    """In words."""
    return f"goal {goal}: {'met' if is_met else 'MISSED'}"


def summary() -> None:
    """Print the ratios and latencies that matter, beside what we want them to be."""
    known = rates()
    print("\nratios, of medians of requests per second")
    for name, part, ours, theirs, goal in GOALS:
        if ours in known[part] and theirs in known[part]:
            ratio = known[part][ours] / known[part][theirs]
            print(f"  {name:42} {ratio:7.2f}  {verdict(ratio >= goal, f'{goal}') if goal else ''}")
    print("99 % are faster than")
    for measured in read("servers").get("servers", {}).values():
        for name, given in measured["paced"].items():
            p99 = middle([each["p99_ms"] for each in given])
            print(f"  {name + ', 80 % of peak':42} {p99:5.0f} ms  {verdict(p99 < PACED_P99_MS, f'{PACED_P99_MS:.0f} ms')}")
    for name, given in read("flood").get("floods", {}).items():
        p99 = given["p50_p99_max_ms"]["accepted"][1]
        print(f"  {'flood, ' + name + ' connections':42} {p99:5.0f} ms  {verdict(p99 < FLOOD_P99_MS, f'{FLOOD_P99_MS:.0f} ms')}")


def main() -> None:
    """Run the parts; the exit status is 1 when one of them failed."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a minute or two, to see that it works; the numbers mean little")
    parser.add_argument("--only", choices=list(PARTS), nargs="+", default=list(PARTS), help="only these parts")
    arguments = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    environment = os.environ | {"PYTHONPATH": str(BENCH.parent)}
    failed, began = [], time.monotonic()
    for part in arguments.only:
        file = RESULTS / f"{part}.json"
        file.unlink(missing_ok=True)
        options = PARTS[part][1 if arguments.quick else 0]
        print(f"\n== {part} ==", flush=True)
        done = subprocess.run([sys.executable, str(BENCH / f"{part}.py"), *options, "--json", str(file)], env=environment, check=False)
        if done.returncode:
            failed.append(part)
    summary()
    written = ", ".join(sorted(path.name for path in RESULTS.iterdir()))
    print(f"\n{time.monotonic() - began:.0f} s; in {RESULTS}: {written}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
