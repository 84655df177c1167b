"""The authorisation endpoint, with its pages, and the codes that it gives."""

from __future__ import annotations

import logging
from functools import partial
from urllib.parse import urlencode

import pytest

from tests.oauth.client import INTROSPECT, REVOKE, Registered, bearer, refresh, registered, whoami
from tests.oauth.pages import APP, AUTHORIZE, CALLBACK, VERIFIER, Visit, app, asked, fetch, fields, sent_back, visit
from tests.waiting import eventually
from tigrest.auth.client_store import ClientStore
from tigrest.testing import PASSWORD, TestGateway


@pytest.fixture(scope="module")
def client(gateway: TestGateway) -> Registered:
    return app(gateway)


@pytest.fixture(scope="module")
def checked(gateway: TestGateway) -> Registered:
    """A client that an administrator has made."""
    store = ClientStore(gateway.gateway.parts.databases.state)
    made, _ = gateway.client.portal.call(partial(store.add, APP, is_public=True, by_admin=True))
    return Registered(made.id, "")


@pytest.fixture(scope="module")
def confidential(gateway: TestGateway) -> Registered:
    return registered(gateway, **APP)


def code_of(gateway: TestGateway, client: Registered, **changes: str | None) -> str:
    return sent_back(visit(gateway, client, **changes).allow())["code"]


def test_a_user_logs_in_consents_and_is_sent_back_with_a_code_that_becomes_tokens(gateway: TestGateway, client: Registered) -> None:
    told = sent_back(visit(gateway, client).allow())
    assert (told["x"], told["state"], told["iss"]) == ("1", "a state&", "http://testserver")
    answer = fetch(gateway, client, told["code"])
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["token_type"], body["scope"]) == ("bearer", "user")
    assert whoami(gateway, body["access_token"]) == 200
    renewed = gateway.post(
        "/oauth2/token", data={"grant_type": "refresh_token", "refresh_token": body["refresh_token"], "client_id": client.id}
    )
    assert whoami(gateway, renewed.json()["access_token"]) == 200


def test_the_page_names_the_client_the_scopes_and_where_it_leads(gateway: TestGateway, client: Registered) -> None:
    page = visit(gateway, client, scope="user get_roster openid").log_in()
    assert "An &lt;App&gt;" in page.text
    assert "alice@localhost" in page.text
    assert "Act for you" in page.text
    assert "get_roster" in page.text
    assert "app.example" in page.text
    assert "administrator of this server has not checked it" in page.text


def test_nothing_can_put_the_page_into_a_frame_or_anything_into_the_page(gateway: TestGateway, client: Registered) -> None:
    pages = [visit(gateway, client).open(), visit(gateway, client).log_in(), gateway.get(AUTHORIZE)]
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert (page.headers["x-frame-options"], page.headers["cache-control"]) == ("DENY", "no-store")
        assert page.headers["referrer-policy"] == "same-origin"
        assert "<script" not in page.text
    for page in pages[:2]:
        assert "unsafe-inline" not in page.headers["content-security-policy"]
    hostile = visit(gateway, client, login_hint='"><script>alert(1)</script>').open()
    assert "<script" not in hostile.text


def test_the_cookie_is_for_this_host_alone_and_no_script_reads_it(gateway: TestGateway, client: Registered) -> None:
    plain = visit(gateway, client).open().headers["set-cookie"]
    assert plain.startswith("tigrest-login=")
    assert "; HttpOnly; SameSite=Lax" in plain
    assert "Secure" not in plain


def test_by_https_the_cookie_is_secure_and_no_other_host_sets_it(gateway: TestGateway, client: Registered) -> None:
    page = Visit(gateway, "https://testserver" + visit(gateway, client).url)
    cookie = page.open().headers["set-cookie"]
    assert cookie.startswith("__Host-tigrest-login=")
    assert cookie.endswith("; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax; Secure")
    assert sent_back(page.allow())["iss"] == "https://testserver"


def test_two_pages_in_one_browser_do_not_disturb_each_other(gateway: TestGateway, client: Registered) -> None:
    first, second = visit(gateway, client, state="1"), visit(gateway, client, state="2")
    one, two = first.log_in(), second.log_in("bob")
    assert [sent_back(page.send(form, decision="allow"))["state"] for page, form in ((first, one), (second, two))] == ["1", "2"]


