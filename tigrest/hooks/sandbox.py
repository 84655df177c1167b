"""The process that renders templates: reads a line of JSON for each, and writes one.

It is run as a file, not as a module of the package: it imports Jinja2 and the standard library alone, so that it starts quickly, and
may be killed at any time. A template may loop for ever or ask for more memory than there is; then only this process ends.

::

    {"template": "Hi {{ name }}", "values": {"name": "Bob"}, "characters": 4000}
    {"text": "Hi Bob", "is_cut": false}
    {"error": "'name' is undefined", "line": 1}
"""

from __future__ import annotations

import json
import resource
import sys
from typing import Any

from jinja2 import ChainableUndefined, TemplateError, TemplateSyntaxError, Undefined
from jinja2.exceptions import SecurityError
from jinja2.sandbox import ImmutableSandboxedEnvironment

TEMPLATE_FILE = "<template>"
"""File name of templates in tracebacks."""


class Environment(ImmutableSandboxedEnvironment):
    """A sandbox in which what is missing is empty, but what is forbidden is an error."""

    def unsafe_undefined(self, obj: Any, attribute: str) -> Undefined:
        """Refuse an attribute that leads out of the sandbox."""
        raise SecurityError(f"a template may not read the attribute {attribute}")


def _shown(value: Any) -> Any:
    """Return what is shown of a value: nothing of the null of JSON."""
    return "" if value is None else value


def make_environment() -> Environment:
    """Return the environment of all templates of hooks."""
    return Environment(
        autoescape=False, undefined=ChainableUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=False
    )


def rendered(environment: Environment, template: str, values: dict[str, Any], characters: int) -> dict[str, Any]:
    """Render a template, up to a number of characters.

    Returns:
        ``text`` and ``is_cut``, or ``error`` and ``line``.
    """
    try:
        code = environment.compile(template, TEMPLATE_FILE, TEMPLATE_FILE)
        made = environment.template_class.from_code(environment, code, environment.make_globals(None))
        text, is_cut = "", False
        for piece in made.generate(values):
            text += piece
            if len(text) > characters:
                text, is_cut = text[:characters], True
                break
        return {"text": text, "is_cut": is_cut}
    except TemplateSyntaxError as error:
        return {"error": error.message, "line": error.lineno}
    except MemoryError:
        return {"error": "it needs more memory than it may have", "line": 0}
    except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return {"error": f"{error}" or type(error).__name__, "line": _line(error)}


def _line(error: BaseException) -> int:
    """Return the line of the template that raised; 0 when it is not known."""
    line, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TEMPLATE_FILE:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _limit(kind: int, wanted: int) -> None:
    """Limit a resource of this process; a lower limit that it was given stays, as nobody may raise one."""
    _, most = resource.getrlimit(kind)
    limit = wanted if most == resource.RLIM_INFINITY else min(wanted, most)
    resource.setrlimit(kind, (limit, limit))


def render_lines() -> None:
    """Render what comes in until there is no more."""
    _limit(resource.RLIMIT_AS, int(sys.argv[1]))
    _limit(resource.RLIMIT_CORE, 0)
    environment = make_environment()
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        answer = rendered(environment, asked["template"], asked["values"], asked["characters"])
        sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    render_lines()
