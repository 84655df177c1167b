"""tigrest in front of Prosody and ejabberd, beside their own HTTP APIs, in one run.

Needs ``prosody``, ``prosody-modules``, ``ejabberd`` and ``wrk`` from Debian. mod_rest is measured too when ``PROSODY_MODULES_DIR``
names a folder that has it. Servers, gateway, load and receiver share this machine's cores: quote the ratios.

    python bench/servers.py [--seconds 4] [--rounds 3] [--json FILE] [--png FILE]
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.servers.ejabberd import Ejabberd  # noqa: E402
from tests.servers.process import SECRET, USERS, XmppServer, free_ports  # noqa: E402
from tests.servers.prosody import Prosody  # noqa: E402

CONNECTIONS = 32
TICKS = os.sysconf("SC_CLK_TCK")
MESSAGE = "<message to='bob@localhost' type='chat'><body>Hello there, this is a message of some length</body></message>"
PING = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
LOGIN = "Basic " + base64.b64encode(f"admin:{USERS['admin']}".encode()).decode()
ACTIVE = {"command": {"node": "http://jabber.org/protocol/admin#get-online-users-list", "fields": []}}


@dataclass
class Case:
    """One kind of request.

    Args:
        name: for the table.
        url: where to.
        method, body, headers: of the request.
        delivers: whether each request is a message to the receiver.
        pids: processes whose time counts, by name.
    """

    name: str
    url: str
    method: str = "GET"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    delivers: bool = False
    pids: dict[str, int] = field(default_factory=dict)


@dataclass
class Round:
    """What one round gave."""

    rate: float
    p99_ms: float
    delivered: int
    accepted: int
    cpu_us: dict[str, float]


def script(case: Case, folder: Path) -> Path:
    """The request as wrk wants it."""
    lines = [f'wrk.method = "{case.method}"', f"wrk.body = [[{case.body}]]"]
    lines += [f'wrk.headers["{name}"] = "{value}"' for name, value in case.headers.items()]
    path = folder / "case.lua"
    path.write_text("\n".join(lines))
    return path


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def load(case: Case, seconds: int, folder: Path, server: XmppServer) -> Round:
    """Load one case for some seconds; a refusal ends the run."""
    with receiver(server) if case.delivers else nobody() as counted:
        before = {name: cpu_seconds(pid) for name, pid in case.pids.items()}
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency", "-s", str(script(case, folder)), case.url]
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "Non-2xx" not in out, f"{case.name}: {out}"
        requests = int(re.findall(r"(\d+) requests in", out)[0])
        used = {name: (cpu_seconds(pid) - before[name]) / requests * 1e6 for name, pid in case.pids.items()}
    amount, unit = re.findall(r"99%\s+([\d.]+)(us|ms|s)", out)[0]
    p99 = float(amount) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]
    return Round(float(re.findall(r"Requests/sec:\s+([\d.]+)", out)[0]), p99, counted[0] if counted else 0, requests, used)


@contextmanager
def receiver(server: XmppServer) -> Iterator[list[int]]:
    """Count what bob gets meanwhile."""
    command = [sys.executable, str(ROOT / "bench" / "receiver.py"), "127.0.0.1", str(server.c2s), "bob", USERS["bob"], "localhost"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "online\n"
    counted: list[int] = []
    try:
        yield counted
    finally:
        process.send_signal(signal.SIGTERM)
        counted.append(int(process.stdout.read() or 0))
        process.wait(10)


@contextmanager
def nobody() -> Iterator[list[int]]:
    """Nobody receives."""
    yield []


@contextmanager
def gateway(server: XmppServer, folder: Path) -> Iterator[tuple[int, str]]:
    """tigrest in front of a server; gives its process id and base URL."""
    port = free_ports(1)[0]
    settings = {
        "XMPP__BACKEND": "component",
        "XMPP__SECRET": SECRET,
        "XMPP__PORT": str(server.component),
        "XMPP__C2S_PORT": str(server.c2s),
        "XMPP__C2S_TLS": "allow",
        "XMPP__SEND_AS": "user",
        "AUTH__API_KEYS": '[{name = "bench", key = "bench-key", paths = []}]',
    }
    environment = os.environ | {f"TIGREST__{key}": value for key, value in settings.items()} | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tigrest", "serve", "--port", str(port), "--no-access-log", "--log-level", "warning"]
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("tigrest: listening"), "tigrest does not start"
    time.sleep(1.0)
    try:
        yield process.pid, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(15)


def cases(name: str, base: str, pids: dict[str, int]) -> list[Case]:
    """What is asked of tigrest in front of a server."""
    keyed = {"Authorization": LOGIN, "Api-Key": "bench-key"}
    xml, as_json = keyed | {"Content-Type": "application/xml"}, keyed | {"Content-Type": "application/json"}
    return [
        Case(f"{name}: message", f"{base}/rest/stream", "POST", MESSAGE, xml, True, pids),
        Case(f"{name}: iq ping", f"{base}/rest/stream", "POST", PING, xml, False, pids),
        Case(f"{name}: ad-hoc", f"{base}/rest/adhoc/localhost", "POST", json.dumps(ACTIVE), as_json, False, pids),
        Case(f"{name}: status", f"{base}/rest/user/alice@localhost/status", "POST", '{"show": "xa"}', as_json, False, pids),
    ]


def peers(server: XmppServer, pids: dict[str, int]) -> list[Case]:
    """What is asked of a server's own HTTP API."""
    if isinstance(server, Ejabberd):
        typed, api = {"Content-Type": "application/json", "Authorization": LOGIN_FULL}, f"http://127.0.0.1:{server.http}/api"
        stanza = {"from": "http.localhost", "to": "bob@localhost", "stanza": MESSAGE}
        message = {"type": "chat", "from": "http.localhost", "to": "bob@localhost", "subject": "", "body": "Hello there"}
        return [
            Case("ejabberd's own: send_stanza", f"{api}/send_stanza", "POST", json.dumps(stanza), typed, True, pids),
            Case("ejabberd's own: send_message", f"{api}/send_message", "POST", json.dumps(message), typed, True, pids),
            Case("ejabberd's own: status", f"{api}/status", "POST", "{}", typed, False, pids),
        ]
    if not os.environ.get("PROSODY_MODULES_DIR"):
        return []
    headers = {"Content-Type": "application/xmpp+xml", "Authorization": LOGIN_FULL, "Host": "localhost"}
    url = f"http://127.0.0.1:{server.http}/rest"
    return [
        Case("mod_rest: message", url, "POST", MESSAGE, headers, True, pids),
        Case("mod_rest: iq ping", url, "POST", PING, headers, False, pids),
    ]