def test_a_form_from_before_a_restart_is_an_error_with_the_cure(gateway: TestGateway, fresh: TestGateway) -> None:
    """The state of these gateways is in memory: on disk it outlives the restart, and the form counts."""
    store = ClientStore(fresh.gateway.parts.databases.state)
    before = visit(gateway, app(gateway))
    consent = before.log_in()
    moved, _ = fresh.client.portal.call(partial(store.add, APP, is_public=True))
    after = visit(fresh, Registered(moved.id, ""))
    fresh.client.cookies.update(gateway.client.cookies)
    answer = after.send(consent, decision="allow")
    assert (answer.status_code, "begin again" in answer.text) == (400, True)
    assert "Allow" in after.send(before.open(), username="alice", password=PASSWORD).text


def test_no_secret_of_the_page_reaches_the_log(gateway: TestGateway, client: Registered, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    page = visit(gateway, client)
    page.log_in(password="wr0ng-w0rd")
    consent = page.log_in()
    code = sent_back(page.send(consent, decision="allow"))["code"]
    body = fetch(gateway, client, code).json()
    secrets = [
        "wr0ng-w0rd",
        code,
        fields(consent)["ticket"],
        fields(consent)["csrf"],
        VERIFIER,
        body["access_token"],
        body["refresh_token"],
    ]
    secrets += gateway.client.cookies.values()
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("tigrest"))
    assert "alice@localhost grants user to An <App>" in logged
    assert [secret for secret in secrets if secret in logged] == []


def test_programs_of_the_user_may_listen_at_any_port(gateway: TestGateway) -> None:
    """RFC 8252 §7.3: the port of a loopback address is the operating system's choice; all else is compared as it is."""
    uris = ["http://127.0.0.1/done", "http://[::1]:1/x?y", "http://localhost/done", "org.example.app:/done"]
    native, web = app(gateway, redirect_uris=uris), registered(gateway, **(APP | {"redirect_uris": uris}))
    for uri in ("http://127.0.0.1:49152/done", "http://[::1]:49152/x?y", *uris):
        assert visit(gateway, native, redirect_uri=uri).open().status_code == 200, uri
    for uri in (
        "http://127.0.0.1:49152/other",
        "http://127.0.0.1:1@evil.example/done",
        "http://127.0.0.1:1.evil.example/done",
        "http://127.0.0.1.evil.example/done",
        "https://127.0.0.1/done",
        "http://127.0.0.1:1:2/done",
        "http://localhost:49152/done",
        "org.example.app:/other",
    ):
        assert visit(gateway, native, redirect_uri=uri).open().status_code == 400, uri
    assert visit(gateway, web, redirect_uri="http://127.0.0.1:49152/done").open().status_code == 400
    sources = visit(gateway, native, redirect_uri="org.example.app:/done").log_in().headers["content-security-policy"]
    assert "form-action 'self' https: org.example.app:;" in sources


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"client_id": None}, "client_id"),
        ({"client_id": "tgc_none"}, "client_id"),
        ({"redirect_uri": "https://evil.example/done?x=1"}, "redirect_uri"),
        ({"redirect_uri": CALLBACK + "&y=2"}, "redirect_uri"),
        ({"redirect_uri": CALLBACK.replace("done", "Done")}, "redirect_uri"),
        ({"redirect_uri": CALLBACK.replace("app.example", "app.example.evil.example")}, "redirect_uri"),
        ({"redirect_uri": CALLBACK.replace("app.example", "app.example:443")}, "redirect_uri"),
        ({"redirect_uri": "https://app.example"}, "redirect_uri"),
    ],
)
def test_who_is_not_known_or_leads_elsewhere_is_told_to_the_user_and_to_nobody_else(
    gateway: TestGateway, client: Registered, changes: dict[str, str | None], words: str
) -> None:
    for answer in (visit(gateway, client, **changes).open(), gateway.post(visit(gateway, client, **changes).url, data={"a": "b"})):
        assert answer.status_code == 400
        assert "location" not in answer.headers
        assert words in answer.text
        assert "evil" not in answer.text


def test_a_second_redirect_uri_leads_nowhere(gateway: TestGateway, client: Registered) -> None:
    for name, value in {"redirect_uri": "https://evil.example/", "client_id": client.id}.items():
        answer = gateway.get(f"{visit(gateway, client).url}&{urlencode({name: value})}")
        assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"scope": "x" * 2001}, "invalid_scope"),
    ],
)
def test_other_mistakes_are_told_to_the_client(
    gateway: TestGateway, checked: Registered, changes: dict[str, str | None], code: str
) -> None:
    told = sent_back(visit(gateway, checked, **changes).open())
    assert (told["error"], told["state"], told["iss"]) == (code, "a state&", "http://testserver")


