"""The built-in handlers on the embedded domain, beyond the guide's samples."""

import base64
import hashlib
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tigrest.gateway.demo import picture
from tigrest.testing import API_KEY, TestGateway, serving
from tigrest.xmpp.jid import JID
from tigrest.xmpp.stanza import make_stanza

PNG = picture("alice")
JPEG = b"\xff\xd8\xff\xe0" + bytes(50)


@pytest.fixture
def domain() -> Iterator[TestGateway]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def shared() -> Iterator[TestGateway]:
    """Serve a domain for tests that leave it as it is, but for the vCard of bob."""
    with serving() as running:
        yield running


def set_vcard(domain: TestGateway, user: str, photo: str) -> None:
    vcard = ET.fromstring(f'<vCard xmlns="vcard-temp"><FN>Somebody</FN><PHOTO>{photo}</PHOTO></vCard>')
    domain.service.request(make_stanza("iq", "set", user, vcard, sender=user, id="1")).raise_error()  # type: ignore[attr-defined]


def publish(domain: TestGateway, user: str, node: str, payload: str, item: str = "current") -> None:
    pubsub = (
        f'<pubsub xmlns="http://jabber.org/protocol/pubsub"><publish node="{node}"><item id="{item}">{payload}</item></publish></pubsub>'
    )
    iq = make_stanza("iq", "set", user, ET.fromstring(pubsub), sender=user, id="1")
    domain.service.request(iq).raise_error()  # type: ignore[attr-defined]


def test_an_avatar_that_was_put_is_in_pep_and_in_the_vcard(domain: TestGateway) -> None:
    set_vcard(domain, "alice@localhost", "<TYPE>image/gif</TYPE><BINVAL>R0lGODlh</BINVAL>")
    response = domain.put("/rest/avatar/alice@localhost?type=json", login="alice", type="image/png", content=PNG)
    assert (response.status_code, response.json()) == (200, {"user": {"jid": "alice@localhost"}})
    for path in ("", "/", "/avatar", "/vcard-temp"):
        found = domain.get(f"/rest/avatar/alice@localhost{path}")
        assert (found.status_code, found.headers["content-type"], found.content) == (200, "image/png", PNG), path
    assert domain.get("/rest/avatar/alice@localhost/vcard4").status_code == 404
    vcard = domain.service.request(make_stanza("iq", "get", "alice@localhost", ET.Element("{vcard-temp}vCard"), id="1")).xml  # type: ignore[attr-defined]
    assert vcard.findtext("{vcard-temp}vCard/{vcard-temp}FN") == "Somebody"


def test_users_set_their_own_avatar_and_admins_anybodys(domain: TestGateway) -> None:
    def put(login: str, whose: str) -> int:
        return int(domain.put(f"/rest/avatar/{whose}@localhost", login=login, type="image/png", content=PNG).status_code)

    assert (put("", "alice"), put("bob", "alice"), put("alice", "alice"), put("admin", "bob")) == (401, 403, 200, 200)


def test_an_avatar_has_an_etag_and_is_not_sent_twice(domain: TestGateway) -> None:
    domain.put("/rest/avatar/alice@localhost", login="alice", content=PNG)
    first = domain.get("/rest/avatar/alice@localhost")
    etag = first.headers["etag"]
    assert etag == f'"{hashlib.sha1(PNG).hexdigest()}"'
    assert first.headers["cache-control"] == "public, max-age=300"
    for given in (etag, f'"x", W/{etag}', "*"):
        again = domain.get("/rest/avatar/alice@localhost", headers={"If-None-Match": given})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    domain.put("/rest/avatar/alice@localhost", login="alice", content=JPEG)
    changed = domain.get("/rest/avatar/alice@localhost", headers={"If-None-Match": etag})
    assert (changed.status_code, changed.headers["content-type"]) == (200, "image/jpeg")