LOGIN_FULL = "Basic " + base64.b64encode(f"admin@localhost:{USERS['admin']}".encode()).decode()


def measure(kind: type[Prosody | Ejabberd], seconds: int, rounds: int, folder: Path) -> dict[str, list[Round]]:
    """Measure everything that needs one server, the cases taken in turn."""
    results: dict[str, list[Round]] = {}
    with ExitStack() as stack:
        modules = os.environ.get("PROSODY_MODULES_DIR", "") if kind is Prosody else ""
        server = kind(folder / kind.name, modules=modules)
        stack.callback(server.stop)
        server.start()
        assert server.process is not None
        pid, base = stack.enter_context(gateway(server, folder))
        ours = cases(f"tigrest on {kind.name}", base, {"tigrest": pid, kind.name: server.process.pid})
        theirs = peers(server, {kind.name: server.process.pid})
        for case in (*ours, *theirs):
            load(case, 1, folder, server)
        for number in range(rounds):
            for case in (*ours, *theirs):
                results.setdefault(case.name, []).append(load(case, seconds, folder, server))
            print(f"{kind.name}: round {number + 1} of {rounds}", file=sys.stderr)
    return results


def show(results: dict[str, list[Round]]) -> None:
    """Print the table and the ratios."""
    print(f"{'case':30} {'median/s':>9} {'min':>7} {'max':>7} {'p99 ms':>7} {'delivered':>10}  processor µs a request")
    for name, rounds in results.items():
        rates = [each.rate for each in rounds]
        delivered = sum(each.delivered for each in rounds)
        share = f"{delivered / sum(each.accepted for each in rounds):.1%}" if delivered else "-"
        cpu = {who: statistics.median(each.cpu_us[who] for each in rounds) for who in rounds[0].cpu_us}
        used = ", ".join(f"{who} {microseconds:.0f}" for who, microseconds in cpu.items())
        p99 = statistics.median(each.p99_ms for each in rounds)
        print(f"{name:30} {statistics.median(rates):9.0f} {min(rates):7.0f} {max(rates):7.0f} {p99:7.1f} {share:>10}  {used}")
    rate = {name: statistics.median(each.rate for each in rounds) for name, rounds in results.items()}
    for ours, theirs in (
        ("tigrest on ejabberd: message", "ejabberd's own: send_stanza"),
        ("tigrest on ejabberd: iq ping", "ejabberd's own: status"),
        ("tigrest on Prosody: message", "mod_rest: message"),
        ("tigrest on Prosody: iq ping", "mod_rest: iq ping"),
    ):
        if ours in rate and theirs in rate:
            print(f"{ours} / {theirs}: {rate[ours] / rate[theirs]:.2f}")


def draw(results: dict[str, list[Round]], path: Path) -> None:
    """Draw the rates, with minimum and maximum."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    names = list(results)[::-1]
    rates = [[each.rate for each in results[name]] for name in names]
    middle = [statistics.median(each) for each in rates]
    bars = [[m - min(each) for m, each in zip(middle, rates, strict=True)], [max(each) - m for m, each in zip(middle, rates, strict=True)]]
    figure, axes = pyplot.subplots(figsize=(9, 0.4 * len(names) + 1.2))
    axes.barh(names, middle, xerr=bars, color=["#4c78a8" if name.startswith("tigrest") else "#b0b0b0" for name in names])
    axes.set_xlabel("requests per second (median, minimum and maximum)")
    figure.tight_layout()
    figure.savefig(path, dpi=120)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=4, help="length of each round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each case, taken in turn; medians are printed")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    parser.add_argument("--png", type=Path, help="draw them here")
    arguments = parser.parse_args()
    results: dict[str, list[Round]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for kind in (Prosody, Ejabberd):
            results |= measure(kind, arguments.seconds, arguments.rounds, Path(folder))
    show(results)
    if arguments.json:
        numbers = {name: [vars(each) for each in rounds] for name, rounds in results.items()}
        arguments.json.write_text(json.dumps(numbers, indent=2))
    if arguments.png:
        draw(results, arguments.png)


if __name__ == "__main__":
    main()
