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
    assert "check_from: false" in advice


@pytest.mark.parametrize(
    ("name", "version", "field", "says", "never"),
    [
        ("Prosody", "0.12.3", "administration", "admin_adhoc", "authorizedJIDs"),
        ("Prosody", "13.0.6", "account_list", "has no command", "load mod_configure"),
        ("Prosody", "13.0.6", "trust", "validate_from_addresses = false", "check_from"),
        ("ejabberd", "23.01-1", "account_list", "load mod_configure", "has no command"),
        ("ejabberd", "26.07", "trust", "check_from: false", "validate_from_addresses"),
        ("ejabberd", "26.07", "rights", "user_regexp", "admins"),
        ("Tigase", "8.4.0", "administration", "'http.example.com' into admins of etc/config.tdsl", "XEP-0133"),
        ("Tigase ver. 8.4.0", "", "presence", "user-status-endpoint@http.example.com", "XEP-0356"),
        ("Tigase", "8.4.0", "avatars", "their clients do", "grant"),
        ("Openfire", "4.7.5", "administration", "admin.authorizedJIDs", "XEP-0133"),
        ("Openfire", "4.7.5", "roster", "does not know XEP-0356", "mod_privilege"),
        ("Openfire", "4.7.5", "avatars", 'send_as = "user"', "grant"),
        ("jabberd2", "2.7.0", "administration", "has no ad-hoc commands", "administrator"),
        ("jabberd2", "2.7.0", "trust", 'send_as = "gateway"', 'send_as = "user"'),
        ("jabberd2", "2.7.0", "avatars", "does not know XEP-0356", "grant"),
        ("", "", "administration", "XEP-0133", "admin_adhoc"),
    ],
)
def test_what_is_advised_is_of_this_server(name: str, version: str, field: str, says: str, never: str) -> None:
    advice = dataclasses.asdict(cures_for(Software(name, version), GATEWAY, DOMAIN))[field]
    assert says in advice
    assert never not in advice


@pytest.mark.parametrize("name", ["Prosody", "ejabberd", "jabberd2", "Openfire", "Tigase", ""])
def test_every_advice_names_something_to_do(name: str) -> None:
    for field, advice in dataclasses.asdict(cures_for(Software(name), GATEWAY, DOMAIN)).items():
        assert len(advice) > 15, field
        assert advice.count("{") == advice.count("}"), field


def test_software_is_shown_as_far_as_it_is_known() -> None:
    assert str(Software("Prosody", "0.12.3")) == "Prosody 0.12.3"
    assert (str(Software()), str(Software(trouble="no answer"))) == ("unknown", "unknown (no answer)")
