"""Commands over HTTP: paths, versions, methods, logins, arguments and results."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from tests.api.conftest import ServeCommands
from tigrest.api.finding import MEMOISED_PATHS
from tigrest.testing import API_KEY, TestGateway, serving

PLACES = {"/api/v0": 0, "/v1/api": 1, "/ejabberd/api": {"version": 0, "compat": "ejabberd"}}

SOURCE = """
@command("which", role=None, effect="read")
def which_0(ctx) -> str:
    \"\"\"Tell which version answers.\"\"\"
    return "0"

@command("which", version=2, role=None, effect="read")
def which_2(ctx) -> str:
    return "2"

@command("which", version=3, role=None, effect="read")
def which_3(ctx) -> str:
    return "3"

@command(role=None, version=2)
def newer(ctx) -> None: ...

@command(role=None, effect="read")
def echo(ctx, text: str, times: int = 1, tags: list[str] = (), when: float | None = None, type: str = "") -> dict[str, Any]:
    return {"text": text, "times": times, "tags": list(tags), "when": when, "type": type}

@command(role=None, effect="read", renamed={"label": "tags"})
def tagged(ctx, tags: list[str]) -> list[str]:
    return tags

@command(role=None)
async def change(ctx, name: str, on: bool = True) -> None:
    assert ctx.frontend == "http"

@command(role="user", effect="read")
def whoami(ctx) -> str:
    return f"{ctx.principal} {ctx.version} {ctx.request_id}"

@command(effect="read")
def secrets_of(ctx, user: str) -> str:
    return "sesame"

@command(role=None, effect="read")
def is_right(ctx, password: Secret) -> bool:
    return password.value == "sesame"

@command(role=None)
def fails(ctx, how: str) -> None:
    raise {"conflict": Conflict("taken"), "missing": NotFound("there is no such thing"), "unable": NotSupported("no module for it"),
           "own": HTTPException(418, "short and stout"), "bug": KeyError("secret detail"), "user": UserExists("there is bob already")}[how]

@command(role=None, effect="read", route="GET /contacts/{caller}")
def list_contacts(ctx, caller: str, page: int = 1) -> list[str]:
    return [caller, str(page)]

@command(role=None, route="POST /contacts")
def add_contact(ctx, jid: str, caller: str) -> str:
    return f"{caller} has {jid}"

@command(role=None, route="DELETE /contacts/{caller}/{jid}")
def delete_contact(ctx, caller: str, jid: str) -> None: ...

