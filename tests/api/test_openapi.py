"""The OpenAPI document: valid, of all that is served, and of the commands that the caller may run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from tigrest.api.openapi.answers import ENTITY_STATUSES, MEANINGS, statuses_of
from tigrest.api.openapi.components import Components
from tigrest.api.openapi.mount import OpenApi, is_current
from tigrest.auth.principal import Principal
from tigrest.errors import NoSuchUser, StanzaError, TooManyStreams, UserExists
from tigrest.testing import TestGateway, serving
from tigrest.xmpp.conditions import EXCEPTIONS
from tigrest.xmpp.jid import JID

HANDLERS = r'''
from dataclasses import dataclass
from pydantic import BaseModel, Field
from tigrest import JID, Handler, Service


class Item(BaseModel):
    name: str
    parts: list["Item"] = []


class Order(BaseModel):
    id: int
    items: list[Item]


@dataclass
class Wanted:
    page: int
    tags: list[str]
    text: str = ""


class Orders(Handler):
    """Orders of a user.

    All of them.
    """

    regex = r"/orders/([^/]+)(?:/(open|done))?"
    requiredRole = "user"
    description = {"PUT": {"answers": {201: {"application/json": {"type": "object"}}, 202: "Later", 409: "Twice"}}}

    async def exec_get(self, service: Service, query: Wanted, jid: JID, state: str | None):
        return {}

    async def exec_put(self, content: Order, jid: JID, state: str | None):
        return {}


class Open(Handler):
    """Anybody."""

    regex = r"/open"

    async def exec_get(self):
        return {}


class Keyed(Handler):
    """A key."""

    regex = r"/keyed"
    apiKey = True

    async def exec_get(self):
        return {}


class KeyedAdmin(Handler):
    """A key and a login."""

    regex = r"/keyed-admin"
    apiKey = True
    requiredRole = "admin"

    async def exec_post(self, content):
        return {}


class Odd(Handler):
    """A pattern that is not one of a few texts."""

    regex = r"/odd[0-9]/([^/]+)"
    description = {"regex": "/odd{digit}[/{name}]"}

    async def exec_get(self, name):
        return {}


class First(Handler):
    """The same path, by another pattern."""

    regex = r"/same/([a-z]+)"

    async def exec_get(self, word):
        return {}


class Second(Handler):
    """Ignored by the document, as it has one operation for a path."""

    regex = r"/same/(\d+)"

    async def exec_get(self, number: int):
        return {}

    async def exec_post(self, number: int):
        return {}
'''

COMMANDS = '''
from dataclasses import dataclass
from typing import Annotated, Literal
from annotated_types import Ge
from tigrest import JID, CommandContext, NotSupported, Secret, StanzaError, command
from tigrest.errors import NoSuchUser, UserExists


@dataclass
class Item:
    colour: str


async def rooms(service) -> str:
    return ""


@command(tags=("shop", "more"), errors=(UserExists, NoSuchUser), needs=(rooms,),
         example=({"user": "bob", "password": "x"}, "done"))
async def make(ctx: CommandContext, user: str, password: Secret, item: Item | None = None, count: Annotated[int, Ge(1)] = 1) -> str:
    """Make something.

    With *care*.

    Args:
        user: for whom.
        count: how many.

    Returns:
        What was made.
    """
    return "done"


@command(role="user", effect="read")
async def look(ctx: CommandContext, at: list[JID], how: Literal["well", "badly"] = "well") -> list[Item]:
    """Look."""
    return []


@command("look", version=2, role="user", effect="read", errors=(StanzaError,))
async def look_2(ctx: CommandContext) -> Item | None:
    """Look again."""
    return None


@command(role=None, route="PUT /things/{name}")
async def rename_thing(ctx: CommandContext, name: str, to: str) -> None:
    """Rename a thing."""
'''


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestGateway]:
    rest, commands = tmp_path_factory.mktemp("rest"), tmp_path_factory.mktemp("commands")
    (rest / "shop.py").write_text(HANDLERS)
    (commands / "shop.py").write_text(COMMANDS)
    with serving(rest, commands=[commands], builtins=False, api={"docs": "public"}) as running:
        assert running.gateway.table.problems == ()
        yield running


@pytest.fixture(scope="module")
def builtin() -> Iterator[TestGateway]:
    """Serve what is built in."""
    with serving(api={"docs": "public"}) as running:
        yield running


def document(gateway: TestGateway, user: str = "admin") -> dict[str, Any]:
    answer = gateway.client.get("/api/openapi.json", auth=(user, "secret") if user else None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def operation(gateway: TestGateway, method: str, path: str) -> dict[str, Any]:
    found: dict[str, Any] = document(gateway)["paths"][path][method]
    return found


def parameters(found: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in found["parameters"] if "name" in each}


def takes_key(found: dict[str, Any]) -> bool:
    """Return whether an operation has the header ``Idempotency-Key``."""
    return {"$ref": "#/components/parameters/IdempotencyKey"} in found.get("parameters", [])


@pytest.mark.parametrize("user", ["", "alice", "admin"])
def test_the_document_is_valid(gateway: TestGateway, user: str) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document(gateway, user)).iter_errors()] == []


@pytest.mark.parametrize("user", ["", "admin"])  # all between has less than an admin's
def test_the_document_of_the_built_in_scripts_is_valid(builtin: TestGateway, user: str) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(document(builtin, user)).iter_errors()] == []


def test_operations_have_names_of_their_own(gateway: TestGateway, builtin: TestGateway) -> None:
    for found in (document(gateway), document(builtin)):
        names = [each["operationId"] for item in found["paths"].values() for each in item.values()]
        assert len(names) == len(set(names))


def test_only_commands_that_the_caller_may_run_are_described(gateway: TestGateway) -> None:
    def commands(user: str) -> set[str]:
        return {path for path in document(gateway, user)["paths"] if path.startswith("/api/")}

    assert commands("") == {"/api/rename_thing", "/api/things/{name}"}
    assert commands("alice") == commands("") | {"/api/look", "/api/look/v0", "/api/look/v2"}
    assert commands("admin") == commands("alice") | {"/api/make"}


def test_handlers_are_described_to_everybody(gateway: TestGateway) -> None:
    assert "/rest/orders/{jid}" in document(gateway, "")["paths"]


# Handlers


def test_each_form_of_a_pattern_is_a_path(gateway: TestGateway) -> None:
    paths = document(gateway)["paths"]
    assert {"/rest/orders/{jid}", "/rest/orders/{jid}/{state}"} <= set(paths)


def test_groups_have_the_types_of_their_arguments(gateway: TestGateway) -> None:
    found = parameters(operation(gateway, "get", "/rest/orders/{jid}/{state}"))
    assert found["jid"]["schema"] == {"type": "string", "format": "jid"}
    assert found["state"]["schema"] == {"type": "string", "enum": ["open", "done"]}
    assert found["jid"]["in"] == "path"


def test_models_of_queries_are_parameters(gateway: TestGateway) -> None:
    found = parameters(operation(gateway, "get", "/rest/orders/{jid}"))
    assert (found["page"]["in"], found["page"]["required"], found["page"]["schema"]["type"]) == ("query", True, "integer")
    assert (found["text"]["required"], found["tags"]["schema"]["type"]) == (False, "array")


def test_models_of_content_are_schemas_that_refer_to_each_other(gateway: TestGateway) -> None:
    body = operation(gateway, "put", "/rest/orders/{jid}")["requestBody"]["content"]
    assert set(body) == {"application/json", "application/xml"}
    schema = body["application/json"]["schema"]
    item = schema["properties"]["items"]["items"]
    name = item["$ref"].rpartition("/")[2]
    assert document(gateway)["components"]["schemas"][name]["properties"]["parts"]["items"] == item


def test_texts_come_from_docstrings(gateway: TestGateway) -> None:
    found = operation(gateway, "get", "/rest/orders/{jid}")
    assert (found["summary"], found["description"]) == ("Orders of a user.", "All of them.")


def test_answers_that_are_listed_are_all(gateway: TestGateway) -> None:
    answers = operation(gateway, "put", "/rest/orders/{jid}")["responses"]
    assert answers["201"]["content"] == {"application/json": {"schema": {"type": "object"}}}
    assert (answers["202"]["description"], answers["409"]["description"]) == ("Later", "Twice")
    assert "200" not in answers
    assert "default" not in answers
    assert {"400", "401", "403", "404", "408", "413", "415", "422", "429", "500", "503", "504"} <= set(answers)


def test_without_a_list_any_error_may_come(gateway: TestGateway) -> None:
    answers = operation(gateway, "get", "/rest/orders/{jid}")["responses"]
    assert answers["default"] == {"$ref": "#/components/responses/Problem"}
    assert {"200", "501", "502"} <= set(answers)


def test_who_may_call_is_said(gateway: TestGateway) -> None:
    def security(method: str, path: str) -> Any:
        return operation(gateway, method, path)["security"]

    assert security("get", "/rest/open") == []
    assert security("get", "/rest/orders/{jid}") == [{"login": []}, {"token": []}, {"oauth": []}]
    assert security("get", "/rest/keyed") == [{"apiKey": []}]
    assert security("post", "/rest/keyed-admin") == [{"apiKey": [], "login": []}, {"apiKey": [], "token": []}, {"apiKey": [], "oauth": []}]
    assert set(document(gateway)["components"]["securitySchemes"]) == {"login", "token", "oauth", "apiKey"}


def test_what_anybody_may_get_asks_for_no_login(gateway: TestGateway) -> None:
    assert not {"401", "403", "429"} & set(operation(gateway, "get", "/rest/open")["responses"])


def test_a_pattern_that_has_no_list_of_forms_is_described_as_people_read_it(gateway: TestGateway) -> None:
    paths = document(gateway)["paths"]
    assert {"/rest/odd{digit}", "/rest/odd{digit}/{name}"} <= set(paths)


def test_of_two_handlers_at_one_path_the_document_has_the_first(gateway: TestGateway) -> None:
    item = document(gateway)["paths"]["/rest/same/{word}"]
    assert set(item) == {"get", "post"}
    assert parameters(item["post"])["word"]["schema"] == {"type": "integer"}
    assert "/rest/same/{number}" not in document(gateway)["paths"]


def test_stanzas_have_a_schema(builtin: TestGateway) -> None:
    found = document(builtin, "")
    body = found["paths"]["/rest"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/Stanza"}
    stanza = found["components"]["schemas"]["Stanza"]
    assert OAS31Validator(stanza).is_valid({"kind": "message", "to": "bob@example.com", "body": "Hello"})
    assert not OAS31Validator(stanza).is_valid({"kind": "telegram"})


# Commands


def test_arguments_of_a_command_are_its_body(gateway: TestGateway) -> None:
    found = operation(gateway, "post", "/api/make")
    body = found["requestBody"]
    assert set(body["content"]) == {"application/json", "application/xml"}
    assert body["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/MakeArguments"}
    schema = document(gateway)["components"]["schemas"]["MakeArguments"]
    assert (schema["required"], schema["additionalProperties"]) == (["user", "password"], False)
    assert schema["properties"]["user"] == {"type": "string", "description": "for whom."}
    assert schema["properties"]["password"]["format"] == "password"
    assert schema["properties"]["count"] == {"type": "integer", "minimum": 1, "default": 1, "description": "how many."}
    assert body["content"]["application/json"]["example"] == {"user": "bob", "password": "x"}
    assert (found["summary"], found["description"], found["tags"]) == ("Make something", "With *care*.", ["shop"])


def test_the_result_of_a_command_is_described(gateway: TestGateway) -> None:
    answer = operation(gateway, "post", "/api/make")["responses"]["200"]
    assert answer["description"] == "What was made."
    assert answer["content"]["application/json"] == {"schema": {"type": "string"}, "example": "done"}
    assert operation(gateway, "post", "/api/rename_thing")["responses"]["200"]["content"]["application/json"]["schema"] == {"type": "null"}


def test_schemas_of_one_name_are_told_apart(gateway: TestGateway) -> None:
    found = document(gateway)
    schema = found["paths"]["/api/look/v0"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    schemas = found["components"]["schemas"]
    assert schema["items"] == {"$ref": "#/components/schemas/Item"}
    assert schemas["Item"]["properties"] == {"colour": {"title": "Colour", "type": "string"}}
    assert set(schemas["Item_2"]["properties"]) == {"name", "parts"}


def test_errors_of_a_command_are_those_of_the_gateway_and_those_it_declares(gateway: TestGateway) -> None:
    answers = set(operation(gateway, "post", "/api/make")["responses"])
    assert {"400", "401", "403", "404", "408", "409", "413", "415", "422", "429", "500", "501", "503", "504"} | {"200"} == answers
    of_stanzas = {str(status) for status in ENTITY_STATUSES}
    assert of_stanzas <= set(operation(gateway, "post", "/api/look/v2")["responses"])


def test_what_only_tells_may_be_got(gateway: TestGateway) -> None:
    found = operation(gateway, "get", "/api/look/v0")
    assert parameters(found)["at"]["schema"] == {"type": "array", "items": {"type": "string", "format": "jid"}}
    assert (parameters(found)["at"]["required"], parameters(found)["how"]["required"]) == (True, False)
    assert parameters(found)["how"]["schema"] == {"enum": ["well", "badly"], "default": "well"}
    assert "requestBody" not in found
    assert {"get", "post"} == set(document(gateway)["paths"]["/api/look"])
    assert {"post"} == set(document(gateway)["paths"]["/api/make"])


def test_each_version_has_a_path_and_the_latest_another(gateway: TestGateway) -> None:
    paths = document(gateway)["paths"]
    assert paths["/api/look"]["get"]["summary"] == paths["/api/look/v2"]["get"]["summary"] == "Look again"
    assert paths["/api/look/v0"]["get"]["summary"] == "Look"
    assert "/api/make/v0" not in paths


def test_a_further_place_has_some_arguments_in_the_path(gateway: TestGateway) -> None:
    found = operation(gateway, "put", "/api/things/{name}")
    assert parameters(found)["name"] == {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    assert found["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/RenameThingOtherArguments"}
    assert set(document(gateway)["components"]["schemas"]["RenameThingOtherArguments"]["properties"]) == {"to"}


def test_commands_for_all_take_a_login_and_need_none(gateway: TestGateway) -> None:
    assert operation(gateway, "post", "/api/rename_thing")["security"] == [{}, {"login": []}, {"token": []}, {"oauth": []}]
    assert operation(gateway, "post", "/api/make")["security"] == [{"login": []}, {"token": []}, {"oauth": []}]


def test_operations_that_take_a_key_for_repeats_say_so(builtin: TestGateway) -> None:
    found = document(builtin)
    paths = found["paths"]
    assert found["components"]["parameters"]["IdempotencyKey"]["name"] == "Idempotency-Key"
    for path in ("/rest", "/rest/{kind}", "/rest/stream", "/rest/adhoc/{jid}", "/api/send_message"):
        posts = [operations["post"] for shown, operations in paths.items() if shown.startswith(path.split("{")[0]) and "post" in operations]
        assert any(takes_key(each) and {"409", "422"} <= each["responses"].keys() for each in posts), path
    for path, method in (("/rest/echo", "post"), ("/rest/adhoc/{jid}", "get"), ("/api/status", "get")):
        assert not takes_key(paths[path][method]), path


# Who reads it, and how often it is made


@pytest.mark.parametrize(("docs", "statuses"), [("admin", (401, 403, 200)), ("public", (200, 200, 200)), ("off", (404, 404, 404))])
def test_the_configuration_says_who_may_read_it(docs: str, statuses: tuple[int, ...], tmp_path: Path) -> None:
    with serving(tmp_path, builtins=False, api={"docs": docs}) as running:
        logins = (None, ("alice", "secret"), ("admin", "secret"))
        for path in ("/api/openapi.json", "/api/docs"):
            assert tuple(running.client.get(path, auth=login).status_code for login in logins) == statuses


def test_who_has_the_document_gets_it_no_second_time(gateway: TestGateway) -> None:
    first = gateway.client.get("/api/openapi.json")
    again = gateway.client.get("/api/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert gateway.client.get("/api/openapi.json", auth=("admin", "secret")).headers["etag"] != first.headers["etag"]
    assert "Authorization" in first.headers["vary"]


@pytest.mark.parametrize(
    ("header", "is_known"), [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("", False)]
)
def test_tags_are_compared_weakly(header: str, is_known: bool) -> None:
    assert is_current(header, '"a"') is is_known


def test_the_document_is_made_once_for_all_who_may_run_the_same(gateway: TestGateway) -> None:
    openapi = _openapi(gateway)
    alice, bob = (Principal(JID(f"{name}@localhost"), frozenset({"user"})) for name in ("alice", "bob"))
    assert openapi.document_for(alice) is openapi.document_for(bob)
    assert openapi.document_for(Principal(None, via="open")) is not openapi.document_for(alice)
    assert openapi.document_for(alice) is openapi.document_for(bob)


def test_the_document_is_made_anew_when_other_scripts_are_served(tmp_path: Path) -> None:
    script = (
        '\nfrom tigrest import Handler\n\n\nclass {0}(Handler):\n    regex = "/{0}"\n\n    def exec_get(self):\n        return "hello"\n'
    )
    (tmp_path / "one.py").write_text(script.format("One"))
    with serving(tmp_path, builtins=False) as running:
        before = running.client.get("/api/openapi.json", auth=("admin", "secret"))
        (tmp_path / "two.py").write_text(script.format("Two"))
        running.reload()
        after = running.client.get("/api/openapi.json", auth=("admin", "secret"))
    assert set(after.json()["paths"]) - set(before.json()["paths"]) == {"/rest/Two"}
    assert before.headers["etag"] != after.headers["etag"]
    assert before.json()["info"]["version"] != after.json()["info"]["version"]


def _openapi(gateway: TestGateway) -> OpenApi:
    served = gateway.gateway
    return OpenApi(lambda: served.table, served.parts.pipeline, "localhost")


# What it is made of


def test_every_status_of_our_errors_has_a_meaning() -> None:
    of_ours = {mapping.status for mapping in EXCEPTIONS.values()} - {499}  # nobody sees 499: the caller is gone
    assert of_ours | ENTITY_STATUSES <= set(MEANINGS)


def test_errors_have_the_statuses_of_their_bases() -> None:
    assert statuses_of(UserExists) == {409}
    assert statuses_of(NoSuchUser) == {404}
    assert statuses_of(TooManyStreams) == {429}
    assert statuses_of(StanzaError) == ENTITY_STATUSES


def test_definitions_of_one_name_and_content_are_one() -> None:
    components = Components({})
    schema = {"$ref": "#/$defs/A", "$defs": {"A": {"type": "string"}}}
    assert components.lift(schema) == components.lift(schema) == {"$ref": "#/components/schemas/A"}
    assert components.lift({"$ref": "#/$defs/A", "$defs": {"A": {"type": "null"}}}) == {"$ref": "#/components/schemas/A_2"}
    assert components.schemas == {"A": {"type": "string"}, "A_2": {"type": "null"}}


def test_names_of_definitions_fit_the_document() -> None:
    components = Components({})
    components.lift({"$ref": "#/$defs/Page[int]", "$defs": {"Page[int]": {"type": "string"}}})
    assert set(components.schemas) == {"Page_int"}


def test_groups_are_those_of_commands_and_then_folders(gateway: TestGateway) -> None:
    assert [tag["name"] for tag in document(gateway)["tags"]] == ["shop", "rest"]


def test_titled_objects_are_moved_to_the_document_once() -> None:
    components = Components({})
    field = {"title": "form field", "type": "object", "properties": {"var": {"type": "string", "title": "name"}}}
    other = {"title": "form field", "type": "object"}
    shared = components.share({"title": "stanza", "type": "object", "properties": {"a": field, "b": {"anyOf": [field, other]}}})
    first = {"$ref": "#/components/schemas/FormField"}
    expected = {"a": first, "b": {"anyOf": [first, {"$ref": "#/components/schemas/FormField_2"}]}}
    assert shared == {"title": "stanza", "type": "object", "properties": expected}
    assert components.schemas == {
        "FormField": {"type": "object", "properties": {"var": {"type": "string", "title": "name"}}},
        "FormField_2": {"type": "object"},
    }


# Scripts with odd descriptions

ODD = r"""
from tigrest import Handler