def test_the_best_source_wins_and_each_can_be_asked_for(domain: TestGateway) -> None:
    gif, bmp = b"GIF89a" + bytes(20), b"BM" + bytes(20)
    set_vcard(domain, "bob@localhost", f"<TYPE>image/gif</TYPE><BINVAL>\n{base64.encodebytes(gif).decode()}\r\n</BINVAL>")
    assert domain.get("/rest/avatar/bob@localhost").content == gif
    vcard4 = f'<vcard xmlns="urn:ietf:params:xml:ns:vcard-4.0"><photo><uri>data:image/bmp;base64,{base64.b64encode(bmp).decode()}</uri></photo></vcard>'
    publish(domain, "bob@localhost", "urn:xmpp:vcard4", vcard4)
    domain.service.avatars.cache.forget(JID("bob@localhost"))
    assert domain.get("/rest/avatar/bob@localhost").content == bmp
    assert domain.get("/rest/avatar/bob@localhost/vcard-temp").content == gif
    assert domain.get("/rest/avatar/bob@localhost/avatar").status_code == 404


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://example.com/a.png", 302),
        ("http://example.com/a.png", 302),
        ("javascript:alert(1)", 404),
        ("file:///etc/passwd", 404),
        ("https://", 404),
        ("https://x/\n", 302),
    ],
)
def test_an_external_avatar_is_a_redirect_to_the_web_only(shared: TestGateway, url: str, status: int) -> None:
    set_vcard(shared, "bob@localhost", f"<EXTVAL>{url}</EXTVAL>")
    shared.service.avatars.cache.forget(JID("bob@localhost"))
    response = shared.get("/rest/avatar/bob@localhost")
    assert response.status_code == status
    assert response.headers.get("location") == (url.strip() if status == 302 else None)


def test_a_picture_with_scripts_is_never_served(domain: TestGateway) -> None:
    svg = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>").decode()
    for kind in ("image/svg+xml", "text/html", ""):
        set_vcard(domain, "bob@localhost", f"<TYPE>{kind}</TYPE><BINVAL>{svg}</BINVAL>")
        domain.service.avatars.cache.forget(JID("bob@localhost"))
        assert domain.get("/rest/avatar/bob@localhost").status_code == 404
    set_vcard(domain, "bob@localhost", f"<TYPE>text/html</TYPE><BINVAL>{base64.b64encode(PNG).decode()}</BINVAL>")
    domain.service.avatars.cache.forget(JID("bob@localhost"))
    response = domain.get("/rest/avatar/bob@localhost")
    assert response.headers["content-type"] == "image/png"
    assert "sandbox" in response.headers["content-security-policy"]


@pytest.mark.parametrize("whose", ["nobody@localhost", "localhost", "somebody@elsewhere.org", "alice%40localhost"])
def test_no_avatar_is_404(shared: TestGateway, whose: str) -> None:
    assert shared.get(f"/rest/avatar/{whose}").status_code == 404


def execute(domain: TestGateway, to: str, login: str = "admin", **command: Any) -> Any:
    return domain.post(f"/rest/adhoc/{to}", login=login, json={"command": command})


def test_a_command_of_two_stages_takes_one_post_with_complete_fields(domain: TestGateway) -> None:
    fields = [
        {"var": "accountjid", "value": "carol@localhost"},
        {"var": "password", "value": "pw"},
        {"var": "password-verify", "value": "pw"},
    ]
    answer = execute(domain, "localhost", node="http://jabber.org/protocol/admin#add-user", fields=fields)
    assert answer.json()["command"]["status"] == "completed"
    assert domain.get("/rest/user/carol@localhost", login="admin").status_code == 200
    again = execute(domain, "localhost", node="http://jabber.org/protocol/admin#add-user", fields=fields)
    assert (again.status_code, again.json()["condition"]) == (409, "conflict")


def test_a_command_of_two_stages_can_be_driven_by_hand(domain: TestGateway) -> None:
    node = "http://jabber.org/protocol/admin#delete-user"
    form = execute(domain, "localhost", node=node).json()["command"]
    assert form["status"] == "executing"
    assert form["actions"]
    assert [field["var"] for field in form["fields"]] == ["FORM_TYPE", "accountjids"]
    fields = [{"var": "accountjids", "value": ["bob@localhost"]}]
    done = execute(domain, "localhost", node=node, sessionid=form["sessionid"], fields=fields).json()["command"]
    assert done["status"] == "completed"
    assert domain.get("/rest/user/bob@localhost", login="admin").status_code == 404
    gone = execute(domain, "localhost", node=node, sessionid=form["sessionid"], fields=fields)
    assert gone.status_code == 400
    form = execute(domain, "localhost", node=node).json()["command"]
    assert execute(domain, "localhost", node=node, sessionid=form["sessionid"], action="cancel").json()["command"]["status"] == "canceled"


