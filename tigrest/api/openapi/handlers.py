"""Operations of handlers: the paths that their patterns match, arguments, bodies and answers. OpenAPI 3.1 §4.8.8–4.8.10"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from tigrest.api.openapi.answers import ANY_ERROR, ENTITY_STATUSES, problem_answer, problem_references
from tigrest.api.openapi.components import KEY_PARAMETER_NAME, KEY_STATUSES, Components, JsonObject, parameter_reference
from tigrest.formats.content import JSON, PLAIN_TEXT, XML
from tigrest.formats.encoding import Unencodable, plain
from tigrest.formats.labels import guess
from tigrest.http.statuses import phrase
from tigrest.scripting.patterns import PathGroup, Variant, variants
from tigrest.scripting.routes import Route
from tigrest.scripting.signature import Invocation
from tigrest.scripting.usage import Usage, usages

log = logging.getLogger(__name__)

Paths = dict[str, dict[str, JsonObject]]
"""Operations by path and by method in lower case. OpenAPI 3.1 §4.8.8"""

LOGINS: tuple[dict[str, list[str]], ...] = ({"login": []}, {"token": []}, {"oauth": []})
KEY: dict[str, list[str]] = {"apiKey": []}
"""Requirements of security, by the names of :data:`tigrest.api.openapi.document.SECURITY_SCHEMES`. OpenAPI 3.1 §4.8.30"""

_PARAMETER = re.compile(r"\{([^{}]*)\}")
_ANY: JsonObject = {"*/*": {}}


@dataclass(frozen=True)
class PathTemplate:
    """A path of OpenAPI, with the schemas of its parameters in their order."""

    path: str
    parameters: Mapping[str, JsonObject]

    @property
    def key(self) -> str:
        """Return the path without names: of two that differ in names only, a document may have one. OpenAPI 3.1 §4.8.8.1"""
        return _PARAMETER.sub("{}", self.path)

    def renamed(self, path: str) -> PathTemplate:
        """Return the same template with the names of another path that has the same key."""
        names = _PARAMETER.findall(path)
        return replace(self, path=path, parameters=dict(zip(names, self.parameters.values(), strict=True)))


def add_handlers(paths: Paths, routes: Iterable[Route], components: Components) -> None:
    """Add the operations of all handlers to the paths of a document.

    Args:
        paths: of the document.
        routes: of the table, in its order.
        components: get the schemas.
    """
    written = {_PARAMETER.sub("{}", path): path for path in paths}
    for route in routes:
        for usage in usages(route):
            for template in _free(route, usage, paths, written):
                shown = written.setdefault(template.key, template.path)
                try:
                    operation = plain(_operation(route, usage, template.renamed(shown), components))
                except Unencodable as error:
                    log.warning(
                        "%s is left out of the OpenAPI document: what describes %s %s has no JSON: %s",
                        route.name,
                        usage.method,
                        shown,
                        error,
                    )
                    continue
                paths.setdefault(shown, {})[usage.method.lower()] = operation


def _free(route: Route, usage: Usage, paths: Paths, written: Mapping[str, str]) -> list[PathTemplate]:
    """Return the templates of a method that no other handler has: those of its pattern, else those that its author shows."""
    endpoint = route.endpoints[usage.method]

    def is_free(template: PathTemplate) -> bool:
        return usage.method.lower() not in paths.get(written.get(template.key, ""), {})

    by_pattern = [template for template in _of_pattern(route, endpoint.invocation) if is_free(template)]
    return by_pattern or [template for template in _of_shown(route.uri) if is_free(template)]


def _of_pattern(route: Route, invocation: Invocation) -> Iterator[PathTemplate]:
    """Give the templates of a pattern; not those that only add a slash, nor those with none behind the folder.

    A group of several segments is no parameter, which is one segment. OpenAPI 3.1 §4.8.12.1
    """
    found = variants(route.pattern)
    for variant in found:
        if variant and not (isinstance(variant[0], str) and variant[0].startswith("/")):
            continue
        if any(isinstance(piece, PathGroup) and piece.spans_segments for piece in variant):
            continue
        if _ends_in_slash(variant) and (_without_slash(variant) in found):
            continue
        yield _template(route, variant, invocation)


def _ends_in_slash(variant: Variant) -> bool:
    return bool(variant) and isinstance(variant[-1], str) and variant[-1].endswith("/")


def _without_slash(variant: Variant) -> Variant:
    last = variant[-1]
    assert isinstance(last, str)
    return variant[:-1] if last == "/" else (*variant[:-1], last[:-1])


def _template(route: Route, variant: Variant, invocation: Invocation) -> PathTemplate:
    path, parameters = quote(route.folder), {}
    for piece in variant:
        if isinstance(piece, str):
            path += quote(piece, safe="/@:!$&'()*+,;=~")
            continue
        name = invocation.group_names.get(piece.index, f"group{piece.index + 1}")
        path += f"{{{name}}}"
        parameters[name] = _schema_of(piece, invocation)
    return PathTemplate(path, parameters)


def _schema_of(group: PathGroup, invocation: Invocation) -> JsonObject:
    """Return the schema of what a group takes: of its argument's type, and the texts that the pattern lists."""
    kind = invocation.group_kinds.get(group.index)
    schema: JsonObject = kind.schema() if kind is not None else {"type": "string", "minLength": 1}
    choices = schema.get("anyOf")
    if isinstance(choices, list):  # an argument that may be None: here it is there
        schema = dict(choices[0])
    return {"type": "string", "enum": list(group.choices)} if group.choices and schema.get("type") == "string" else schema