def test_who_refuses_and_who_has_nothing_to_grant_is_told_to_the_client(gateway: TestGateway, checked: Registered) -> None:
    page = visit(gateway, checked)
    assert sent_back(page.send(page.log_in(), decision="deny"))["error"] == "access_denied"
    assert sent_back(visit(gateway, checked, scope="admin").log_in())["error"] == "invalid_scope"


def test_no_client_of_a_stranger_has_users_led_to_his_page_unless_they_allow_it(gateway: TestGateway, client: Registered) -> None:
    """RFC 9700 §4.11.2: the link of this host would be a stranger's way to send users to a page that asks for their passwords."""
    page = visit(gateway, client)
    answers = {
        400: visit(gateway, client, response_type="token").open(),
        403: visit(gateway, client, scope="admin").log_in(),
        200: page.send(page.log_in(), decision="deny"),
    }
    for status, answer in answers.items():
        assert (answer.status_code, "location" in answer.headers) == (status, False)
        assert f'<a href="{CALLBACK}&amp;error=' in answer.text
        assert "Go back to app.example</a>" in answer.text
        assert "An &lt;App&gt;" in answer.text


def test_a_client_that_has_not_registered_codes_gets_none(gateway: TestGateway) -> None:
    other = registered(gateway, grant_types=["password"], redirect_uris=[CALLBACK])
    answer = visit(gateway, other).open()
    assert (answer.status_code, "error=unauthorized_client" in answer.text) == (400, True)


def test_a_wrong_password_shows_the_page_again_and_counts(fresh: TestGateway) -> None:
    page = visit(fresh, app(fresh))
    for _ in range(10):
        again = page.log_in(password="wrong-pass")
        assert again.status_code == 403
        assert "not accepted" in again.text
        assert fields(again)["username"] == "alice"
        assert "wrong-pass" not in again.text
    refused = page.log_in()
    assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True)
    assert fresh.get("/rest/adhoc/localhost", login="alice").status_code == 429, "the throttle is that of all logins"


def test_a_login_by_basic_or_bearer_does_not_stand_in_for_the_page(gateway: TestGateway, client: Registered) -> None:
    token = fetch(gateway, client, code_of(gateway, client)).json()["access_token"]
    page = visit(gateway, client)
    assert 'type="password"' in gateway.get(page.url, login="alice").text
    assert 'type="password"' in gateway.get(page.url, headers=bearer(token)).text
    forged = gateway.post(page.url, login="alice", data=fields(page.open()) | {"decision": "allow"})
    assert (forged.status_code, "location" in forged.headers) == (403, False)


def test_forms_count_from_the_browser_that_got_them_only(gateway: TestGateway, client: Registered) -> None:
    page = visit(gateway, client)
    form, consent = fields(page.open()), fields(page.log_in())
    login = {"username": "alice", "password": PASSWORD}
    gateway.client.cookies.clear()
    assert gateway.post(page.url, data=form | login).status_code == 400, "there is no cookie"
    page.open()
    for values in (form | login, consent | {"decision": "allow"}, login):
        answer = gateway.post(page.url, data=values)
        assert (answer.status_code, "location" in answer.headers) == (400, False)
        assert "begin again" in answer.text
    mine = fields(page.open())
    assert gateway.post(page.url, data=consent | {"decision": "allow", "csrf": mine["csrf"]}).status_code == 400


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_pages_of_others_cannot_send_the_form(gateway: TestGateway, client: Registered, headers: dict[str, str]) -> None:
    page = visit(gateway, client)
    form = fields(page.open())
    answer = gateway.post(page.url, data=form | {"username": "alice", "password": PASSWORD}, headers=headers)
    assert answer.status_code == 403


def test_consent_is_for_the_question_that_was_shown_and_counts_once(gateway: TestGateway, client: Registered) -> None:
    page = visit(gateway, client)
    consent = page.log_in()
    for changes in ({"scope": "user rest"}, {"state": "other"}, {"code_challenge": "A" * 43}):
        other = Visit(gateway, f"{AUTHORIZE}?{urlencode(asked(client, **changes))}")
        assert other.send(consent, decision="allow").status_code == 400
    assert page.send(consent, decision="perhaps").status_code == 400
    assert "code" in sent_back(page.send(consent, decision="allow"))
    assert page.send(consent, decision="allow").status_code == 400


