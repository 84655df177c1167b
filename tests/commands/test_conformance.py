"""One conformance suite: every case over every frontend, on the embedded domain. On servers: ``tests/servers/test_conformance.py``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.commands.adhoc_client import Ask, ask_on_embedded
from tests.commands.cases import CASES, SCRIPT, Case
from tests.commands.frontends import AdHocFrontend, Ctl, Frontend, Http, HttpForm, HttpGet, listening_ctl
from tigrest.testing import ACCOUNTS, PASSWORD, TestGateway, serving


def frontends_of(gateway: TestGateway, passwords: Mapping[str, str]) -> dict[str, Frontend]:
    """Return all ways to call commands on the embedded domain.

    Args:
        gateway: which runs them.
        passwords: of its users.
    """

    def ask(caller: str) -> Ask:
        return ask_on_embedded(gateway, f"{caller}@localhost/phone" if caller else "eve@elsewhere.example/phone")

    return {frontend.name: frontend for frontend in (Http(gateway, passwords), HttpForm(gateway, passwords), AdHocFrontend(ask))}


FRONTENDS = (Http, HttpForm, HttpGet, AdHocFrontend, Ctl)
CALLS = [pytest.param(case, kind.name, id=f"{kind.name}: {case}") for case in CASES for kind in FRONTENDS if kind.has(case.call)]


@pytest.fixture(scope="module")
def frontends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Frontend]]:
    folder: Path = tmp_path_factory.mktemp("commands")
    (folder / "cases.py").write_text(SCRIPT)
    with serving(commands=[folder]) as gateway:
        assert gateway.gateway.table.problems == ()
        passwords = dict.fromkeys(ACCOUNTS, PASSWORD)
        with listening_ctl(gateway, folder) as ctl:
            yield frontends_of(gateway, passwords) | {"get": HttpGet(gateway, passwords), "ctl": ctl}


@pytest.mark.parametrize(("case", "frontend"), CALLS)
def test_every_frontend_gives_the_same(case: Case, frontend: str, frontends: dict[str, Frontend]) -> None:
    answer = frontends[frontend].call(case.call)
    expected = case.but.get(frontend, case.expected)
    assert answer.agrees(expected), f"{answer.shown}\nis not {expected}"
