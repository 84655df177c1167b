"""Operations of commands: ``/api/<name>``, each version at ``/api/<name>/vN``, and further places. OpenAPI 3.1 §4.8.10"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Sequence

from tigrest.api.finding import API
from tigrest.api.openapi.answers import problem_references, statuses_of
from tigrest.api.openapi.components import KEY_PARAMETER_NAME, KEY_STATUSES, Components, JsonObject, parameter_reference
from tigrest.api.openapi.handlers import LOGINS, Paths, operation_id
from tigrest.formats.content import JSON, XML
from tigrest.formats.encoding import Unencodable, plain
from tigrest.http.statuses import phrase
from tigrest.scripting.commands import MISSING, Argument, Command
from tigrest.scripting.result_types import UnknownResult

log = logging.getLogger(__name__)

_BODY_MEDIA = (JSON, XML)
"""Media types of bodies that are described; forms are read too, but with several types openapi-python-client 0.29 makes broken clients."""


def add_commands(paths: Paths, definitions: Iterable[Sequence[Command]], components: Components) -> None:
    """Add the operations of commands to the paths of a document.

    Args:
        paths: of the document.
        definitions: of each command, the one with the highest version last.
        components: get the schemas.
    """
    for versions in definitions:
        for command, method, path, name in _places(versions):
            try:
                operation = plain(_operation(command, method, path, name, components))
            except Unencodable as error:
                log.warning("%s is left out of the OpenAPI document: what describes it has no JSON: %s", command.title, error)
                continue
            paths.setdefault(path, {})[method.lower()] = operation


def _places(versions: Sequence[Command]) -> Iterator[tuple[Command, str, str, str]]:
    """Give the places of a command: definition, method, path, and name of the operation."""
    latest = versions[-1]
    places = [(latest, f"{API}/{latest.name}", latest.name)]
    if len(versions) > 1:
        places += [(each, f"{API}/{each.name}/v{each.version}", f"{each.name}_v{each.version}") for each in versions]
    for command, path, name in places:
        for method in command.methods:
            is_second = method == "POST" and "GET" in command.methods
            yield command, method, path, f"{name}_by_post" if is_second else name
    if latest.route is not None:
        method, place = latest.route
        yield latest, method, API + place, operation_id(method, API + place)


def _operation(command: Command, method: str, path: str, name: str, components: Components) -> JsonObject:
    operation: JsonObject = {"operationId": name, "tags": [command.category], "summary": command.summary or command.name}
    if command.text:
        operation["description"] = command.text
    in_path = set(re.findall(r"\{([^{}]*)\}", path))
    parameters = [_parameter(argument, "path", components) for argument in command.arguments if argument.name in in_path]
    others = [argument for argument in command.arguments if argument.name not in in_path]
    is_query = method == "GET"
    if is_query:
        parameters += [_parameter(argument, "query", components) for argument in others]
    elif others:
        operation["requestBody"] = _body(command, others, components)
    if not command.is_read:
        parameters.append(parameter_reference(KEY_PARAMETER_NAME))
    if parameters:
        operation["parameters"] = parameters
    responses: JsonObject = {"200": _success(command, components), **problem_references(_errors(command, takes_body=not is_query))}
    if command.specification.secret_result:
        responses["204"] = {"description": "The repeat of a request whose result, a secret, was given once."}
    operation["responses"] = responses
    logins: list[JsonObject] = [dict(login) for login in LOGINS]
    operation["security"] = [{}, *logins] if command.role is None else logins
    return operation


def _parameter(argument: Argument, place: str, components: Components) -> JsonObject:
    schema = argument_schema(argument, components)
    description = schema.pop("description", "")
    parameter: JsonObject = {"name": argument.name, "in": place, "required": argument.is_required or place == "path", "schema": schema}
    return {**parameter, "description": description} if description else parameter


def argument_schema(argument: Argument, components: Components) -> JsonObject:
    """Return the JSON schema of an argument, with what its author says about it.

    Args:
        argument: of a command.
        components: get what the schema refers to.
    """
    schema = components.lift(argument.type.schema())
    if argument.description:
        schema["description"] = argument.description
    if argument.default is not MISSING and not argument.type.is_optional and not argument.type.is_secret:
        schema["default"] = argument.default
    return schema


def _body(command: Command, arguments: Sequence[Argument], components: Components) -> JsonObject:
    required = [argument.name for argument in arguments if argument.is_required]
    schema: JsonObject = {
        "type": "object",
        "properties": {argument.name: argument_schema(argument, components) for argument in arguments},
        "additionalProperties": False,
    }
    if required:
        schema["required"] = required
    words = [word.capitalize() for word in command.name.split("_")]
    kind = "Arguments" if len(arguments) == len(command.arguments) else "OtherArguments"  # some stand in the path
    name = "".join([*words, f"V{command.version}" if command.version else "", kind])
    shared = components.add(name, schema)
    content: dict[str, JsonObject] = {media: {"schema": shared} for media in _BODY_MEDIA}
    if command.example is not None:
        names = {argument.name for argument in arguments}
        content[JSON]["example"] = {name: value for name, value in command.example[0].items() if name in names}
    return {"required": bool(required), "content": content}


def _success(command: Command, components: Components) -> JsonObject:
    content: JsonObject = {"schema": _result_schema(command, components)}
    if command.example is not None and command.example[1] is not MISSING:
        content["example"] = command.example[1]
    return {"description": command.result_text or phrase(200), "content": {JSON: content, XML: {}}}


def _result_schema(command: Command, components: Components) -> JsonObject:
    try:
        return components.lift(command.result.schema())
    except UnknownResult:
        return {}


def _errors(command: Command, *, takes_body: bool) -> set[int]:
    """Return the statuses of all errors: of the gateway itself, and those that the command declares."""
    statuses = {400, 401, 403, 429, 500, 503, 504}
    if command.arguments:
        statuses.add(422)
    if takes_body:
        statuses |= {408, 413, 415}
    if command.needs:
        statuses.add(501)
    if not command.is_read:
        statuses |= KEY_STATUSES
    for error in command.specification.errors:
        statuses |= statuses_of(error)
    return statuses