def test_a_code_counts_once_and_twice_ends_what_it_gave(gateway: TestGateway, client: Registered) -> None:
    code = code_of(gateway, client)
    body = fetch(gateway, client, code).json()
    assert fetch(gateway, client, code, code_verifier="x" * 43).json()["error"] == "invalid_grant"
    assert whoami(gateway, body["access_token"]) == 200, "whoever has only seen the code ends nothing"
    assert fetch(gateway, client, code).json()["error"] == "invalid_grant"
    assert whoami(gateway, body["access_token"]) == 401
    assert refresh(gateway, client, body["refresh_token"]).status_code in (400, 401)


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": None},
        {"code_verifier": "x" * 43},
        {"code_verifier": "short"},
        {"redirect_uri": "https://app.example/other"},
        {"redirect_uri": None},
        {"code": "unknown"},
    ],
)
def test_who_brings_a_code_shows_that_it_is_his(gateway: TestGateway, client: Registered, changes: dict[str, str | None]) -> None:
    code = changes.pop("code", None) if "code" in changes else code_of(gateway, client)
    answer = fetch(gateway, client, str(code), **changes)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


def test_a_code_is_of_its_client_alone(gateway: TestGateway, client: Registered, confidential: Registered) -> None:
    code = code_of(gateway, client)
    assert fetch(gateway, confidential, code).json()["error"] == "invalid_grant"
    assert fetch(gateway, Registered(confidential.id, ""), code_of(gateway, confidential)).json()["error"] == "invalid_client"
    assert fetch(gateway, client, code).status_code == 200


def test_a_client_with_a_secret_may_leave_the_challenge_out_but_not_pretend_one(gateway: TestGateway, confidential: Registered) -> None:
    without = {"code_challenge": None, "code_challenge_method": None}
    assert fetch(gateway, confidential, code_of(gateway, confidential, **without), code_verifier=None).status_code == 200
    assert fetch(gateway, confidential, code_of(gateway, confidential, **without)).json()["error"] == "invalid_grant"
    assert fetch(gateway, confidential, code_of(gateway, confidential)).status_code == 200


def test_a_token_by_consent_is_no_password(gateway: TestGateway, client: Registered) -> None:
    """Neither does it set the password, nor does a scope that its user chose give him a permission."""
    token = fetch(gateway, client, code_of(gateway, client)).json()["access_token"]
    iq = {"kind": "iq", "type": "set", "to": "localhost", "register": {"username": "alice", "password": "another"}}
    answer = gateway.post("/rest", json=iq, headers=bearer(token))
    assert answer.status_code == 403, answer.text
    assert gateway.post(INTROSPECT, data={"token": token}, login="admin").json()["scope"] == "user"


def test_a_new_password_ends_what_is_on_the_way(fresh: TestGateway) -> None:
    client = app(fresh)
    token = fetch(fresh, client, code_of(fresh, client)).json()["access_token"]
    code, page = code_of(fresh, client), visit(fresh, client)
    consent = page.log_in()
    new = {"user": "alice", "host": "localhost", "newpass": "another"}
    assert fresh.post("/api/change_password", login="admin", json=new).status_code == 200
    eventually(lambda: whoami(fresh, token) == 401)
    assert page.send(consent, decision="allow").status_code == 400
    assert fetch(fresh, client, code).json()["error"] == "invalid_grant"


def test_what_was_granted_is_revoked_as_any_login(gateway: TestGateway, client: Registered) -> None:
    body = fetch(gateway, client, code_of(gateway, client)).json()
    assert gateway.post(REVOKE, data={"token": body["refresh_token"]}).status_code == 200
    assert whoami(gateway, body["access_token"]) == 401


def test_an_admin_who_is_none_any_more_gives_no_rights_of_one(fresh: TestGateway) -> None:
    client = app(fresh)
    code, other = (sent_back(visit(fresh, client, scope="admin").allow("admin"))["code"] for _ in range(2))
    body = fetch(fresh, client, code).json()
    assert fresh.get("/rest/users", headers=bearer(body["access_token"])).status_code == 200
    config = fresh.gateway.config
    changed = config.model_copy(update={"auth": config.auth.model_copy(update={"admins": ()})})
    fresh.client.portal.call(fresh.gateway.reconfigure, changed)
    assert fresh.get("/rest/users", headers=bearer(body["access_token"])).status_code == 403
    assert fetch(fresh, client, other).json()["error"] == "invalid_scope"
