"""tigrest in front of Prosody and ejabberd, beside their own HTTP APIs, in one run.

Needs ``prosody``, ``prosody-modules``, ``ejabberd`` and ``wrk`` from Debian. Prosody's mod_rest is measured beside the gateway where it
is found: in the folder that ``PROSODY_MODULES_DIR`` names, else in Debian's prosody-modules, of this Debian or of the newer one that the
tests extract (root only, see ``tests/servers/trixie.py``); then that one's Prosody is measured. Servers, gateway, load and receiver share
this machine's cores: quote the ratios.

A message that was accepted and did not arrive is a failure, not speed: then the exit status is 1.

    python bench/servers.py [--seconds 4] [--rounds 3] [--json FILE] [--png FILE]
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import statistics
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uvloop
from client import paced, peak
from gateway import API_KEY, gateway, in_front_of
from load import CONNECTIONS, Case, Round, middle, need_wrk, percentile, resident, run_wrk, write_json
from receiving import image, receiver, set_avatar

from tests.servers import trixie
from tests.servers.ejabberd import Ejabberd
from tests.servers.newer import NewerProsody
from tests.servers.process import USERS, XmppServer
from tests.servers.prosody import Prosody

MESSAGE = "<message to='bob@localhost' type='chat'><body>Hello there, this is a message of some length</body></message>"
PING = "<iq type='get' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>"
AS_JSON = {"kind": "message", "type": "chat", "to": "bob@localhost", "body": "Hello there, this is a message of some length"}
PING_AS_JSON = {"kind": "iq", "type": "get", "to": "localhost", "ping": True}
ACTIVE = {"command": {"node": "http://jabber.org/protocol/admin#get-online-users-list", "fields": []}}
LOGIN = "Basic " + base64.b64encode(f"admin:{USERS['admin']}".encode()).decode()
ROOM = "bench@rooms.localhost"


LOGIN_FULL = "Basic " + base64.b64encode(f"admin@localhost:{USERS['admin']}".encode()).decode()
DEBIAN_MODULES = Path("/usr/lib/prosody/modules")
"""Where Debian's prosody-modules are."""

OWNERS = 64
"""Users with avatars that are asked for in turn, so that none is in the cache when it comes to it again."""

AVATAR_BYTES = 4096
CACHE_BYTES = 32768
"""Of the gateway's cache: room for a few of them."""

PACE = 0.8
"""Share of the peak at which latency is measured."""

RATIOS = (
    ("tigrest on ejabberd: message", "ejabberd's own: send_stanza", 1.7),
    ("tigrest on ejabberd: iq ping", "ejabberd's own: status", 2.0),
    ("tigrest on Prosody: message", "mod_rest: message", None),
    ("tigrest on Prosody: iq ping", "mod_rest: iq ping", None),
    *((f"tigrest on {server}: message to a room", f"tigrest on {server}: message as JSON", 0.6) for server in ("Prosody", "ejabberd")),
    *(
        (f"tigrest on {server}: {what} as JSON", f"tigrest on {server}: {what}", None)
        for server in ("Prosody", "ejabberd")
        for what in ("message", "iq ping")
    ),
    *((f"tigrest on {server}: message, confirmed", f"tigrest on {server}: message", 0.7) for server in ("Prosody", "ejabberd")),
)
"""What is divided by what, and what we want it to be at least."""


@dataclass
class Paced:
    """A round at a fixed rate.

    Args:
        peak: answers per second just before, as fast as they came.
        rate: answers per second at the fixed rate.
        p50_ms, p99_ms: latencies, from when a request was due.
    """

    peak: float
    rate: float
    p50_ms: float
    p99_ms: float


@dataclass
class Measured:
    """What one server gave."""

    rounds: dict[str, list[Round]] = field(default_factory=dict)
    paced: dict[str, list[Paced]] = field(default_factory=dict)
    start_up_s: float = 0.0
    resident_mib: tuple[float, float] = (0.0, 0.0)


