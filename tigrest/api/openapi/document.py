"""The document itself. OpenAPI 3.1 §4.8.1, https://spec.openapis.org/oas/v3.1.1"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from tigrest.api.openapi.answers import PROBLEM_SCHEMA, problem_answers
from tigrest.api.openapi.commands import add_commands
from tigrest.api.openapi.components import KEY_PARAMETER, KEY_PARAMETER_NAME, Components, JsonObject
from tigrest.api.openapi.handlers import Paths, add_handlers
from tigrest.formats.content import write_json
from tigrest.formats.stanza_json.schema import schema as stanza_schema
from tigrest.scripting.commands import Command
from tigrest.scripting.routes import Route

SECURITY_SCHEMES: dict[str, JsonObject] = {
    "login": {"type": "http", "scheme": "basic", "description": "A bare XMPP address, or its local part alone, and its password."},
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token: of `tigrest token add`, of `/oauth2/token`, of an identity provider, or of the XMPP server.",
    },
    "oauth": {
        "type": "oauth2",
        "description": "A token that a user grants to a client on the page of the gateway; `tigrest client add` makes clients.",
        "flows": {
            "authorizationCode": {
                "authorizationUrl": "/oauth2/authorize",
                "tokenUrl": "/oauth2/token",
                "refreshUrl": "/oauth2/token",
                "scopes": {
                    "user": "What a user may.",
                    "admin": "All that an administrator may.",
                    "rest": "The handlers below /rest that are for users.",
                },
            }
        },
    },
    "apiKey": {"type": "apiKey", "in": "header", "name": "Api-Key", "description": "An API key of the gateway."},
}
"""Ways to say who calls. OpenAPI 3.1 §4.8.27"""

DESCRIPTION = """\
Answers are JSON or XML, as the `Content-Type` of the request, the query parameter `type` or `Accept` says.
Bodies may be forms (`application/x-www-form-urlencoded`) too, where JSON and XML are named.
Errors are [problem documents](https://www.rfc-editor.org/rfc/rfc9457).
"""


def make_document(routes: Iterable[Route], commands: Iterable[Sequence[Command]], domain: str) -> JsonObject:
    """Describe what is served.

    Args:
        routes: handlers, in the order of the table.
        commands: the definitions of each command, the one with the highest version last.
        domain: the XMPP domain, for the title.
    """
    components = Components({"Problem": PROBLEM_SCHEMA})
    components.add("Stanza", components.share(stanza_schema()))
    paths: Paths = {}
    add_commands(paths, commands, components)
    tags = _tags(paths)
    add_handlers(paths, routes, components)
    _name_apart(paths)
    shown: JsonObject = {path: dict(paths[path]) for path in sorted(paths)}
    version = hashlib.sha256(write_json([shown, components.schemas])).hexdigest()[:12]
    return {
        "openapi": "3.1.0",
        "info": {"title": f"tigrest at {domain}", "version": version, "description": DESCRIPTION},
        "servers": [{"url": "/"}],
        "tags": [{"name": name} for name in dict.fromkeys([*tags, *_tags(paths)])],
        "paths": shown,
        "components": {
            "schemas": components.schemas,
            "responses": problem_answers(),
            "parameters": {KEY_PARAMETER_NAME: KEY_PARAMETER},
            "securitySchemes": SECURITY_SCHEMES,
        },
    }


def _name_apart(paths: Paths) -> None:
    """Number operations that have the same name, as at ``/rest/a-b`` and ``/rest/a_b``. OpenAPI 3.1 §4.8.10.1"""
    taken: set[object] = set()
    for path in sorted(paths):
        for operation in paths[path].values():
            name, number = operation["operationId"], 1
            while operation["operationId"] in taken:
                number += 1
                operation["operationId"] = f"{name}_{number}"
            taken.add(operation["operationId"])


def _tags(paths: Paths) -> list[str]:
    tags = {tag for item in paths.values() for operation in item.values() for tag in _texts(operation["tags"])}
    return sorted(tags)


def _texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []
