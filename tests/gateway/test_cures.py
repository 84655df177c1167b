"""Which advice fits which software."""

from __future__ import annotations

import dataclasses

import pytest

from tigrest.gateway.cures import Software, cures_for
from tigrest.xmpp.jid import JID

GATEWAY, DOMAIN = JID("http.example.com"), JID("example.com")


@pytest.mark.parametrize(
    ("version", "can"),
    [("23.01", False), ("23.01-1", False), ("24.07", False), ("24.10", True), ("24.12-3", True), ("26.4.0", True), ("", True), ("?", True)],
)
def test_iq_privileges_are_advised_to_an_ejabberd_that_has_them(version: str, can: bool) -> None:
    advice = cures_for(Software("ejabberd", version), GATEWAY, DOMAIN).avatars
    assert ("pubsub" in advice, "does not start" in advice) == (can, not can)
    assert "24.10 or later" in advice


@pytest.mark.parametrize("name", ["Prosody", "ejabberd", "jabberd2", "Openfire", "Tigase", ""])
def test_every_advice_names_something_to_do(name: str) -> None:
    for field, advice in dataclasses.asdict(cures_for(Software(name), GATEWAY, DOMAIN)).items():
        assert len(advice) > 15, field
        assert advice.count("{") == advice.count("}"), field


def test_software_is_shown_as_far_as_it_is_known() -> None:
    assert str(Software("Prosody", "0.12.3")) == "Prosody 0.12.3"
    assert (str(Software()), str(Software(trouble="no answer"))) == ("unknown", "unknown (no answer)")
