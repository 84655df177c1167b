"""Requests to the HTTP API of a Tigase 8.4, and how it answered them: ``tigase_recorded.jsonl``, one request a line.

Two answers are told instead of kept: the page at ``/rest/`` and the statistics, which have hundreds of lines.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.servers.process import DOMAIN

FILE = Path(__file__).with_suffix(".jsonl")

RECORDED_DOMAIN = "example.com"


@dataclass(frozen=True)
class Recorded:
    """A request, and Tigase's answer.

    Args:
        name: what is tried.
        guide: section of the guide that has the request; empty where it has none.
        method, path, headers, body: of the request; ``{t}`` stands for a word that is new each time.
        status: of the answer; ``None`` where none came within 35 s.
        media_type: of the answer; empty when it told none.
        answer: its body.
    """

    name: str
    guide: str
    method: str
    path: str
    headers: dict[str, str]
    body: str
    status: int | None
    media_type: str
    answer: str


@cache
def recorded() -> dict[str, Recorded]:
    """Return all of them by name, in the order in which they were sent, for the domain of the tests."""
    lines = FILE.read_text("utf-8").replace(RECORDED_DOMAIN, DOMAIN).splitlines()
    requests = [Recorded(**json.loads(line)) for line in lines]
    return {request.name: request for request in requests}
