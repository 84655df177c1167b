import logging
from xml.etree import ElementTree as ET

import pytest

from tigrest.errors import InvalidJID, NotPermitted, StanzaError
from tigrest.xmpp.refusals import Refusal, as_stanza_error, error_reply
from tigrest.xmpp.stanza import Stanza

IQ = Stanza.parse('<iq type="set" id="1" from="a@b" to="c.d"><x xmlns="urn:x"/></iq>')


def test_our_own_errors_have_a_condition_and_their_words() -> None:
    error = as_stanza_error(InvalidJID("no address"))
    assert (error.condition, error.type, error.text) == ("jid-malformed", "modify", "no address")
    assert as_stanza_error(NotPermitted("not you")).condition == "forbidden"


def test_an_error_with_a_condition_stays_as_it_is() -> None:
    error = StanzaError("conflict")
    assert as_stanza_error(error) is error


def test_the_words_of_other_exceptions_are_only_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        error = as_stanza_error(ZeroDivisionError("secret"))
    assert (error.condition, error.text) == ("internal-server-error", "")
    assert "secret" in caplog.text


def test_a_refusal_has_both_conditions() -> None:
    reply = error_reply(IQ, Refusal("bad-request", "modify", specific="{urn:y}bad-sessionid"))
    assert (reply.attributes["to"], reply.attributes["from"], reply.id) == ("a@b", "c.d", "1")
    assert reply.error is not None
    assert (reply.error.condition, reply.error.type) == ("bad-request", "modify")
    assert [child.tag for child in ET.fromstring(bytes(reply))[0]] == [
        "{urn:ietf:params:xml:ns:xmpp-stanzas}bad-request",
        "{urn:y}bad-sessionid",
    ]


def test_other_errors_have_one() -> None:
    assert len(error_reply(IQ, StanzaError("conflict")).xml[0]) == 1
