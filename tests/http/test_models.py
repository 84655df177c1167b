"""Models: content and query are validated before a method runs."""

from typing import Any

import pytest

from tests.http.conftest import Serve

SCRIPT = """
import datetime
from dataclasses import dataclass, field
from typing import Annotated, Literal
from pydantic import BaseModel, ConfigDict, Field, field_validator
from typing_extensions import TypedDict

class Item(BaseModel):
    name: str
    count: int = 1

class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int
    customer: JID | None = None
    items: list[Item] = []
    at: datetime.date | None = None
    urgent: bool = False
    password: str = ""

    @field_validator("password")
    @classmethod
    def long_enough(cls, value: str) -> str:
        if 0 < len(value) < 8:
            raise ValueError("use 8 characters or more")
        return value

class Orders(Handler):
    regex = "/orders"
    async def exec_post(self, content: Order):
        return {"got": content, "kind": type(content).__name__}
    def exec_put(self, content: Order | None = None):
        return {"got": content}
    def exec_patch(self, content: list[Order]):
        return {"got": content}

class Strict(BaseModel, strict=True):
    number: int
    on: datetime.date

class StrictOnes(Handler):
    regex = "/strict"
    def exec_post(self, content: Strict): return {"got": content}

@dataclass
class Point:
    x: float
    y: float = 0.0

class Shape(TypedDict):
    points: list[Point]

class Cat(BaseModel):
    kind: Literal["cat"]

class Dog(BaseModel):
    kind: Literal["dog"]

class Shapes(Handler):
    regex = "/shapes/(dict|dataclass)"
    def exec_post(self, what, content: Shape): return {"got": content}
    def exec_put(self, what, content: Point): return {"got": content}
    def exec_patch(self, what, content: Annotated[Cat | Dog, Field(discriminator="kind")]): return {"got": content}

class Search(BaseModel):
    text: str
    tags: list[str] = []
    page: int = Field(1, ge=1)
    exact: bool = False

class Searches(Handler):
    regex = "/search"
    async def exec_get(self, query: Search): return {"got": query}

class Strictest(Search):
    model_config = ConfigDict(extra="forbid")

class OtherSearches(Handler):
    regex = "/others"
    async def exec_get(self, query: Strictest | None = None): return {"got": query}

class Named(Handler):
    regex = r"/named/(?P<query>\\d+)"
    async def exec_get(self, query: int): return {"got": query}

class Unnamed(Handler):
    regex = r"/unnamed/([^/]+)"
    async def exec_get(self, query): return {"got": query}
"""

ORDER: dict[str, Any] = {"id": 7, "customer": None, "items": [], "at": None, "urgent": False, "password": ""}
XML, FORM = "application/xml", "application/x-www-form-urlencoded"


@pytest.fixture
def send(share: Serve) -> Any:
    gateway = share(SCRIPT)

    def send(path: str, body: str, media: str = "application/json", method: str = "POST") -> tuple[int, Any]:
        answer = gateway.request(
            method, f"/rest{path}", content=body.encode(), headers={"Content-Type": media, "Accept": "application/json"}
        )
        if media == XML:
            answer = gateway.request(method, f"/rest{path}", content=body.encode(), headers={"Content-Type": media})
            return answer.status_code, answer.text
        return answer.status_code, answer.json()

    return send


def test_content_is_an_object_of_the_model(send: Any) -> None:
    body = '{"id": 7, "customer": "Bob@X", "items": [{"name": "pear"}], "at": "2026-11-26", "urgent": true}'
    got = {"id": 7, "customer": "bob@x", "items": [{"name": "pear", "count": 1}], "at": "2026-11-26", "urgent": True, "password": ""}
    assert send("/orders", body) == (200, {"got": got, "kind": "Order"})


def test_xml_is_text_and_its_root_is_the_object(send: Any) -> None:
    body = "<order><id>7</id><items><item><name>pear</name><count>2</count></item></items><at/><urgent>true</urgent></order>"
    shown = "<items><item><name>pear</name><count>2</count></item></items><at/><urgent>true</urgent>"
    assert send("/orders", body, XML) == (
        200,
        f"<result><got><id>7</id><customer/>{shown}<password></password></got><kind>Order</kind></result>",
    )


