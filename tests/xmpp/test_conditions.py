"""The one table of error conditions: what stands in it, and what a caller over HTTP gets for each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tigrest import errors
from tigrest.errors import StanzaError
from tigrest.http.statuses import status_of
from tigrest.testing import serving
from tigrest.xmpp.conditions import CONDITIONS, ERROR_TYPES, ERRORS_BY_STATUS, EXCEPTIONS

OURS = {401, 405, 407, 503}
"""Statuses that say something about the gateway, or that need a header of its own: none that a remote entity can cause."""

ANSWERS = [
    ("not-authorized", 403),
    ("forbidden", 403),
    ("not-allowed", 403),
    ("policy-violation", 403),
    ("registration-required", 403),
    ("subscription-required", 403),
    ("service-unavailable", 404),
    ("redirect", 404),
    ("remote-server-timeout", 504),
]


def test_every_condition_of_the_rfc_is_there_in_order() -> None:
    assert len(CONDITIONS) == 22 + 1  # RFC 6120 §8.3.3.1 to 22, and payment-required of RFC 3920
    assert list(CONDITIONS) == sorted(CONDITIONS)
    assert {condition.type for condition in CONDITIONS.values()} <= set(ERROR_TYPES)


def test_a_remote_entity_does_not_speak_for_the_gateway() -> None:
    assert {name for name, condition in CONDITIONS.items() if condition.status in OURS} == set()


def test_what_we_tell_as_a_condition_is_one() -> None:
    assert {name for _, name in ERRORS_BY_STATUS.values()} <= set(CONDITIONS)
    assert {kind for kind, _ in ERRORS_BY_STATUS.values()} <= set(ERROR_TYPES)
    assert {row.condition for row in EXCEPTIONS.values() if row.condition} <= set(CONDITIONS)


def test_a_status_is_told_by_one_condition_only() -> None:
    statuses = [status for condition in CONDITIONS.values() for status in condition.statuses]
    assert sorted(statuses) == sorted(ERRORS_BY_STATUS)


def test_the_tree_names_every_error_below_its_base() -> None:
    assert errors.__doc__ is not None
    above: dict[int, str] = {}
    drawn: dict[str, str] = {}
    for indent, name in re.findall(r"^([ │├└─]*)([A-Z]\w+)(?=  | …|$)", errors.__doc__, re.MULTILINE):
        above[len(indent)] = name
        drawn[name] = above.get(len(indent) - 4, "")
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.TigrestError)]
    assert drawn == {kind.__name__: kind.__base__.__name__ if kind is not errors.TigrestError else "" for kind in kinds if kind.__base__}


def test_every_error_of_ours_has_a_status_of_its_own_or_of_its_base() -> None:
    kinds = {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.TigrestError)}
    bases = {errors.TigrestError, errors.RetryLater}
    never_in_a_request = {errors.ConfigError, errors.DatabaseInUse, errors.GatewayRunning, errors.ScriptError, errors.PluginError}
    by_condition = {errors.StanzaError}
    described = {kind for kind in kinds if any(base in EXCEPTIONS for base in kind.__mro__)}
    assert kinds - described == bases | never_in_a_request | by_condition


@pytest.mark.parametrize(("condition", "status"), [*ANSWERS, ("made-up", 500)])
def test_the_status_of_a_condition(condition: str, status: int) -> None:
    assert status_of(StanzaError(condition)) == status


def test_our_own_errors_stay_our_own() -> None:
    assert status_of(errors.LoginRequired()) == 401
    assert status_of(errors.NotConnected()) == 503


def test_the_refusal_of_a_bot_is_told_with_its_words_and_no_challenge(tmp_path: Path) -> None:
    (tmp_path / "bot.py").write_text(
        "from tigrest import Handler, Match, StanzaError\n"
        "class Bot(Handler):\n"
        "    match = Match(to=r'.*@http\\.localhost', own=True)\n"
        "    def on_iq(self, stanza):\n"
        "        raise StanzaError(stanza.to.local, 'cancel', 'by the bot')\n"
    )
    with serving(tmp_path) as gateway:
        for condition, status in ANSWERS:
            answer = gateway.get(f"/rest/ping/{condition}@http.localhost?errors=http", login="alice", type="application/json")
            told = answer.json()
            assert (answer.status_code, told["status"], told["condition"], told["text"]) == (status, status, condition, "by the bot")
            assert not {"www-authenticate", "proxy-authenticate", "retry-after"} & set(answer.headers), condition