def test_commands_for_admins_refuse_users(shared: TestGateway) -> None:
    for to, node in [
        ("localhost", "http://jabber.org/protocol/admin#get-registered-users-list"),
        ("sess-man@localhost", "http://jabber.org/protocol/admin#get-active-users"),
        ("vhost-man@localhost", "comp-repo-item-add"),
    ]:
        refused = execute(shared, to, "alice", node=node)
        assert (refused.status_code, refused.json()["condition"]) == (403, "forbidden")
        assert execute(shared, to, node=node).status_code == 200


def test_an_xmpp_error_keeps_its_condition(shared: TestGateway) -> None:
    missing = execute(shared, "localhost", node="no-such-command")
    assert missing.json()["condition"] == "item-not-found"
    assert missing.status_code == 404
    away = shared.get("/rest/adhoc/somebody@elsewhere.org", login="admin", type="application/json")
    assert (away.status_code, away.json()["condition"]) == (404, "remote-server-not-found")


def test_with_the_gateways_rights_commands_are_for_admins() -> None:
    with serving(xmpp={"adhoc_as": "gateway"}) as domain:
        refused = domain.get("/rest/adhoc/sess-man@localhost", login="alice")
        assert refused.status_code == 403
        assert "adhoc_as" in refused.text
        assert domain.get("/rest/adhoc/sess-man@localhost", login="admin").status_code == 200


def test_numbers_and_booleans_are_spelled_out_in_fields(shared: TestGateway) -> None:
    fields = [{"var": "Domain name", "value": "n.example"}, {"var": "Enabled", "value": False}, {"var": "Max users", "value": 5}]
    form = execute(shared, "vhost-man@localhost", node="comp-repo-item-add", fields=fields).json()["command"]
    shown = {field["var"]: field.get("value") for field in form["fields"]}
    assert (shown["Enabled"], shown["Max users"]) == ("false", "5")


def test_markup_in_fields_stays_text(shared: TestGateway) -> None:
    evil = "</value></field><field var='x'>&amp;\"'"
    fields = [{"var": "Domain name", "value": evil}]
    form = execute(shared, "vhost-man@localhost", node="comp-repo-item-add", fields=fields).json()["command"]
    assert form["fields"][0]["value"] == evil


def test_status_with_every_field_and_its_withdrawal(domain: TestGateway) -> None:
    activity = {"category": "talking", "type": "on_the_phone", "text": "calls"}
    body = {"available": True, "priority": -5, "show": "dnd", "status": "é<", "activity": activity}
    answer = domain.post("/rest/user/alice@localhost/status/desk", login="admin", json=body).json()["status"]
    assert answer == {
        "user": "alice@localhost/desk",
        "available": "true",
        "priority": "-5",
        "show": "dnd",
        "status": "é<",
        "success": True,
        "activity": activity,
    }

    def off() -> Any:
        return domain.post("/rest/user/alice@localhost/status/desk", api_key=API_KEY, json={"available": False}).json()["status"]

    assert (off()["success"], off()["success"]) == (True, False)
    assert "not online" in off()["reason"]
    unknown = domain.post("/rest/user/nobody@localhost/status", api_key=API_KEY, json={}).json()["status"]
    assert unknown["success"] is False
    assert unknown["reason"]
    assert domain.post("/rest/user/alice@localhost/status", api_key=API_KEY, headers={"Accept": "application/json"}).json()["status"][
        "success"
    ]