@pytest.mark.parametrize(
    ("body", "items"),
    [
        ("<order><id>7</id><items/></order>", "<items/>"),
        ("<order><id>7</id><items><name>a</name></items></order>", "<items><item><name>a</name><count>1</count></item></items>"),
        (
            "<order><id>7</id><items><name>a</name></items><items><name>b</name></items></order>",
            "<items><item><name>a</name><count>1</count></item><item><name>b</name><count>1</count></item></items>",
        ),
        ("<id>7</id>", "<items/>"),
    ],
)
def test_lists_and_roots_in_xml_may_be_written_in_each_way(send: Any, body: str, items: str) -> None:
    status, text = send("/orders", body, XML)
    assert status == 200
    assert items in text


def test_forms_are_text(send: Any) -> None:
    assert send("/orders", "id=7&urgent=yes&at=&items=", FORM) == (200, {"got": {**ORDER, "urgent": True}, "kind": "Order"})
    status, problem = send("/orders", "id=x", FORM)
    assert (status, [error["field"] for error in problem["errors"]]) == (422, ["id"])


def test_what_does_not_fit_is_422_with_the_fields(send: Any) -> None:
    status, problem = send("/orders", '{"id": "x", "items": [{"count": 2}], "idd": 1, "password": "hunter2"}')
    assert status == 422
    assert problem["title"] in ("Unprocessable Content", "Unprocessable Entity")
    assert problem["errors"] == [
        {"field": "id", "detail": "Input should be a valid integer, unable to parse string as an integer"},
        {"field": "items.0.name", "detail": "Field required"},
        {"field": "password", "detail": "use 8 characters or more"},
        {"field": "idd", "detail": "Extra inputs are not permitted"},
    ]
    assert problem["detail"] == "content: id: Input should be a valid integer, unable to parse string as an integer (and 3 more)"
    assert "hunter2" not in str(problem)


def test_the_problem_is_xml_for_who_sends_xml(send: Any) -> None:
    status, text = send("/orders", "<order><id>x</id></order>", XML)
    assert status == 422
    assert "<errors><item><field>id</field><detail>Input should be a valid integer" in text


def test_the_problem_is_a_page_for_browsers(share: Serve) -> None:
    page = share(SCRIPT).get("/rest/search?page=<0>", headers={"Accept": "text/html"})
    assert page.status_code == 422
    assert "<dt><code>text</code></dt><dd>Field required</dd>" in page.text
    assert "<dt><code>page</code></dt>" in page.text
    assert "<0>" not in page.text


@pytest.mark.parametrize("body", ["5", "[]", '"x"', "null"])
def test_a_value_of_another_shape_is_422(send: Any, body: str) -> None:
    assert send("/orders", body)[0] == 422


def test_what_cannot_be_read_is_400_and_another_type_415(send: Any) -> None:
    assert send("/orders", "{")[0] == 400
    assert send("/orders", "<a>", XML)[0] == 400
    status, problem = send("/orders", "id: 7", "application/yaml")
    assert status == 415
    assert problem["detail"] == (
        "content of type application/yaml is not read here; send application/json, application/xml, application/x-www-form-urlencoded"
    )


def test_no_body_is_422_unless_none_is_allowed(share: Serve) -> None:
    gateway = share(SCRIPT)
    problem = gateway.post("/rest/orders?type=json")
    assert (problem.status_code, problem.json()["errors"]) == (422, [{"field": "", "detail": "there is no body"}])
    assert problem.json()["detail"] == "content: there is no body"
    assert gateway.request("PUT", "/rest/orders?type=json").json() == {"got": None}


def test_many_problems_are_not_all_listed(send: Any) -> None:
    status, problem = send("/orders", "[" + ",".join(["{}"] * 100) + "]", method="PATCH")
    assert (status, len(problem["errors"])) == (422, 20)
    assert "(and 99 more)" in problem["detail"]
    status, problem = send("/orders", "[" + ",".join(["{}"] * 2000) + "]", method="PATCH")
    assert problem["errors"] == [{"field": "", "detail": "too much is wrong with it"}]
    status, problem = send("/orders", '{"id": 1, "' + "x" * 5000 + '": 1}')
    assert len(problem["errors"][0]["field"]) == 100


def test_strict_models_are_strict_for_json_only(send: Any) -> None:
    assert send("/strict", '{"number": 5, "on": "2026-11-26"}')[0] == 200
    assert send("/strict", '{"number": "5", "on": "2026-11-26"}')[0] == 422
    assert send("/strict", "number=5&on=2026-11-26", FORM)[0] == 200


