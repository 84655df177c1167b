"""Loading and routing of many scripts: time and memory at 10, 100, 1,000 and 5,000.

python bench/scripts.py [--json FILE]
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import timeit
from pathlib import Path

from load import write_json

from tigrest.scripting.loader import Loader

SCRIPT = """
from tigrest import JID, Handler


class Orders{n}(Handler):
    \"\"\"Orders of a customer.\"\"\"

    regex = r"/orders{n}/([^/]+)"
    requiredRole = "user"

    async def exec_get(self, service, user, jid: JID):
        return {{"orders": []}}

    async def exec_post(self, service, user, content, jid: JID):
        return content
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, help="write all numbers here")
    arguments = parser.parse_args()
    numbers = []
    print(f"{'scripts':>8} {'load':>9} {'reload, one changed':>20} {'route':>9} {'memory':>9}")
    for count in (10, 100, 1000, 5000):
        with tempfile.TemporaryDirectory() as folder:
            for n in range(count):
                (Path(folder) / f"orders{n}.py").write_text(SCRIPT.format(n=n), encoding="utf-8")
            loader = Loader([Path(folder)])
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            began = timeit.default_timer()
            table = loader.load()
            loaded = timeit.default_timer() - began
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            assert len(table.routes) == count
            path = f"/rest/orders{count // 2}/alice@localhost"
            route = min(timeit.repeat(lambda table=table, path=path: table.match("GET", path), number=10_000, repeat=5)) / 10_000  # type: ignore[misc]
            (Path(folder) / "orders0.py").write_text(SCRIPT.format(n=0) + "\n", encoding="utf-8")
            began = timeit.default_timer()
            loader.load(table)
            again = timeit.default_timer() - began
            print(f"{count:8} {loaded:7.2f} s {again:18.2f} s {route * 1e6:6.2f} µs {grown:5.0f} MiB")
            numbers.append({"scripts": count, "load_s": loaded, "reload_s": again, "route_us": route * 1e6, "memory_mib": grown})
    write_json(arguments.json, {"scale": numbers})


if __name__ == "__main__":
    main()