def test_accounts_from_birth_to_death(domain: TestGateway) -> None:
    def ask(method: str, jid: str = "carol@localhost", **options: Any) -> Any:
        return domain.request(method, f"/rest/user/{jid}", login="admin", **options)

    carol = {"user": {"jid": "carol@localhost", "domain": "localhost", "isAdmin": False}}
    assert ask("GET").status_code == 404
    created = ask("PUT", json={"user": {"password": "one", "email": "c@example.com"}})
    assert (created.status_code, created.json()) == (200, carol)
    assert ask("PUT", json={"user": {"password": "one"}}).status_code == 409
    assert ask("GET", type="application/json").json() == carol
    assert domain.get("/rest/users/", login="admin").text.count("carol") == 1
    assert ask("POST", json={"user": {"password": "two"}}).status_code == 200
    assert domain.get("/rest/adhoc/localhost", login="carol:two").status_code == 200
    assert ask("DELETE", type="application/json").json() == carol
    assert domain.get("/rest/adhoc/localhost", login="carol:two").status_code == 401
    for method, body in (("DELETE", None), ("POST", {"user": {"password": "x"}})):
        assert ask(method, json=body).status_code == 404
    assert ask("PUT", "x@elsewhere.org", json={"user": {"password": "x"}}).status_code == 400
    refused = ask("PUT", json={"user": {"password": "x", "isAdmin": True}})
    assert refused.status_code == 400
    assert "admins" in refused.text


def test_a_password_changed_by_a_command_counts_at_once_too(domain: TestGateway) -> None:
    assert domain.get("/rest/adhoc/localhost", login="bob").status_code == 200
    fields = [{"var": "accountjid", "value": "bob@localhost"}, {"var": "password", "value": "new"}]
    execute(domain, "localhost", node="http://jabber.org/protocol/admin#change-user-password", fields=fields)
    assert domain.get("/rest/adhoc/localhost", login="bob").status_code == 401
    assert domain.get("/rest/adhoc/localhost", login="bob:new").status_code == 200


def test_the_list_of_accounts(shared: TestGateway) -> None:
    everybody = ["admin@localhost", "alice@localhost", "bob@localhost"]
    assert shared.get("/rest/users/?type=json", login="admin").json() == {"users": {"items": everybody, "count": 3}}
    assert shared.get("/rest/users?type=json", login="admin").json() == {"users": {"items": everybody, "count": 3}}
    of_domain = shared.get("/rest/users/localhost?type=json", login="admin").json()
    assert of_domain == {"users": {"items": everybody, "count": 3, "domain": "localhost"}}
    assert shared.get("/rest/users/other.org?type=json", login="admin").json()["users"]["count"] == 0
    assert shared.get("/rest/users/a@b", login="admin").status_code == 400


def test_stanzas_may_be_from_users_but_not_from_strangers(shared: TestGateway) -> None:
    def send(stanza: str, path: str = "") -> Any:
        return shared.post(f"/rest/stream{path}", login="admin", api_key=API_KEY, content=stanza)

    assert send("<message from='alice@localhost' to='bob@localhost'><body>x</body></message>").status_code == 200
    assert send("<message from='x@http.localhost' to='bob@localhost'><body>x</body></message>").status_code == 200
    refused = send("<message from='eve@evil.org' to='bob@localhost'><body>x</body></message>")
    assert refused.status_code == 403
    assert "eve@evil.org" in refused.text
    reply = send("<iq type='get' id='x'><ping xmlns='urn:xmpp:ping'/></iq>", "/localhost")
    assert ET.fromstring(reply.content).get("from") == "localhost"
    error = send("<iq type='get' id='x' to='localhost'><what xmlns='urn:what'/></iq>")
    assert (error.status_code, ET.fromstring(error.content).get("type")) == (200, "error")
    silent = send("<iq type='get' id='x' from='http.localhost' to='localhost'><ping xmlns='urn:xmpp:ping'/></iq>")
    assert (silent.status_code, silent.content) == (200, b"")


def test_as_a_plain_component_only_our_own_addresses_are_used() -> None:
    with serving(xmpp={"send_as": "gateway"}) as domain:
        body = "<message from='alice@localhost' to='bob@localhost'><body>x</body></message>"
        refused = domain.post("/rest/stream", login="admin", api_key=API_KEY, content=body)
        assert refused.status_code == 403
        assert "send_as" in refused.text
