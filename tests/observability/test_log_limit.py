"""How often something is logged that happens any number of times."""

from __future__ import annotations

from tigrest.observability.log_limit import LogLimit


def test_one_line_in_a_while_tells_of_the_others() -> None:
    now = [0.0]
    limit = LogLimit(60.0, lambda: now[0])
    assert [limit.admit() for _ in range(4)] == [0, None, None, None]
    now[0] = 59.9
    assert limit.admit() is None
    now[0] = 60.0
    assert [limit.admit() for _ in range(2)] == [4, None]
