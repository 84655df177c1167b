"""Ad-hoc commands over HTTP: what callers write, and what they get for what responders answer."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from tests.backends.responder import DONE, WHO, Peer, stage
from tigrest.backends.adhoc import AdHoc
from tigrest.errors import StanzaError
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.namespaces import COMMANDS, DATA_FORMS

ADD_USER = "http://jabber.org/protocol/admin#add-user"
RESULT = f'<command xmlns="{COMMANDS}" status="completed">{{}}</command>'


@pytest.fixture(scope="module")
def shared() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


@pytest.fixture
def domain(shared: TestGateway) -> Iterator[TestGateway]:
    """Give a gateway whose service has the responder of a test until the test ends."""
    yield shared
    vars(shared.service).pop("for_", None)


def responder(domain: TestGateway, *answers: str | Exception) -> Peer:
    """Have all commands executed by a responder."""
    peer = Peer(*answers, loop=domain.service.loop)
    domain.service.for_ = lambda principal: SimpleNamespace(adhoc=AdHoc(peer))  # type: ignore[assignment,method-assign,return-value]
    return peer


def post(domain: TestGateway, to: str = "localhost", login: str = "admin", **command: Any) -> Any:
    return domain.post(f"/rest/adhoc/{to}", login=login, json={"command": command})


def answered(domain: TestGateway, answer: str) -> dict[str, Any]:
    """Return what a caller gets for an answer."""
    responder(domain, answer)
    command: dict[str, Any] = post(domain, node="n").json()["command"]
    return command


def test_one_field_leaves_the_others_as_they_are(domain: TestGateway) -> None:
    peer = responder(domain, stage(WHO), DONE)
    assert post(domain, node="configure", fields=[{"var": "nick", "value": "juliet"}]).json()["command"]["status"] == "completed"
    assert peer.submitted[1] == ("complete", {"nick": ["juliet"], "secret": ["pw"]})


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"command": {"node": "n", "feilds": []}}, "command.feilds is not known: did you mean fields?"),
        ({"command": {"node": "n", "sessionId": "x"}}, "did you mean sessionid?"),
        ({"command": {"node": "n", "zzz": 1}}, "known are node, fields, sessionid, action"),
        ({"command": {"node": "n"}, "fields": []}, "fields is not known"),
        ({"command": {"node": "n", "fields": [{"var": "a", "values": ["x"]}]}}, "values is not known: did you mean value?"),
        ({"command": {"node": "n", "fields": [{"name": "a", "value": "x"}]}}, "name is not known"),
        ({"command": {"node": "n", "fields": [{"var": "a", "value": "x"}, {"var": "a", "value": "y"}]}}, "'a' twice"),
        ({"command": {"node": "n", "fields": [{"value": "x"}]}}, "must be"),
        ({"command": {"node": "n", "fields": [{"var": "a", "value": {"b": 1}}]}}, "text or a list of texts"),
    ],
)
def test_slips_of_the_pen_are_told(domain: TestGateway, body: Any, told: str) -> None:
    peer = responder(domain)
    refused = domain.post("/rest/adhoc/localhost", login="admin", json=body)
    assert refused.status_code == 400
    assert told in refused.json()["detail"]
    assert peer.requests == []


def test_slips_of_the_pen_are_told_in_xml(domain: TestGateway) -> None:
    body = "<command><node>n</node><feilds><item><var>a</var></item></feilds></command>"
    refused = domain.post("/rest/adhoc/localhost", login="admin", type="application/xml", content=body)
    assert refused.status_code == 400
    assert "did you mean fields?" in refused.text


def test_an_unknown_field_is_told_and_nothing_is_done(domain: TestGateway) -> None:
    fields = [{"var": var, "value": value} for var, value in {"acountjid": "x@localhost", "password": "x"}.items()]
    refused = post(domain, node=ADD_USER, fields=fields)
    assert refused.status_code == 400
    assert "no field 'acountjid'; it has 'accountjid', 'password', 'password-verify', 'email'" in refused.json()["detail"]


def test_a_form_may_be_sent_back_as_it_came(domain: TestGateway) -> None:
    form = '<field type="fixed"><value>Words</value></field><field var="empty"/>' + WHO
    peer = responder(domain, stage(form), stage(form), DONE)
    shown = post(domain, node="n").json()["command"]
    del shown["sessionid"]
    assert post(domain, **shown).json()["command"]["status"] == "completed"
    assert peer.submitted[2] == ("complete", {"nick": ["romeo"], "secret": ["pw"]})


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("a\nb", ["a", "b"]),
        (["a", "", "b"], ["a", "", "b"]),
        (["a", None], ["a", ""]),
        (None, []),
        ("", [""]),
        (5, ["5"]),
        (False, ["false"]),
    ],
)
def test_values_are_neither_lost_nor_reordered(domain: TestGateway, value: Any, sent: list[str]) -> None:
    peer = responder(domain, stage('<field var="text" type="text-multi"><value>before</value></field>'), DONE)
    post(domain, node="n", fields=[{"var": "text", "value": value}])
    assert peer.submitted[1][1] == {"text": sent}


def test_lines_in_xml_are_values_too(domain: TestGateway) -> None:
    peer = responder(domain, stage('<field var="text" type="text-multi"/>'), DONE)
    body = "<command><node>n</node><fields><item><var>text</var><value>a</value><value/><value>b</value></item></fields></command>"
    assert domain.post("/rest/adhoc/localhost", login="admin", type="application/xml", content=body).status_code == 200
    assert peer.submitted[1][1] == {"text": ["a", "", "b"]}


def test_a_newline_where_one_line_belongs_is_refused(domain: TestGateway) -> None:
    refused = post(domain, node=ADD_USER, fields=[{"var": "accountjid", "value": "a@localhost"}, {"var": "password", "value": "x\ny"}])
    assert refused.status_code == 400
    assert "'password' takes one line (text-private)" in refused.json()["detail"]


def test_notes_keep_their_own_severity(domain: TestGateway) -> None:
    shown = answered(domain, RESULT.format('<note>Done</note><note type="warn">Careful</note>'))
    assert shown["note"] == {"value": "Done\nCareful", "type": "warn"}
    assert shown["notes"] == [{"value": "Done", "type": "info"}, {"value": "Careful", "type": "warn"}]


CELLS = '<item><field var="jid"><value>{0}</value></field><field var="group"><value>1</value><value>2</value></field></item>'


def test_tables_are_complete(domain: TestGateway) -> None:
    reported = '<reported><field var="{}" label="Who" type="jid-single"/></reported>'
    tables = f"{reported.format('jid')}{CELLS.format('a@b')}{reported.format('other')}{CELLS.format('c@d')}"
    shown = answered(domain, RESULT.format(f'<x xmlns="{DATA_FORMS}" type="result"><title>T</title>{tables}</x>'))
    assert shown["reported"] == [
        {
            "label": "T",
            "columns": [{"var": var, "label": "Who", "type": "jid-single"}],
            "items": [{"fields": [{"var": "jid", "value": jid}, {"var": "group", "value": ["1", "2"]}]}],
        }
        for var, jid in (("jid", "a@b"), ("other", "c@d"))
    ]


def test_rows_without_heads_are_a_table(domain: TestGateway) -> None:
    shown = answered(domain, RESULT.format(f'<x xmlns="{DATA_FORMS}" type="result">{CELLS.format("a@b")}{CELLS.format("c@d")}</x>'))
    [table] = shown["reported"]
    assert table["columns"] == [{"var": "jid"}, {"var": "group"}]
    assert [row["fields"][0]["value"] for row in table["items"]] == ["a@b", "c@d"]


def test_all_forms_and_results_that_are_elsewhere_are_shown(domain: TestGateway) -> None:
    result = f'<x xmlns="{DATA_FORMS}" type="result"><title>{{}}</title></x>'
    oob = '<x xmlns="jabber:x:oob"><url>http://x/</url><desc>Here</desc></x><x xmlns="jabber:x:oob"><url>http://y/</url></x>'
    shown = answered(domain, RESULT.format(result.format("one") + result.format("two") + oob))
    assert shown["title"] == "one"
    assert shown["forms"] == [{"type": "result", "fields": [], "title": title} for title in ("one", "two")]
    assert shown["urls"] == [{"url": "http://x/", "desc": "Here"}, {"url": "http://y/"}]


def test_fields_that_nobody_asked_for_are_told(domain: TestGateway) -> None:
    responder(domain, DONE)
    assert post(domain, node="n", fields=[{"var": "a", "value": "x"}]).json()["command"]["unused"] == ["a"]


@pytest.mark.parametrize(
    ("condition", "of_command", "status"),
    [
        ("bad-request", "bad-sessionid", 400),
        ("bad-request", "bad-action", 400),
        ("bad-request", "malformed-action", 400),
        ("bad-request", "bad-payload", 400),
        ("bad-request", "bad-locale", 400),
        ("not-allowed", "session-expired", 410),
        ("not-allowed", "", 403),
        ("item-not-found", "bad-sessionid", 404),
    ],
)
def test_what_is_wrong_with_a_request_of_a_command_is_told(domain: TestGateway, condition: str, of_command: str, status: int) -> None:
    responder(domain, StanzaError(condition, command_condition=of_command))
    refused = post(domain, node="n", sessionid="s")
    assert (refused.status_code, refused.json().get("command_condition", "")) == (status, of_command)
    assert refused.json()["condition"] == condition


def test_the_condition_of_a_command_comes_from_the_wire(domain: TestGateway) -> None:
    refused = post(domain, node=ADD_USER, sessionid="nonsense")
    assert (refused.status_code, refused.json()["condition"], refused.json()["command_condition"]) == (400, "bad-request", "bad-sessionid")
    page = domain.post(
        "/rest/adhoc/localhost",
        login="admin",
        type="application/xml",
        content=f"<command><node>{ADD_USER}</node><sessionid>x</sessionid></command>",
    )
    assert "<command_condition>bad-sessionid</command_condition>" in page.text


def test_commands_that_only_contacts_see_are_404(domain: TestGateway) -> None:
    responder(domain, StanzaError("subscription-required", "auth", "Not subscribed"))
    hidden = domain.get("/rest/adhoc/alice@localhost?type=json", login="admin")
    assert (hidden.status_code, hidden.json()["condition"]) == (404, "item-not-found")
    responder(domain, StanzaError("forbidden", "auth"))
    assert domain.get("/rest/adhoc/alice@localhost?type=json", login="admin").status_code == 403


@pytest.mark.parametrize("to", ["alice@localhost/phone", "alice@localhost%2Fphone", "nobody@localhost", "bosh@localhost/x"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_is_not_there_is_404(domain: TestGateway, to: str, method: str) -> None:
    body = None if method == "GET" else {"command": {"node": "n"}}
    answer = domain.request(method, f"/rest/adhoc/{to}?type=json", login="admin", json=body)
    assert (answer.status_code, answer.json()["condition"]) == (404, "service-unavailable")


@pytest.mark.parametrize("condition", ["item-not-found", "service-unavailable"])
def test_what_is_not_there_is_told_in_words(domain: TestGateway, condition: str) -> None:
    responder(domain, StanzaError(condition, source="localhost"))
    refused = post(domain, node="nope").json()
    assert refused["detail"] == f"{condition} from localhost: localhost is not there, or has no command 'nope'"
    responder(domain, StanzaError(condition, text="Gone fishing"))
    assert post(domain, node="nope").json()["text"] == "Gone fishing", "the words of who answers count more"