def _of_shown(uri: str) -> Iterator[PathTemplate]:
    """Give the templates of a URI as people read it: with and without what stands in brackets."""
    full = re.sub(r"[\[\]]", "", uri)
    short = re.sub(r"\[[^\[\]]*\]", "", uri)
    for path in dict.fromkeys((short, full)):
        names = _PARAMETER.findall(path)
        if len(set(names)) == len(names):
            yield PathTemplate(path, {name: {"type": "string", "minLength": 1} for name in names})


def _operation(route: Route, usage: Usage, template: PathTemplate, components: Components) -> JsonObject:
    """Describe one method at one path."""
    invocation = route.endpoints[usage.method].invocation
    operation: JsonObject = {
        "operationId": operation_id(usage.method, template.path),
        "tags": [tag_of(route)],
        "summary": usage.info,
    }
    if usage.description:
        operation["description"] = usage.description
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schema, "description": ""} for name, schema in template.parameters.items()
    ]
    parameters += query_parameters(components.lift(usage.schemas["query"])) if "query" in usage.schemas else []
    shown: list[JsonObject] = [{key: value for key, value in each.items() if value != ""} for each in parameters]
    if route.endpoints[usage.method].takes_key:
        shown.append(parameter_reference(KEY_PARAMETER_NAME))
    if shown:
        operation["parameters"] = shown
    body = _body(usage, invocation, components)
    if body is not None:
        operation["requestBody"] = body
    operation["responses"] = {**_successes(route, usage), **_failures(route, usage, takes_body=body is not None)}
    operation["security"] = _security(route)
    return operation


def operation_id(method: str, path: str) -> str:
    """Return a name for an operation, e.g. ``get_rest_avatar_jid``."""
    return "_".join([method.lower(), *re.findall(r"[A-Za-z0-9]+", path)])


def tag_of(route: Route) -> str:
    """Return the group of a handler: its folder, e.g. ``rest/avatar``."""
    return route.folder.strip("/")


def query_parameters(schema: Mapping[str, object]) -> list[JsonObject]:
    """Return the parameters of a query that a schema of an object describes. OpenAPI 3.1 §4.8.12"""
    properties, required = schema.get("properties"), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        return []
    return [
        {"name": name, "in": "query", "required": name in required, "schema": each, "description": str(each.get("description", ""))}
        for name, each in properties.items()
    ]


