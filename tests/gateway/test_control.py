"""The gateway's own ad-hoc commands, at its own address."""

from pathlib import Path
from typing import Any

import pytest

from tests.http.conftest import Serve, serve  # noqa: F401 - a fixture
from tigrest.testing import TestGateway

KEYED = """
class Keyed(Handler):
    regex = "/keyed"
    apiKey = True
    def exec_get(self): return "in"
"""


def run(gateway: TestGateway, node: str, **values: Any) -> Any:
    fields = [{"var": var, "value": value} for var, value in values.items()]
    response = gateway.post("/rest/adhoc/http.localhost", login="admin", json={"command": {"node": node, "fields": fields}})
    assert response.status_code == 200, response.text
    return {field["var"]: field.get("value") for field in response.json()["command"]["fields"]}


MARKED = {"command-marker": "command-marker"}


def test_keys_are_added_limited_and_removed(serve: Serve) -> None:  # noqa: F811
    gateway = serve(KEYED, builtins=True)
    nodes = [item["node"] for item in gateway.get("/rest/adhoc/http.localhost?type=json", login="admin").json()["items"]]
    assert nodes[:4] == ["api-key-add", "api-key-update", "api-key-remove", "reload-handlers"]
    assert "There are no items on the list" in run(gateway, "api-key-remove").values()
    added = run(gateway, "api-key-add", Name="ci", **MARKED)
    key = added["API Key"]
    assert gateway.get("/rest/keyed", api_key=key).status_code == 200
    assert "already" in run(gateway, "api-key-add", Name="ci", **MARKED)["Error"]
    form = run(gateway, "api-key-update", **{"item-list": "ci"})
    assert form["item-list"] == "ci"
    paths = next(var for var in form if var.startswith("Paths"))
    assert run(gateway, "api-key-update", **{"item-list": "ci", paths: ["/rest/else"]}, **MARKED) == {"Note": "Operation successful"}
    assert gateway.get("/rest/keyed", api_key=key).status_code == 403
    assert run(gateway, "api-key-remove", **{"item-list": "ci"}) == {"Note": "Operation successful"}
    assert run(gateway, "api-key-remove", **{"item-list": "ci"}) == {"Note": "There are no items on the list"}
    assert run(gateway, "api-key-update", **{"item-list": "ci"}, **MARKED) == {"Note": "There are no items on the list"}


@pytest.mark.parametrize("sent", [{"action": "complete"}, {"fields": [{"var": "item-list"}]}])
def test_no_key_is_removed_that_was_not_chosen(serve: Serve, sent: dict[str, object]) -> None:  # noqa: F811
    gateway = serve(KEYED, builtins=True)
    key = run(gateway, "api-key-add", Name="ci", **MARKED)["API Key"]
    response = gateway.post("/rest/adhoc/http.localhost", login="admin", json={"command": {"node": "api-key-remove", **sent}})
    assert (response.status_code, response.json()["detail"]) == (400, "the form requires a value of 'item-list': give it in fields")
    assert gateway.get("/rest/keyed", api_key=key).status_code == 200


def test_scripts_are_reloaded_and_their_problems_told(serve: Serve, tmp_path: Path) -> None:  # noqa: F811
    gateway = serve(KEYED, builtins=True)
    (tmp_path / "new.py").write_text(
        "from tigrest import *\nclass New(Handler):\n    regex = '/new'\n    def exec_get(self): return 'new'\n"
    )
    assert run(gateway, "reload-handlers") == {"Note": "Script handlers reloaded"}
    assert gateway.get("/rest/new").text == "new"
    (tmp_path / "new.py").write_text("broken(")
    assert run(gateway, "reload-handlers")["Error"] == ["new.py:1: SyntaxError: '(' was never closed"]
    assert gateway.get("/rest/new").text == "new"


@pytest.mark.parametrize("node", ["api-key-add", "reload-handlers"])
def test_they_are_for_admins(serve: Serve, node: str) -> None:  # noqa: F811
    gateway = serve(KEYED, builtins=True)
    refused = gateway.post("/rest/adhoc/http.localhost", login="alice", json={"command": {"node": node}})
    assert refused.status_code == 403
