"""From HTTP answers to replies, row by row."""

from __future__ import annotations

import pytest

from tests.inbound.webhooks.world import JSON, XML, TinyCodec, iq, message
from tigrest.errors import StanzaError
from tigrest.formats.stanza_json.representations import AnswerCodec
from tigrest.inbound.webhooks.answers import NoResponse, WebhookResponse, reply_to_outcome
from tigrest.xmpp.stanza import Stanza

ROWS = [
    ([400, 411, 416, 422], "modify", "bad-request"),
    ([401, 511], "auth", "not-authorized"),
    ([402], "auth", "payment-required"),
    ([403, 451], "auth", "forbidden"),
    ([404], "cancel", "item-not-found"),
    ([405], "cancel", "not-allowed"),
    ([406], "modify", "not-acceptable"),
    ([407], "auth", "registration-required"),
    ([409, 412], "cancel", "conflict"),
    ([410], "cancel", "gone"),
    ([413, 414, 431], "modify", "resource-constraint"),
    ([415, 501], "cancel", "feature-not-implemented"),
    ([423, 429, 507], "wait", "resource-constraint"),
    ([500], "wait", "internal-server-error"),
    ([502, 504, 408], "wait", "remote-server-timeout"),
    ([503], "cancel", "service-unavailable"),
    ([301, 302, 307, 417, 418, 421, 424, 425, 426, 428, 499, 505, 506, 508, 520, 599], "cancel", "undefined-condition"),
]
PRESENCE = Stanza.parse('<presence from="alice@example.org" to="shop@http.example.org" id="p1" type="subscribe"/>')
ERROR = '<error type="cancel"><gone xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/><text xmlns="urn:ietf:params:xml:ns:xmpp-stanzas">far</text></error>'


def reply(stanza: Stanza, answer: WebhookResponse | NoResponse) -> Stanza | None:
    return reply_to_outcome(stanza, answer, TinyCodec())


def xml(text: str, status: int = 200) -> WebhookResponse:
    return WebhookResponse(status, "OK", XML, text.encode())


def said(stanza: Stanza, answer: WebhookResponse) -> Stanza:
    found = reply(stanza, answer)
    assert found is not None
    return found


@pytest.mark.parametrize("stanza", [message(), PRESENCE, iq()], ids=["message", "presence", "iq"])
@pytest.mark.parametrize(("status", "type", "condition"), [(status, *row) for statuses, *row in ROWS for status in statuses])
def test_a_status_is_an_error(status: int, type: str, condition: str, stanza: Stanza) -> None:
    found = said(stanza, WebhookResponse(status, "Some Words", "text/html", b"<p>never shown"))
    assert (found.kind, found.type, found.id) == (stanza.kind, "error", stanza.id)
    assert (found.sender, found.to) == (stanza.to, stanza.sender)
    assert found.error is not None
    assert (found.error.type, found.error.condition, found.error.text) == (type, condition, f"{status} Some Words")


def test_the_words_of_a_status_are_the_standard_ones_when_it_has_none() -> None:
    error = said(iq(), WebhookResponse(404)).error
    assert error is not None
    assert error.text == "404 Not Found"
    assert WebhookResponse(599).problem == "599"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize(
    ("media_type", "body"), [("", b""), ("text/html", b"<p>ok"), (JSON, b"{"), (XML, b"<presence/"), (JSON, b"[]x"), ("", b"ok")]
)
def test_success_that_is_no_stanza_is_no_reply(status: int, media_type: str, body: bytes) -> None:
    assert reply(message(), WebhookResponse(status, "OK", media_type, body)) is None
    assert reply(PRESENCE, WebhookResponse(status, "OK", media_type, body)) is None


@pytest.mark.parametrize(
    "answer",
    [
        WebhookResponse(202),
        WebhookResponse(204),
        WebhookResponse(200),
        WebhookResponse(202, "", XML, b"<iq><a xmlns='b'/></iq>"),
        WebhookResponse(204, "", "text/html", b"x"),
    ],
)
def test_an_iq_has_an_empty_result(answer: WebhookResponse) -> None:
    found = said(iq(), answer)
    assert str(found) == '<iq xmlns="jabber:client" type="result" to="alice@example.org/desk" from="http.example.org" id="q1"/>'


@pytest.mark.parametrize(
    "answer",
    [
        WebhookResponse(200, "OK", "text/html", b"<p>ok"),
        WebhookResponse(200, "OK", "", b"ok"),
        xml("<message/>"),
        xml("<iq type='result'><a xmlns='b'/><c xmlns='d'/></iq>"),
        WebhookResponse(200, "OK", XML, None),
    ],
)
def test_an_iq_is_not_told_a_result_that_there_is_not(answer: WebhookResponse) -> None:
    error = said(iq(), answer).error
    assert error is not None
    assert error.condition == "internal-server-error"
    assert error.text == "200 OK, but no reply can be read from it"


def test_addresses_and_id_of_a_result_are_ours() -> None:
    text = "<iq type='set' from='evil@x' to='bob@x' id='other' foo='bar'><a xmlns='b'>1</a></iq>"
    found = said(iq(), xml(text))
    assert found.attributes == {"to": "alice@example.org/desk", "from": "http.example.org", "id": "q1", "type": "result"}
    assert found.to_bytes().endswith(b"><a xmlns='b'>1</a></iq>")


def test_json_need_not_say_that_it_is_an_iq() -> None:
    found = said(iq(), WebhookResponse(200, "", JSON, b'{"body": "x"}'))
    assert (found.kind, found.type) == ("iq", "result")


