"""Swagger UI: what it is made of, and what browsers are told about it. Its use is tried in ``tests/servers/test_swagger.py``."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from importlib.resources import files

import pytest

from tests.sources import ROOT
from tigrest.api.swagger import ASSETS
from tigrest.testing import TestGateway, serving

STATIC = files("tigrest.api") / "static"

VERSION = "5.35.0"

SHA_256 = {
    "LICENSE": "cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30",
    "NOTICE": "0d20d1adef18aee3f40dd258172155521ce702ac445cb5f7b7d60ed32dad2fb2",
    "favicon-32x32.png": "3ed612f41e050ca5e7000cad6f1cbe7e7da39f65fca99c02e99e6591056e5837",
    "swagger-ui-bundle.js": "e6a898692f2d768e807c3ba4626068a69a2c5dd960dd6c76f3e4d3a3de180af2",
    "swagger-ui-bundle.js.LICENSE.txt": "37eb6e7e59aed57b2c1acf076574b818ea07b74265717e0bd67b59e0baf9abbb",
    "swagger-ui.css": "5ed08757e53da3e026d6cbecc61fe5d43585c9560b302d534ad56692519a273d",
}
"""Of npm's package ``swagger-ui-dist``, as ``make vendor`` prints them."""


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestGateway]:
    with serving(builtins=False, api={"docs": "public"}) as running:
        yield running


def test_the_vendored_files_are_those_of_the_package() -> None:
    vendored = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (STATIC / "swagger-ui").iterdir()}
    assert vendored == SHA_256


def test_make_vendor_fetches_the_version_that_is_there() -> None:
    assert f"SWAGGER_UI ?= {VERSION}\n" in (ROOT / "Makefile").read_text()
    assert f'"{VERSION}"' in (STATIC / "swagger-ui" / "swagger-ui-bundle.js").read_text()


@pytest.mark.parametrize("name", ASSETS)
def test_files_are_served_with_their_types(gateway: TestGateway, name: str) -> None:
    file, media = ASSETS[name]
    answer = gateway.get(f"/api/docs/{name}".rstrip("/"))
    assert (answer.status_code, answer.headers["content-type"]) == (200, media.decode())
    assert answer.content == (STATIC / file).read_bytes()
    again = gateway.get(f"/api/docs/{name}".rstrip("/"), headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path", ["/api/docs/", "/api/docs/nothing", "/api/docs/swagger-ui/LICENSE", "/api/docs/../mount.py", "/api/docs/docs.html"]
)
def test_nothing_else_is_served(gateway: TestGateway, path: str) -> None:
    assert gateway.get(path).status_code == 404


def test_the_page_may_load_from_its_own_host_only(gateway: TestGateway) -> None:
    policy = gateway.get("/api/docs").headers["content-security-policy"]
    directives = dict(each.strip().partition(" ")[::2] for each in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert set(" ".join(directives.values()).split()) == {"'none'", "'self'", "data:"}
    assert directives["img-src"] == "'self' data:"


def test_the_page_names_no_other_host_and_has_no_script_of_its_own() -> None:
    page = (STATIC / "docs.html").read_text()
    assert re.findall(r'(?:src|href)="([^"]+)"', page) == [
        "docs/swagger-ui.css",
        "docs/favicon-32x32.png",
        "openapi.json",
        "docs/swagger-ui-bundle.js",
        "docs/docs.js",
    ]
    assert re.findall(r"<script[^>]*>([^<]+)</script>|\son\w+=|style=", page) == []
    assert "://" not in (STATIC / "docs.js").read_text()