class One(Handler):
    regex = r"/a-b"
    description = {"GET": {"info": 1, "description": None, "answers": {200: {"text/plain": {"example": object()}}}}}

    def exec_get(self):
        return ""

    def exec_post(self):
        return ""


class Two(Handler):
    regex = r"/a_b"
    description = {"POST": {"request": {"a set": {1, 2}}, "response": {3: float("nan")}}}

    def exec_post(self, content):
        return ""


class Three(Handler):
    regex = r"/{weird}/([^/]+)[|]?"
    description = {"regex": "/{a|b}[/{c}"}

    def exec_get(self, *groups):
        return ""
"""

ODD_COMMANDS = '''
from tigrest import CommandContext, Secret, command


@command(role=None)
async def one(ctx: CommandContext, text: str = object()) -> None:
    """Take a default that has no JSON."""


@command(role=None)
async def two(ctx: CommandContext, password: Secret = Secret("hunter2"), far: float = 1e300) -> None:
    """Take a secret by default."""
'''


def test_odd_descriptions_leave_the_rest_described(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "rest").mkdir()
    (tmp_path / "rest" / "odd.py").write_text(ODD)
    (tmp_path / "commands").mkdir()
    (tmp_path / "commands" / "odd.py").write_text(ODD_COMMANDS)
    with serving(tmp_path / "rest", commands=[tmp_path / "commands"], builtins=False, api={"docs": "public"}) as running:
        assert running.gateway.table.problems == ()
        found = document(running)
    assert [error.message for error in OpenAPIV31SpecValidator(found).iter_errors()] == []
    names = [each["operationId"] for item in found["paths"].values() for each in item.values()]
    assert {"post_rest_a_b", "post_rest_a_b_2", "two"} <= set(names)
    assert "hunter2" not in str(found)
    assert "One is left out of the OpenAPI document: what describes GET /rest/a-b has no JSON" in caplog.text
    assert "one is left out of the OpenAPI document" in caplog.text
