"""JSON, XML or a page."""

import pytest

from tests.http.conftest import Serve
from tigrest.http.accepted_format import AcceptedFormat, Encoding, choose_format

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.mark.parametrize(
    ("content_type", "type_parameter", "accept", "form", "html"),
    [
        ("", "", "", "xml", False),
        ("", "", "*/*", "xml", False),
        ("", "", "application/json", "json", False),
        ("", "", "application/xml, application/json", "xml", False),
        ("", "", "application/xml;q=0.5, application/json", "json", False),
        ("", "", "application/json;q=0, application/xml;q=0.1", "xml", False),
        ("", "", "application/json;q=x", "xml", False),
        ("", "application/json", "application/xml", "json", False),
        ("application/json", "application/xml", "application/xml", "json", False),
        ("application/json; charset=utf-8", "", "", "json", False),
        ("APPLICATION/JSON", "", "", "json", False),
        ("text/json", "", "", "json", False),
        ("application/vnd.x+json", "", "", "json", False),
        ("text/xml", "application/json", "", "xml", False),
        ("image/png", "", "application/json", "json", False),
        ("application/x-www-form-urlencoded", "", "", "xml", False),
        ("", "", BROWSER, "xml", True),
        ("", "text/html", "", "xml", True),
        ("", "application/json", BROWSER, "json", False),
        ("application/json", "text/html", "", "json", True),
    ],
)
def test_the_form_of_an_answer(content_type: str, type_parameter: str, accept: str, form: Encoding, html: bool) -> None:
    assert choose_format(content_type, type_parameter, accept) == AcceptedFormat(form, html)


@pytest.mark.parametrize(
    ("options", "content_type"),
    [
        ({}, "application/problem+xml"),
        ({"type": "application/json"}, "application/problem+json"),
        ({"headers": {"Accept": "application/json"}}, "application/problem+json"),
        ({"headers": {"Accept": BROWSER}}, "text/html; charset=utf-8"),
    ],
)
def test_errors_take_the_form_that_answers_take(serve: Serve, options: dict[str, object], content_type: str) -> None:
    response = serve("").get("/rest/nothing", **options)
    assert (response.status_code, response.headers["content-type"]) == (404, content_type)