@command(role="admin", route="PUT /contacts/{caller}/{jid}")
def change_contact(ctx, caller: str, jid: str) -> None: ...
"""


@pytest.fixture
def gateway(share: ServeCommands) -> TestGateway:
    return share(SOURCE, api={"mounts": PLACES})


# Paths and versions


@pytest.mark.parametrize(
    ("path", "version"),
    [
        ("/api/which", "3"),
        ("/api/which/v0", "0"),
        ("/api/which/v1", "0"),
        ("/api/which/v2", "2"),
        ("/api/which/v99", "3"),
        ("/v1/api/which", "0"),
        ("/v1/api/which/v0", "0"),
        ("/v2/api/which", "2"),
        ("/v0/api/which/v3", "3"),
        ("/v7/api/which", "3"),
        ("/api/v0/which", "0"),
        ("/api/v0/which/v2", "2"),
        ("/api/v2/which", "2"),
        ("/api/v3/which/v2", "2"),
        ("/ejabberd/api/which", "0"),
        ("/ejabberd/api/which/v2", "2"),
    ],
)
def test_a_path_says_which_version_answers(gateway: TestGateway, path: str, version: str) -> None:
    for answer in (gateway.get(path), gateway.post(path, json={}), gateway.post(path)):
        assert (answer.status_code, answer.json()) == (200, version)


@pytest.mark.parametrize(
    "path",
    [
        *(f"/api/which/{segment}" for segment in ("vx", "v", "v2.5", "V1", "v-1", "v01", "v 1", "1", "")),
        *(f"/api/{segment}/which" for segment in ("vx", "v-1", "V1")),
        *(f"/{segment}/api/which" for segment in ("vx", "v01", "V1", "v")),
        "/api/which/v1/v2",
        "/api/v1/v2/which",
        "/api",
        "/api/",
        "/api/v1",
        "/api/Which",
        "/api/which%0A",
        "/api//which",
        "/v1/api",
        "/v1/apis/which",
    ],
)
def test_a_malformed_version_or_path_is_404(gateway: TestGateway, path: str) -> None:
    for method in ("GET", "POST", "PUT"):
        answer = gateway.request(method, path)
        assert answer.status_code == 404, (method, path, answer.text)
    assert gateway.request("OPTIONS", path).status_code == 404


def test_who_asks_for_a_version_before_the_first_one_is_told(gateway: TestGateway) -> None:
    answer = gateway.post("/api/newer/v1")
    assert (answer.status_code, answer.json()["detail"]) == (404, "there is newer from version 2 on, not in version 1")


def test_who_almost_writes_a_version_is_told_what_one_is(gateway: TestGateway) -> None:
    assert "a version is v and a whole number, such as v2, and 'vx' is none" in gateway.get("/api/which/vx").json()["detail"]


def test_an_unknown_command_is_404_with_the_nearest_name_that_the_caller_may_call(gateway: TestGateway) -> None:
    open_one, closed = gateway.post("/api/chagne", login="alice"), gateway.post("/api/secret_of", login="alice")
    assert (open_one.status_code, open_one.json()["detail"]) == (404, "there is no command 'chagne'; did you mean 'change'?")
    assert (closed.status_code, closed.json()["detail"]) == (404, "there is no command 'secret_of'")
    assert "'secrets_of'" in gateway.post("/api/secret_of", login="admin").json()["detail"]
    assert gateway.post("/api/is-right").status_code == 404  # dashes are for the command line


def test_strangers_do_not_learn_which_commands_there_are(gateway: TestGateway) -> None:
    for method in ("GET", "POST", "PUT"):
        known, unknown = gateway.request(method, "/api/secrets_of"), gateway.request(method, "/api/secrets_or")
        assert (known.status_code, unknown.status_code) == (401, 401)
        assert known.json()["detail"].replace("secrets_of", "secrets_or") == unknown.json()["detail"]
    allowed = {gateway.request("OPTIONS", f"/api/{name}").headers["allow"] for name in ("secrets_of", "secrets_or", "v1/secrets_or")}
    assert allowed == {"GET, POST, HEAD, OPTIONS"}


# Methods


def test_get_is_for_commands_that_only_tell(gateway: TestGateway) -> None:
    refused = gateway.get("/api/change?name=x")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert refused.json()["detail"] == "change is called by POST: it changes something"
    head = gateway.request("HEAD", "/api/which")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "3")
    assert gateway.request("HEAD", "/api/change").status_code == 405


def test_get_is_not_for_secrets_which_would_stand_in_logs(gateway: TestGateway) -> None:
    refused = gateway.get("/api/is_right?password=sesame")
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert "secret" in refused.json()["detail"]
    assert gateway.post("/api/is_right", json={"password": "sesame"}).json() is True


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH"])
def test_other_methods_are_405(gateway: TestGateway, method: str) -> None:
    answer = gateway.request(method, "/api/which")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST")


def test_options_tells_the_methods_of_a_path(gateway: TestGateway) -> None:
    expected = {
        "/api/which": "GET, POST, HEAD, OPTIONS",
        "/api/change": "POST, OPTIONS",
        "/v1/api/which/v2": "GET, POST, HEAD, OPTIONS",
        "/api/contacts": "POST, OPTIONS",
        "/api/contacts/bob": "GET, HEAD, OPTIONS",
        "/api/contacts/bob/alice": "PUT, DELETE, OPTIONS",
    }
    assert {path: gateway.request("OPTIONS", path).headers["allow"] for path in expected} == expected


# Callers


def test_nobody_is_told_of_arguments_before_he_may_call(gateway: TestGateway) -> None:
    for login, status in {"": 401, "alice": 403, "admin": 400}.items():
        for answer in (gateway.post("/api/secrets_of", login=login, json={"bad": 1}), gateway.get("/api/secrets_of", login=login)):
            assert answer.status_code == status
            assert ("www-authenticate" in answer.headers) is (status == 401)
            assert ("user" in answer.json().get("argument", "")) is False or status == 400
    for body in (b"{", b"[1]", b"\xff"):
        assert gateway.post("/api/secrets_of", content=body, type="application/json").status_code == 401
    assert gateway.request("PUT", "/api/secrets_of").status_code == 401


@pytest.mark.parametrize(("login", "status"), [("", 401), ("alice:wrong", 401), ("alice", 200), ("admin", 200)])
def test_a_role_is_demanded(gateway: TestGateway, login: str, status: int) -> None:
    assert gateway.get("/api/whoami", login=login).status_code == status


def test_a_wrong_login_is_401_where_none_is_needed(gateway: TestGateway) -> None:
    assert gateway.get("/api/which", login="alice:wrong").status_code == 401
    assert gateway.get("/api/which", login="alice").status_code == 200


def test_an_api_key_is_no_login(gateway: TestGateway) -> None:
    assert gateway.get("/api/whoami", api_key=API_KEY).status_code == 401
    assert gateway.get("/api/which", api_key=API_KEY).status_code == 200


def test_a_command_knows_the_caller_the_version_and_the_request(gateway: TestGateway) -> None:
    jid, version, request = gateway.get("/api/whoami/v4", login="alice").json().split()
    assert (jid, version) == ("alice@localhost", "4")
    assert "-" in request


def test_the_header_of_older_ejabberds_is_ignored(gateway: TestGateway) -> None:
    assert gateway.post("/api/secrets_of", login="alice", json={"user": "x"}, headers={"X-Admin": "true"}).status_code == 403
    assert gateway.post("/api/secrets_of", login="admin", json={"user": "x"}, headers={"X-Admin": "true"}).json() == "sesame"


def test_pages_of_other_origins_may_not_call(gateway: TestGateway) -> None:
    answer = gateway.post("/api/change", json={"name": "x"}, headers={"Origin": "https://evil.example"})
    assert (answer.status_code, answer.json()["code"]) == (403, 403)


def test_pages_of_configured_origins_may_call(share: ServeCommands) -> None:
    gateway = share(SOURCE, http={"cors_origins": ["https://app.example"]})
    headers = {"Origin": "https://app.example"}
    answer = gateway.post("/api/change", json={"name": "x"}, headers=headers)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, "https://app.example")
    asked = headers | {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,authorization,x-admin"}
    allowed = gateway.request("OPTIONS", "/api/change", headers=asked)
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, "https://app.example")


# Arguments


ECHOED: dict[str, Any] = {"text": "a b", "times": 3, "tags": ["x", "y"], "when": 2.5, "type": "chat"}


@pytest.mark.parametrize(
    ("media", "body"),
    [
        ("application/json", '{"text":"a b","times":3,"tags":["x","y"],"when":2.5,"type":"chat"}'),
        ("application/json; charset=utf-16", '{"text":"a b","times":3.0,"tags":["x","y"],"when":2.5,"type":"chat"}'.encode("utf-16")),
        ("text/json", ' {"text":"a b","times":3,"tags":["x","y"],"when":2.5,"type":"chat"}\n'),
        ("application/x-www-form-urlencoded", "text=a+b&times=3&tags=x&tags=y&when=2.5&type=chat"),
        (
            "application/xml",
            "<a><text>a b</text><times>3</times><tags><item>x</item><item>y</item></tags><when>2.5</when><type>chat</type></a>",
        ),
        ("text/xml", "<a><text>a b</text><times>3</times><tags>x</tags><tags>y</tags><when>2.5</when><type>chat</type></a>"),
    ],
)
def test_arguments_come_as_json_form_or_xml(gateway: TestGateway, media: str, body: Any) -> None:
    answer = gateway.post("/api/echo?type=json", content=body, type=media, headers={"Accept": "application/json"})
    if "xml" in media:
        assert answer.headers["content-type"] == "application/xml"
        assert b"<times>3</times><tags><item>x</item><item>y</item></tags>" in answer.content
    else:
        assert (answer.status_code, answer.json()) == (200, ECHOED)


def test_arguments_come_in_the_query_of_get(gateway: TestGateway) -> None:
    answer = gateway.get("/api/echo?text=a+b&times=3&tags=x&tags=y&when=2.5&type=chat")
    assert (answer.status_code, answer.json()) == (200, ECHOED)


def test_a_parameter_for_the_gateway_is_no_argument(gateway: TestGateway) -> None:
    answer = gateway.get("/api/which?type=xml")
    assert answer.content == b"<result>3</result>"
    assert gateway.get("/api/which?api-key=x").status_code == 200


def test_an_empty_text_is_an_empty_list_or_nothing_where_values_are_text(gateway: TestGateway) -> None:
    form = gateway.post("/api/echo", data={"text": "", "tags": "", "when": ""})
    assert form.json() == {"text": "", "times": 1, "tags": [], "when": None, "type": ""}
    xml = gateway.post("/api/echo", content="<a><text/><tags/><when/></a>", type="application/xml", headers={"Accept": "*/*"})
    assert b"<tags/><when/>" in xml.content


@pytest.mark.parametrize(
    ("body", "media"), [("", "application/json"), ("\n", "application/json"), (" ", ""), ("", ""), ("<a/>", "text/xml")]
)
def test_an_empty_body_has_no_arguments(gateway: TestGateway, body: str, media: str) -> None:
    assert gateway.post("/api/which", content=body, type=media).status_code == 200


def test_an_argument_keeps_the_name_that_it_had_before(gateway: TestGateway) -> None:
    for answer in (
        gateway.get("/api/tagged?label="),
        gateway.post("/api/tagged", data={"label": ""}),
        gateway.post("/ejabberd/api/tagged", json={}),
        gateway.post("/ejabberd/api/tagged", json={"label": []}),
    ):
        assert answer.json() == []
    assert gateway.post("/ejabberd/api/tagged", json={"label": "x"}).json() == ["x"]
    for path in ("/api/tagged", "/ejabberd/api/tagged"):
        assert gateway.post(path, json={"label": [], "tags": []}).status_code == 400


# Results and errors


@pytest.mark.parametrize(
    ("accept", "media", "body"),
    [
        ("*/*", "application/json", b'["bob","1"]'),
        ("application/xml", "application/xml", b"<result><item>bob</item><item>1</item></result>"),
        ("application/json;q=0.5, text/xml", "application/xml", b"<result><item>bob</item><item>1</item></result>"),
    ],
)
def test_results_are_json_unless_the_caller_wants_xml(gateway: TestGateway, accept: str, media: str, body: bytes) -> None:
    answer = gateway.get("/api/list_contacts?caller=bob", headers={"Accept": accept})
    assert (answer.headers["content-type"], answer.content) == (media, body)


def test_nothing_is_null(gateway: TestGateway) -> None:
    assert gateway.post("/api/change", json={"name": "x"}).content == b"null"


@pytest.mark.parametrize(
    ("how", "status"), [("conflict", 409), ("missing", 404), ("unable", 501), ("own", 418), ("user", 409), ("bug", 500)]
)
def test_errors_are_problems_with_a_code_and_a_message(gateway: TestGateway, how: str, status: int) -> None:
    answer = gateway.post("/api/fails", json={"how": how})
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, status)
    assert problem["message"] == problem["detail"]
    assert problem["request_id"]
    assert "secret" not in answer.text


def test_a_request_is_counted_under_the_name_of_the_command(gateway: TestGateway) -> None:
    gateway.get("/api/v2/which")
    gateway.get("/api/nosuchthing")
    gateway.get("/api/contacts/bob")
    metrics = gateway.get("/metrics").text
    assert '"/api/which"' in metrics
    assert '"/api/list_contacts"' in metrics
    assert "nosuchthing" not in metrics


def test_a_call_is_written_down_without_its_secrets(gateway: TestGateway, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "tigrest.audit"):
        gateway.post("/api/is_right", json={"password": "open"}, login="alice")
    [line] = [record.getMessage() for record in caplog.records if record.name == "tigrest.audit"]
    assert "alice@localhost" in line
    assert "is_right" in line
    assert "open" not in line.replace("open_", "")


# Further places


def test_a_command_has_a_further_place(gateway: TestGateway) -> None:
    assert gateway.get("/api/contacts/bob@localhost?page=2").json() == ["bob@localhost", "2"]
    assert gateway.request("HEAD", "/api/contacts/bob").status_code == 200
    assert gateway.post("/api/contacts", json={"jid": "a", "caller": "b"}).json() == "b has a"
    assert gateway.delete("/api/contacts/bob/alice").content == b"null"
    assert gateway.get("/api/v3/contacts/bob").status_code == gateway.get("/v1/api/contacts/bob").status_code == 200


def test_a_further_place_has_its_method_its_role_and_its_arguments(gateway: TestGateway) -> None:
    wrong = gateway.get("/api/contacts")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert gateway.put("/api/contacts/bob/alice").status_code == 401
    doubled = gateway.request("DELETE", "/api/contacts/bob/alice", json={"jid": "x"})
    assert (doubled.status_code, doubled.json()["argument"], doubled.json()["reason"]) == (400, "jid", "doubled")
    assert gateway.get("/api/contacts/bob?page=x").status_code == 422
    assert gateway.get("/api/contacts/a/b/c").status_code == 404


# Commands that change


def test_a_changed_command_counts_at_once_and_a_removed_one_is_404(tmp_path: Path) -> None:
    text = "from tigrest import CommandContext, command\n@command(role=None, effect='read')\ndef colour(ctx: CommandContext) -> str: return 'red'\n"
    script = tmp_path / "colours.py"
    script.write_text(text)
    with serving(commands=[tmp_path], builtins=False) as gateway:
        assert gateway.get("/api/colour").json() == "red"
        script.write_text(text.replace("red", "blue").replace("effect='read'", "route='POST /colours'"))
        gateway.reload()
        assert (gateway.get("/api/colour").status_code, gateway.post("/api/colour").json()) == (405, "blue")
        assert gateway.post("/api/colours").json() == "blue"
        script.unlink()
        gateway.reload()
        assert {gateway.post(path, login="alice").status_code for path in ("/api/colour", "/api/colours")} == {404}


def test_paths_that_callers_make_up_do_not_fill_the_memory(gateway: TestGateway) -> None:
    [api] = {mount.answer.__self__._finder for mount in gateway.gateway.parts.app._mounts._prefixes.values() if mount.path == "/api"}  # type: ignore[attr-defined]
    for version in range(MEMOISED_PATHS + 10):
        api.find("GET", f"/api/which/v{version}")
        assert 1 <= len(api._found) <= MEMOISED_PATHS


PAGE = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.mark.parametrize("path", ["/api", "/api/", "/ejabberd/api"])
def test_browsers_that_ask_for_the_commands_themselves_are_sent_to_the_page_about_them(share: ServeCommands, path: str) -> None:
    gateway = share(SOURCE, api={"mounts": PLACES})
    for method in ("GET", "HEAD"):
        sent = gateway.request(method, path, headers=PAGE, follow_redirects=False)
        assert (sent.status_code, sent.headers["location"], sent.headers["vary"]) == (307, "/api/docs", "Accept")
    for headers in ({}, {"Accept": "application/json"}, {"Accept": "*/*"}):
        answer = gateway.get(path, headers=headers, follow_redirects=False)
        assert (answer.status_code, answer.headers["content-type"]) == (
            404,
            "application/json" if "ej" in path else "application/problem+json",
        )
        assert "/api/commands lists what is" in answer.json()["message"]
    assert gateway.post(path, json={}, headers=PAGE, follow_redirects=False).status_code == 404
    assert gateway.request("OPTIONS", path).status_code == 404


def test_without_documentation_browsers_are_told_that_there_is_nothing(share: ServeCommands) -> None:
    gateway = share(SOURCE, api={"docs": "off"})
    assert gateway.get("/api", headers=PAGE, follow_redirects=False).status_code == 404


@pytest.mark.parametrize("path", ["/v2/api/", "/v0/api/a/b", "/api/v1/", "/api/x/y"])
def test_what_is_not_there_is_told_by_its_whole_path(share: ServeCommands, path: str) -> None:
    assert share(SOURCE).get(path).json()["detail"].startswith(f"nothing is served at {path}; ")