def cases(name: str, base: str, pids: dict[str, int]) -> list[Case]:
    """Return what is asked of tigrest in front of a server."""
    keyed = {"Authorization": LOGIN, "Api-Key": API_KEY}
    xml, as_json = keyed | {"Content-Type": "application/xml"}, keyed | {"Content-Type": "application/json"}
    owners = [f"/rest/avatar/owner{number}@localhost" for number in range(OWNERS)]
    return [
        Case(f"{name}: message", base, "/rest/stream", "POST", MESSAGE, xml, True, pids),
        Case(f"{name}: iq ping", base, "/rest/stream", "POST", PING, xml, False, pids),
        Case(f"{name}: message as JSON", base, "/rest", "POST", json.dumps(AS_JSON), as_json, True, pids),
        Case(f"{name}: message to a room", base, f"/rest/room/{ROOM}", "POST", json.dumps({"body": AS_JSON["body"]}), as_json, False, pids),
        Case(f"{name}: message, confirmed", base, "/rest/stream?confirm=server", "POST", MESSAGE, xml, True, pids),
        Case(f"{name}: iq ping as JSON", base, "/rest", "POST", json.dumps(PING_AS_JSON), as_json, False, pids),
        Case(f"{name}: ad-hoc", base, "/rest/adhoc/localhost", "POST", json.dumps(ACTIVE), as_json, False, pids),
        Case(f"{name}: status", base, "/rest/user/alice@localhost/status", "POST", '{"show": "xa"}', as_json, False, pids),
        Case(f"{name}: avatar, cached", base, "/rest/avatar/alice@localhost", pids=pids),
        Case(f"{name}: avatar, uncached", base, owners, pids=pids),
    ]


def peers(server: XmppServer, pids: dict[str, int]) -> list[Case]:
    """Return what is asked of a server's own HTTP API."""
    base = f"http://127.0.0.1:{server.http}"
    if isinstance(server, Ejabberd):
        typed = {"Content-Type": "application/json", "Authorization": LOGIN_FULL}
        stanza = {"from": "http.localhost", "to": "bob@localhost", "stanza": MESSAGE}
        message = {"type": "chat", "from": "http.localhost", "to": "bob@localhost", "subject": "", "body": AS_JSON["body"]}
        return [
            Case("ejabberd's own: send_stanza", base, "/api/send_stanza", "POST", json.dumps(stanza), typed, True, pids),
            Case("ejabberd's own: send_message", base, "/api/send_message", "POST", json.dumps(message), typed, True, pids),
            Case("ejabberd's own: status", base, "/api/status", "POST", "{}", typed, False, pids),
        ]
    if not server.options.get("modules"):
        print("mod_rest: left out, it was not found; name a folder that has it by PROSODY_MODULES_DIR, or run as root with mmdebstrap")
        return []
    headers = {"Content-Type": "application/xmpp+xml", "Authorization": login_of_mod_rest(base), "Host": "localhost"}
    return [
        Case("mod_rest: message", base, "/rest", "POST", MESSAGE, headers, True, pids),
        Case("mod_rest: iq ping", base, "/rest", "POST", PING, headers, False, pids),
    ]


def login_of_mod_rest(base: str) -> str:
    """Return the login that mod_rest takes: some versions want the local part as user name, others the address."""
    for login in (LOGIN, LOGIN_FULL):
        headers = {"Content-Type": "application/xmpp+xml", "Authorization": login, "Host": "localhost"}
        try:
            urllib.request.urlopen(urllib.request.Request(f"{base}/rest", PING.encode(), headers), timeout=10).close()
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 401:
                raise
        else:
            return login
    raise AssertionError("mod_rest takes neither the local part nor the address of an account as user name")


def prosody_with_mod_rest() -> tuple[type[Prosody], dict[str, str]]:
    """Return the Prosody to be measured, and its options: the one that has mod_rest, else the one that is installed."""
    if given := os.environ.get("PROSODY_MODULES_DIR"):
        return Prosody, {"modules": given}
    if Prosody.is_installed() and (DEBIAN_MODULES / "mod_rest").is_dir():
        return Prosody, {"modules": str(DEBIAN_MODULES)}
    trouble = trixie.trouble()
    if not trouble and (trixie.root() / DEBIAN_MODULES.relative_to("/") / "mod_rest").is_dir():
        return NewerProsody, {"modules": str(DEBIAN_MODULES)}
    print(f"mod_rest: {trouble or 'the newer Debian has none'}")
    return Prosody, {}


@contextmanager
def nobody() -> Iterator[list[int]]:
    """Nobody receives."""
    yield [0]


def load(case: Case, seconds: float, server: XmppServer) -> Round:
    """Load one case for some seconds, and count what arrives."""
    with receiver(server) if case.delivers else nobody() as counted:
        done = run_wrk(case, seconds)
    done.delivered = counted[0]
    return done