def _body(usage: Usage, invocation: Invocation, components: Components) -> JsonObject | None:
    """Describe the body of a request; ``None`` when the method takes none."""
    if "content" not in invocation.names or usage.method == "GET":
        return None
    if usage.accepts:
        content: JsonObject = {media: {"schema": dict(schema)} for media, schema in usage.accepts.items()}
    elif "content" in usage.schemas:
        schema = components.lift(usage.schemas["content"])
        content = {media: {"schema": schema} for media in (JSON, XML)}
    elif isinstance(usage.request, str):
        content = {guess(usage.request.encode()): {"schema": {"type": "string"}}, **_ANY}
    elif usage.request is not None:
        content = {media: {"schema": {"type": "object"}} for media in (JSON, XML)}
    else:
        content = dict(_ANY)
    example = usage.request
    if example is not None and not isinstance(example, str):
        content[JSON] = {**_mapping(content.get(JSON)), "example": example}
    return {"content": content}


def _mapping(value: object) -> JsonObject:
    return dict(value) if isinstance(value, dict) else {}


def _successes(route: Route, usage: Usage) -> JsonObject:
    """Describe the answers that are no errors."""
    given = {status: answer for status, answer in usage.answers.items() if status < 400}
    if given:
        return {str(status): _answer(status, answer) for status, answer in sorted(given.items())}
    content: JsonObject
    if isinstance(usage.response, dict | list):
        content = {JSON: {"example": usage.response}, XML: {}}
    elif isinstance(usage.response, str):
        content = {guess(usage.response.encode()) or PLAIN_TEXT: {"example": usage.response}, **_ANY}
    else:
        content = dict(_ANY)
    if route.endpoints[usage.method].template is not None:
        content["text/html"] = {}
    return {"200": {"description": phrase(200), "content": content}}


def _answer(status: int, answer: str | Mapping[str, Mapping[str, object]]) -> JsonObject:
    if isinstance(answer, str):
        return {"description": answer}
    return {"description": phrase(status), "content": {media: {"schema": dict(schema)} for media, schema in answer.items()}}


def _failures(route: Route, usage: Usage, *, takes_body: bool) -> JsonObject:
    """Describe the errors: those of the gateway itself, and those that the author lists; else any may come."""
    names = route.endpoints[usage.method].invocation.names
    statuses = {400, 404, 500, 503, 504}
    if route.is_guarded:
        statuses |= {401, 403, 429}
    if usage.method != "GET" or route.checks_origin:
        statuses.add(403)
    if takes_body:
        statuses |= {408, 413, 415}
    if route.endpoints[usage.method].invocation.models:
        statuses.add(422)
    if route.endpoints[usage.method].takes_key:
        statuses |= KEY_STATUSES
    if "service" in names:
        statuses |= {429, 501, 502, *ENTITY_STATUSES}
    given = {status: answer for status, answer in usage.answers.items() if status >= 400}
    listed: JsonObject = {str(status): _failure(status, answer) for status, answer in given.items()}
    known = problem_references(statuses - given.keys())
    return {**dict(sorted({**known, **listed}.items())), **({} if usage.answers else {"default": ANY_ERROR})}


def _failure(status: int, answer: str | Mapping[str, Mapping[str, object]]) -> JsonObject:
    return problem_answer(status, answer) if isinstance(answer, str) else _answer(status, answer)


def _security(route: Route) -> list[JsonObject]:
    """Return who may call: each entry is one way in. OpenAPI 3.1 §4.8.30"""
    logins: list[JsonObject] = [dict(login) for login in LOGINS]
    if route.api_key:
        asks_both = route.role is not None and not route.asks_auth_required
        return [KEY | login for login in logins] if asks_both else [dict(KEY)]
    if route.role is None:
        return [{}, *logins] if route.asks_auth_required else []
    return [*logins, dict(KEY)] if route.asks_auth_required else logins