@pytest.mark.parametrize("type", ["", "chat", "normal", "headline"])
@pytest.mark.parametrize("theirs", ["", "chat", "groupchat", "normal"])
def test_a_reply_to_a_message_is_of_its_type(type: str, theirs: str) -> None:
    attribute = f"type='{theirs}'" if theirs else ""
    found = said(message(type=type), xml(f"<message {attribute} id='theirs' xml:lang='de'><body>yes</body></message>"))
    assert (found.type, found.to, found.sender, found.id) == (type, "alice@example.org/desk", "shop@http.example.org", "theirs")
    assert found.attributes["xml:lang"] == "de"
    assert "<body>yes</body>" in str(found)


def test_a_reply_has_an_id_of_its_own() -> None:
    first, second = (said(message(), xml("<message><body>yes</body></message>")).id for _ in range(2))
    assert len({first, second, "m1", ""}) == 4


def test_a_reply_to_a_room_is_to_the_room() -> None:
    stanza = message(sender="room@muc.example.org/nick", type="groupchat")
    found = said(stanza, xml("<message type='chat'><body>yes</body></message>"))
    assert (found.type, found.to) == ("groupchat", "room@muc.example.org")


def test_a_room_is_not_told_a_status() -> None:
    stanza = message(sender="room@muc.example.org/nick", type="groupchat")
    assert reply(stanza, WebhookResponse(404)) is None
    assert said(stanza, xml(f"<message type='error'>{ERROR}</message>")).to == "room@muc.example.org/nick"


def test_a_reply_to_presence_is_what_it_says() -> None:
    found = said(PRESENCE, xml("<presence type='subscribed'/>"))
    assert (found.type, found.to, found.sender) == ("subscribed", "alice@example.org", "shop@http.example.org")
    assert "type" not in said(PRESENCE, xml("<presence><show>away</show></presence>")).attributes


def test_a_message_is_not_answered_with_an_empty_one() -> None:
    assert reply(message(), xml("<message/>")) is None
    assert reply(message(), WebhookResponse(200, "", JSON, b"{}")) is None


def test_another_kind_is_no_reply() -> None:
    assert reply(message(), xml("<presence/>")) is None
    assert reply(PRESENCE, xml("<message><body>x</body></message>")) is None


@pytest.mark.parametrize("status", [200, 404, 500])
@pytest.mark.parametrize("stanza", [message(), PRESENCE, iq()], ids=["message", "presence", "iq"])
@pytest.mark.parametrize("type", ["type='error'", ""])
def test_a_body_may_name_the_error(status: int, stanza: Stanza, type: str) -> None:
    found = said(stanza, xml(f"<{stanza.kind} {type} id='x' to='bob@x'>{ERROR}</{stanza.kind}>", status))
    assert (found.type, found.id, found.to) == ("error", stanza.id, stanza.sender)
    assert found.error is not None
    assert (found.error.condition, found.error.text) == ("gone", "far")


def test_an_error_that_does_not_say_which_is_undefined() -> None:
    found = said(message(), xml("<message type='error'/>"))
    assert found.error is not None
    assert found.error.condition == "undefined-condition"


@pytest.mark.parametrize("status", [404, 500])
def test_the_body_of_an_error_status_is_never_a_result(status: int) -> None:
    found = said(iq(), xml("<iq type='result'><a xmlns='b'/></iq>", status))
    assert found.type == "error"
    assert said(message(), xml("<message><body>x</body></message>", status)).type == "error"
    assert "gone" not in str(said(message(), xml(f"<presence type='error'>{ERROR}</presence>", status)))


@pytest.mark.parametrize(
    ("reason", "text"), [("", "501 Not Implemented"), ("NOT IMPLEMENTED", "501 Not Implemented"), ("Ask bob", "501 Ask bob")]
)
def test_the_usual_words_are_written_as_usual(reason: str, text: str) -> None:
    assert WebhookResponse(501, reason).error.text == text


@pytest.mark.parametrize("type", ["error", "result"])
@pytest.mark.parametrize(
    "answer", [WebhookResponse(200), WebhookResponse(404), xml("<message><body>x</body></message>"), NoResponse("x", StanzaError("gone"))]
)
def test_errors_and_results_have_no_reply(type: str, answer: WebhookResponse) -> None:
    assert reply(message(type=type), answer) is None
    assert reply(Stanza.parse(f"<iq type='{type}' from='a@b' to='c'/>"), answer) is None


def test_silence_is_its_error() -> None:
    found = reply(message(), NoResponse("gone", StanzaError("recipient-unavailable", "wait"), True))
    assert found is not None
    assert found.error is not None
    assert (found.error.condition, found.error.type, found.error.text) == ("recipient-unavailable", "wait", "")


@pytest.mark.parametrize(
    ("status", "final"),
    [(200, True), (302, True), (404, True), (408, False), (425, False), (429, False), (500, False), (501, True), (505, True), (599, False)],
)
def test_what_may_change_is_not_final(status: int, final: bool) -> None:
    assert WebhookResponse(status).is_final == final


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("text/plain; charset=iso-8859-1", b"caf\xe9"),
        ("Text/Plain;charset=utf-8", "café".encode()),
        ("application/json; charset=windows-1252", b'{"body": "caf\xe9"}'),
        ("application/xml; charset=iso-8859-1", b"<message><body>caf\xe9</body></message>"),
    ],
)
def test_the_charset_of_an_answer_counts(content_type: str, body: bytes) -> None:
    said = reply_to_outcome(message(), WebhookResponse(200, "OK", content_type, body), AnswerCodec())
    assert said is not None
    assert said.body == "café"


def test_text_of_an_answer_is_text_whatever_it_looks_like() -> None:
    said = reply_to_outcome(message(), WebhookResponse(200, "OK", "text/plain", b'{"you": "said"}'), AnswerCodec())
    assert said is not None
    assert said.body == '{"you": "said"}'