def load_paced(case: Case, seconds: float, server: XmppServer) -> Paced:
    """Load one case at a fixed rate: a share of the peak that the same client reaches just before."""
    with receiver(server) if case.delivers else nobody():
        most = uvloop.run(peak(case, 1.0, CONNECTIONS))
        achieved, latencies = uvloop.run(paced(case, PACE * most, seconds, CONNECTIONS))
    return Paced(most, achieved, percentile(latencies, 0.5), percentile(latencies, 0.99))


def is_served(case: Case) -> bool:
    """Return whether there is such a route; say so when there is none."""
    request = urllib.request.Request(case.base + case.paths[0], case.body.encode() or None, case.headers, method=case.method)
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 404 and case.path == "/rest":
            print(f"{case.name}: skipped, POST /rest is not served by this version")
            return False
        raise AssertionError(f"{case.name}: {error.code} {error.reason}") from None
    return True


def make_room(base: str) -> None:
    """Make the room that messages go to, without an archive: ejabberd's takes longer with each message."""
    name, _, service = ROOM.partition("@")
    headers = {"Content-Type": "application/json", "Authorization": LOGIN}
    body = json.dumps({"room": name, "service": service, "host": "localhost", "options": [{"name": "mam", "value": "false"}]}).encode()
    urllib.request.urlopen(urllib.request.Request(f"{base}/api/create_room_with_opts", body, headers), timeout=10).close()


def give_avatars(server: XmppServer) -> None:
    """Make the owners of avatars, and give them and alice one each."""
    set_avatar(server, "alice", USERS["alice"], image(OWNERS, AVATAR_BYTES))
    for number in range(OWNERS):
        server.add_user(f"owner{number}", "ownerpw")
        set_avatar(server, f"owner{number}", "ownerpw", image(number, AVATAR_BYTES))


def measure(kind: type[Prosody | Ejabberd], options: dict[str, str], seconds: float, rounds: int, folder: Path, only: str = "") -> Measured:
    """Measure everything that needs one server, the cases taken in turn."""
    measured = Measured()
    with ExitStack() as stack:
        server = kind(folder / kind.name, **options)
        stack.callback(server.stop)
        server.start()
        assert server.process is not None
        give_avatars(server)
        settings = in_front_of(server) | {"AVATARS__CACHE_BYTES": str(CACHE_BYTES)}
        running = stack.enter_context(gateway(folder, settings))
        make_room(running.base)
        pids = {"tigrest": running.pid, kind.name: server.process.pid}
        ours = [case for case in cases(f"tigrest on {kind.name}", running.base, pids) if is_served(case)]
        every = [case for case in [*ours, *peers(server, {kind.name: server.process.pid})] if only in case.name]
        idle = resident(running.pid)
        for case in every:
            load(case, 1, server)
        for number in range(rounds):
            for case in every:
                measured.rounds.setdefault(case.name, []).append(load(case, seconds, server))
            print(f"{kind.name}: round {number + 1} of {rounds}", file=sys.stderr)
        for _ in range(rounds):
            for case in () if only else ours[:2]:
                measured.paced.setdefault(case.name, []).append(load_paced(case, seconds, server))
        measured.start_up_s, measured.resident_mib = running.seconds, (idle, resident(running.pid))
    return measured


