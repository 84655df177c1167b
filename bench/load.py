"""Load by wrk, and what it cost: requests per second, latency, processor time and memory of the processes behind it."""

from __future__ import annotations

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

CONNECTIONS = 32
TICKS = os.sysconf("SC_CLK_TCK")
MILLISECONDS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60000.0}


@dataclass
class Case:
    """One kind of request.

    Args:
        name: for the table.
        base: scheme, host and port.
        path: where to; of several, each request takes the next.
        method, body, headers: of the request.
        delivers: whether each request is a message to the receiver.
        pids: processes whose time counts, by name.
    """

    name: str
    base: str
    path: str | list[str]
    method: str = "GET"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delivers: bool = False
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """All paths."""
        return [self.path] if isinstance(self.path, str) else self.path

    def lua(self) -> str:
        """Return the request as wrk wants it."""
        lines = [f'wrk.method = "{self.method}"', f"wrk.body = [[{self.body}]]" if self.body else ""]
        lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in self.headers.items()]
        if len(self.paths) > 1:
            lines.append(f"local paths, n = {{ {', '.join(json.dumps(path) for path in self.paths)} }}, 0")
            lines.append("request = function() n = n % #paths + 1; return wrk.format(nil, paths[n]) end")
        return "\n".join(lines)

    def raw(self) -> bytes:
        """Return the request as bytes, to the first path."""
        lines = [f"{self.method} {self.paths[0]} HTTP/1.1", f"Host: {self.base.removeprefix('http://')}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items() if name != "Host"]
        if self.body:
            lines.append(f"Content-Length: {len(self.body.encode())}")
        return ("\r\n".join(lines) + "\r\n\r\n" + self.body).encode()


@dataclass
class Round:
    """What one round gave.

    Args:
        rate: answers per second.
        p50_ms, p99_ms: of their latencies.
        accepted: how many.
        cpu_us: microseconds of processor time a request, by process.
        delivered: how many messages the receiver got.
    """

    rate: float
    p50_ms: float
    p99_ms: float
    accepted: int
    cpu_us: dict[str, float]
    delivered: int = 0


def need_wrk() -> None:
    """End with a word of advice when there is no wrk."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is missing; first run: sudo apt-get install wrk")


def run_wrk(case: Case, seconds: float) -> Round:
    """Load one case for some seconds; an answer that is none of 2xx and 3xx, or none at all, ends the run."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(case.lua())
        script.flush()
        before = {name: cpu_seconds(pid) for name, pid in case.pids.items()}
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds:g}s", "--latency", "-s", script.name, case.base + case.paths[0]]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in out, f"{case.name}: {out}"
    assert "Socket errors" not in out, f"{case.name}: {out}"
    requests = int(re.findall(r"(\d+) requests in", out)[0])
    used = {name: (cpu_seconds(pid) - before[name]) / max(1, requests) * 1e6 for name, pid in case.pids.items()}
    rate = float(re.findall(r"Requests/sec:\s+([\d.]+)", out)[0])
    return Round(rate, _percentile(out, 50), _percentile(out, 99), requests, used)


def _percentile(out: str, percent: int) -> float:
    amount, unit = re.findall(rf"{percent}%\s+([\d.]+)(us|ms|s|m)", out)[0]
    return float(amount) * MILLISECONDS[unit]


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """Resident memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def percentile(values: list[float], share: float) -> float:
    """Return the value below which a share of them lies; 0 when there are none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else 0.0


def middle(values: list[float]) -> float:
    """Their median; 0 when there are none."""
    return statistics.median(values) if values else 0.0


def machine() -> dict[str, object]:
    """Return what it was measured on."""
    model = re.findall(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processors": os.cpu_count(),
        "model": model[0] if model else "unknown",
        "python": sys.version.split()[0],
    }


def write_json(path: Path | None, numbers: dict[str, object]) -> None:
    """Write numbers, and what they were measured on, if a file is given."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine(), **numbers}, indent=2) + "\n")