def test_typed_dicts_dataclasses_and_unions_are_models(send: Any) -> None:
    assert send("/shapes/dict", '{"points": [{"x": 1}]}') == (200, {"got": {"points": [{"x": 1.0, "y": 0.0}]}})
    assert send("/shapes/dict", "<shape><points><x>1</x></points></shape>", XML)[0] == 200
    assert send("/shapes/dataclass", '{"x": "1"}', method="PUT") == (200, {"got": {"x": 1.0, "y": 0.0}})
    assert send("/shapes/dataclass", '{"kind": "dog"}', method="PATCH") == (200, {"got": {"kind": "dog"}})
    status, problem = send("/shapes/dataclass", '{"kind": "hunter2"}', method="PATCH")
    assert (status, problem["errors"]) == (422, [{"field": "", "detail": "'kind' should be one of 'cat', 'dog'"}])


@pytest.mark.parametrize(
    ("query", "status", "got"),
    [
        ("text=a%20b&tags=x&page=2&exact=true", 200, {"text": "a b", "tags": ["x"], "page": 2, "exact": True}),
        ("text=&tags=x&tags=y", 200, {"text": "", "tags": ["x", "y"], "page": 1, "exact": False}),
        ("text=a&unknown=1", 200, {"text": "a", "tags": [], "page": 1, "exact": False}),
        ("page=0", 422, ["text", "page"]),
        ("text=a&text=b", 422, ["text"]),
        ("", 422, ["text"]),
        ("text=%ff", 400, None),
    ],
)
def test_a_query_is_validated(share: Serve, query: str, status: int, got: Any) -> None:
    answer = share(SCRIPT).get(f"/rest/search?{query}", headers={"Accept": "application/json"})
    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"got": got}
    elif got:
        assert [error["field"] for error in answer.json()["errors"]] == got
        assert answer.json()["detail"].startswith("query: ")


def test_the_gateways_own_parameters_are_not_for_the_model(share: Serve) -> None:
    gateway = share(SCRIPT)
    assert gateway.get("/rest/others?type=json&text=a").json() == {"got": {"text": "a", "tags": [], "page": 1, "exact": False}}
    assert gateway.get("/rest/others?type=json&text=a&typ=b").status_code == 422
    assert gateway.get("/rest/others?type=json").json() == {"got": None}
    assert gateway.get("/rest/others").text == "<got/>"


def test_a_group_called_query_stays_a_group(share: Serve) -> None:
    gateway = share(SCRIPT)
    assert gateway.get("/rest/named/5?type=json").json() == {"got": 5}
    assert gateway.get("/rest/unnamed/abc?type=json").json() == {"got": "abc"}


def test_a_default_stands_in_for_a_body_that_is_missing(serve: Serve) -> None:
    gateway = serve(
        """
        from pydantic import BaseModel
        class Order(BaseModel):
            id: int
        class Orders(Handler):
            regex = "/defaults"
            async def exec_post(self, content: Order = Order(id=5)): return content
        """
    )
    assert gateway.post("/rest/defaults").text == "<id>5</id>"


def test_the_index_shows_schemas_and_examples(serve: Serve) -> None:
    gateway = serve(
        """
        from pydantic import BaseModel, ConfigDict, SkipValidation
        from typing import Callable
        class Order(BaseModel):
            model_config = ConfigDict(json_schema_extra={"examples": [{"id": 7}]})
            id: int
        class Search(BaseModel):
            text: str
        class Odd(BaseModel):
            call: Callable[[], int]
        class Orders(Handler):
            regex = "/shown"
            async def exec_post(self, content: Order, query: Search): return content
            async def exec_put(self, content: Odd): return None
            async def exec_get(self): return None
        """
    )
    entries = gateway.get("/rest/", headers={"Accept": "application/json"}).json()["routes"]
    schemas = {entry["method"]: entry.get("schemas") for entry in entries}
    assert schemas["POST"]["content"]["properties"] == {"id": {"title": "Id", "type": "integer"}}
    assert schemas["POST"]["query"]["required"] == ["text"]
    assert (schemas["GET"], schemas["PUT"]) == (None, None)
    page = gateway.get("/rest/", headers={"Accept": "text/html"}).text
    assert "JSON schema of the query" in page
    assert "-d &#39;{&#34;id&#34;:7}&#39;" in page


def test_what_does_not_fit_is_no_error_of_the_script(send: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert send("/orders", "{}")[0] == 422
    assert [record for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []


def test_annotations_may_be_texts(serve: Serve) -> None:
    source = """
        from dataclasses import dataclass
        class Orders(Handler):
            regex = "/late"
            async def exec_post(self, content: "Order"): return content
        @dataclass
        class Order:
            id: "int"
            inner: "Order | None" = None
        """
    assert serve(source).post("/rest/late", json={"id": "5", "inner": {"id": 6}}).json() == {"id": 5, "inner": {"id": 6, "inner": None}}