def show(results: dict[str, Measured]) -> bool:
    """Print tables and ratios; tell whether all that was accepted has arrived."""
    rounds = {name: given for measured in results.values() for name, given in measured.rounds.items()}
    well = True
    print(f"\n{'case':36} {'median/s':>9} {'min':>7} {'max':>7} {'p99 ms':>7} {'accepted':>9} {'delivered':>9}  processor µs a request")
    for name, given in rounds.items():
        rates = [each.rate for each in given]
        accepted, delivered = sum(each.accepted for each in given), sum(each.delivered for each in given)
        counts = f"{accepted:9} {delivered:9}" if delivered else f"{accepted:9} {'-':>9}"
        used = ", ".join(f"{who} {middle([each.cpu_us[who] for each in given]):.0f}" for who in given[0].cpu_us)
        p99 = middle([each.p99_ms for each in given])
        print(f"{name:36} {middle(rates):9.0f} {min(rates):7.0f} {max(rates):7.0f} {p99:7.1f} {counts}  {used}")
        if delivered and any(each.delivered < each.accepted for each in given):
            print(f"{name}: FAILED: {accepted} were accepted, {delivered} were delivered")
            well = False
    print(f"\n{f'at {PACE:.0%} of the peak':36} {'peak/s':>9} {'rate/s':>9} {'p50 ms':>7} {'p99 ms':>7} {'of rounds':>15}")
    for measured in results.values():
        for name, loads in measured.paced.items():
            most, rate, p50 = (middle([getattr(each, key) for each in loads]) for key in ("peak", "rate", "p50_ms"))
            slow = [each.p99_ms for each in loads]
            span = f"{min(slow):.1f}–{max(slow):.1f}"
            print(f"{name:36} {most:9.0f} {rate:9.0f} {p50:7.1f} {middle(slow):7.1f} {span:>15}")
    for name, measured in results.items():
        idle, busy = measured.resident_mib
        print(
            f"tigrest on {name}: start-up {measured.start_up_s:.2f} s; resident memory {idle:.0f} MiB idle, {busy:.0f} MiB after the load"
        )
    for ours, theirs, goal in RATIOS:
        if ours in rounds and theirs in rounds:
            wanted = f" (goal {goal})" if goal else ""
            print(f"{ours} / {theirs}: {ratio(rounds, ours, theirs):.2f}{wanted}; by processor time {by_time(rounds, ours, theirs):.2f}")
    return well


def ratio(rounds: dict[str, list[Round]], ours: str, theirs: str) -> float:
    """Return how many times as many requests per second, of medians."""
    return middle([each.rate for each in rounds[ours]]) / middle([each.rate for each in rounds[theirs]])


def by_time(rounds: dict[str, list[Round]], ours: str, theirs: str) -> float:
    """Return how many times as many requests a second of processor time, of gateway and server together, is enough for.

    What else runs on the machine changes this less than the rate.
    """
    return spent(rounds[theirs]) / spent(rounds[ours])


def spent(rounds: list[Round]) -> float:
    """Return the microseconds of processor time a request, of all processes behind it."""
    return middle([sum(each.cpu_us.values()) for each in rounds])


def draw(results: dict[str, Measured], path: Path) -> None:
    """Draw the rates, with minimum and maximum."""
    try:
        import matplotlib as mpl
    except ImportError:
        print("no picture: matplotlib is missing; pip install '.[bench]'")
        return
    mpl.use("Agg")
    from matplotlib import pyplot

    rounds = {name: [each.rate for each in given] for measured in results.values() for name, given in measured.rounds.items()}
    names = list(rounds)[::-1]
    medians = [statistics.median(rounds[name]) for name in names]
    below = [median - min(rounds[name]) for median, name in zip(medians, names, strict=True)]
    above = [max(rounds[name]) - median for median, name in zip(medians, names, strict=True)]
    figure, axes = pyplot.subplots(figsize=(9, 0.32 * len(names) + 1.2))
    colours = ["#4c78a8" if name.startswith("tigrest") else "#b0b0b0" for name in names]
    axes.barh(names, medians, xerr=[below, above], color=colours, error_kw={"elinewidth": 1, "capsize": 2})
    axes.set_xlabel("requests per second (median; lines from minimum to maximum)")
    axes.margins(y=0.01)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4, help="length of each round")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each case, taken in turn; medians are printed")
    parser.add_argument("--only", default="", help="only the cases whose names contain this, and no latencies")
    parser.add_argument("--json", type=Path, help="write all numbers here")
    parser.add_argument("--png", type=Path, help="draw them here")
    arguments = parser.parse_args()
    need_wrk()
    results: dict[str, Measured] = {}
    with tempfile.TemporaryDirectory() as folder:
        kinds: tuple[tuple[type[Prosody | Ejabberd], dict[str, str]], ...] = (prosody_with_mod_rest(), (Ejabberd, {}))
        for kind, options in kinds:
            if trouble := kind.trouble():
                print(f"{kind.name} is left out: {trouble}")
            else:
                results[kind.name] = measure(kind, options, arguments.seconds, arguments.rounds, Path(folder), arguments.only)
    well = show(results)
    numbers = {
        name: {
            "rounds": {case: [vars(each) for each in given] for case, given in measured.rounds.items()},
            "paced": {case: [vars(each) for each in given] for case, given in measured.paced.items()},
            "start_up_s": measured.start_up_s,
            "resident_mib": measured.resident_mib,
        }
        for name, measured in results.items()
    }
    write_json(arguments.json, {"servers": numbers})
    if arguments.png:
        draw(results, arguments.png)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
