"""Names that are nearly ours are errors; names of the author's own are not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.cli.process import tigrest
from tigrest.scripting.handler import METHODS, Handler
from tigrest.scripting.kinds import KINDS
from tigrest.scripting.loader import Loader
from tigrest.scripting.misspelt import KNOWN_NAMES, misspelt

SLIPS = {
    "requiredRole": [
        *("required_role", "RequiredRole", "requiredrole", "REQUIRED_ROLE", "requireRole", "require_role", "requiredRoles", "reqiuredRole"),
        *("requierdRole", "requiresRole", "requiredRol", "requiredRole_"),
    ],
    "apiKey": ["api_key", "API_KEY", "ApiKey", "apikey", "apiKeys", "api_keys", "apiKye", "apKey", "apiKey_"],
    "authRequired": ["auth_required", "authrequired", "authRequire", "AuthRequired", "autRequired"],
    "isAsync": ["is_async", "isasync", "IsAsync", "isAsnyc"],
    "uri": ["Uri", "URI", "uri_", "uris", "rui"],
    "idempotencyKey": ["idempotency_key", "idempotencykey", "idempotencyKeys", "idempotncyKey"],
    "checkOrigin": ["check_origin", "checkorigin", "checkOrigins", "chekOrigin"],
    "decodeContent": ["decode_content", "decodecontent", "decodeContents", "decodContent"],
    "regex": ["regexp", "Regex", "REGEX", "regex_", "rgeex"],
    "match": ["Match", "match_", "macth", "matchs"],
    "timeout": ["time_out", "timeOut", "TIMEOUT", "timeuot", "tiemout"],
    "description": ["description_", "Description", "descripton", "desciption"],
    "startup": ["start_up", "startUp", "statup"],
    "shutdown": ["shut_down", "shutDown", "shutdwon"],
    "exec_get": ["exec_GET", "execGet", "execget", "Exec_get", "exec_gte", "exe_get"],
    "exec_post": ["exec_POST", "execPost", "exec_psot", "exec_posts"],
    "exec_put": ["execPut", "exec_PUT"],
    "exec_delete": ["exec_DELETE", "execDelete", "exec_delet", "exec_deltete"],
    "exec_patch": ["exec_Patch", "execPatch"],
    "on_message": ["on_mesage", "onMessage", "on_messages", "on_massage", "onmessage", "on_mesages"],
    "on_presence": ["onPresence", "on_presense", "on_presence_"],
    "schedule": ["Schedule", "shedule", "schedul", "schedule_", "scheduel"],
    "every": ["Every", "every_", "eveyr", "everyy"],
    "on_schedule": ["on_scedule", "onSchedule", "on_shedule", "on_schedules", "on_schedul"],
    "hookFormat": ["hook_format", "hookformat", "hookFormats", "hookFromat"],
    "hookSigned": ["hook_signed", "hooksSigned"],
    "hookAnswer": ["hook_answer", "hookAnswers"],
    "read_hook": ["readHook", "read_hooks", "raed_hook"],
    "on_iq": ["on_IQ", "onIq", "oniq", "on_iqs"],
}

OWN = [
    *("users", "template", "templates", "name", "names", "title", "role", "roles", "color", "api", "key", "keys", "auth", "cache", "store"),
    *("timeouts", "descriptions", "descriptor", "matches", "matcher", "matched", "match_all", "watch", "batch", "patch", "catch", "math"),
    *(
        "regexes",
        "pattern",
        "path",
        "start",
        "stop",
        "setup",
        "teardown",
        "close",
        "open",
        "execute",
        "executor",
        "exec_query",
        "get",
        "post",
    ),
    *(
        "required",
        "required_file",
        "required_fields",
        "content",
        "decode",
        "encode_content",
        "sync",
        "run_async",
        "token",
        "api_url",
        "API_URL",
    ),
    *(
        "on_error",
        "on_close",
        "once",
        "only",
        "online",
        "one",
        "on_join",
        "message",
        "messages",
        "presence",
        "iq",
        "status",
        "delete",
        "put",
    ),
    *(
        "MAX",
        "TIMES",
        "logger",
        "client",
        "session",
        "service",
        "settings",
        "schedules",
        "scheduler",
        "scheduled",
        "secret",
        "limit",
        "retries",
        "timer",
        "time",
    ),
    *("handle", "handler", "validate", "render", "response", "request", "callback", "is_admin", "is_open", "is_active", "authenticate"),
]


def handler(**members: object) -> type[Handler]:
    return type("Own", (Handler,), {"__module__": "here", **members})


@pytest.mark.parametrize(("meant", "written"), [(meant, written) for meant, all_ in SLIPS.items() for written in all_])
def test_a_slip_is_found(meant: str, written: str) -> None:
    value = (lambda self: None) if meant.startswith(("exec_", "on_", "start", "shut", "auth")) else True
    ((_, name, problem),) = misspelt(handler(**{written: value}))
    assert name == written
    assert f"did you mean {meant!r}?" in problem


@pytest.mark.parametrize("name", [*OWN, "_required_role", "_api_key", "_x", "__slots__", *sorted(KNOWN_NAMES)])
def test_a_name_of_ones_own_is_not(name: str) -> None:
    values: list[object] = [lambda self: None, "x", None, 5, {}]
    for value in values:
        assert list(misspelt(handler(**{name: () if name == "__slots__" else value}))) == []


@pytest.mark.parametrize(("name", "value"), [("role", "admin"), ("role", "user"), ("minRole", "admin"), ("roles", ["admin"])])
def test_whatever_names_a_role_is_meant_to_be_the_role(name: str, value: object) -> None:
    ((_, _, problem),) = misspelt(handler(**{name: value}))
    assert "did you mean 'requiredRole'?" in problem


@pytest.mark.parametrize("name", ["exec_options", "exec_head", "exec_HEAD", "execTrace"])
def test_methods_that_are_never_called_are_named(name: str) -> None:
    ((_, _, problem),) = misspelt(handler(**{name: lambda self: None}))
    assert problem == "is never called; HEAD, OPTIONS and the like are answered by the gateway"


def test_an_annotation_without_a_value_counts_too() -> None:
    assert [name for _, name, _ in misspelt(handler(__annotations__={"required_role": str}))] == ["required_role"]


def loaded(folder: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text))
    table = Loader([folder]).load()
    return [table.shown(problem) for problem in table.problems]


def test_mixins_are_looked_at(tmp_path: Path) -> None:
    (problem,) = loaded(
        tmp_path,
        _mixins="""
        class Guarded:
            required_role = "admin"
        """,
        script="""
        from tigrest import Handler
        from ._mixins import Guarded

        class Hello(Guarded, Handler):
            regex = "/hello"
            def exec_get(self): return {}
        """,
    )
    expected = "script.py:5: Guarded.required_role, which Hello inherits, is never read; did you mean 'requiredRole'?"
    assert problem.startswith(expected)


def test_a_base_class_of_the_same_script_is_named_with_its_line(tmp_path: Path) -> None:
    (problem,) = loaded(
        tmp_path,
        script="""
        from tigrest import Handler

        class Base(Handler):
            api_key = True

        class Hello(Base):
            regex = "/hello"
            def exec_get(self): return {}
        """,
    )
    assert problem.startswith("script.py:5: Base.api_key, which Hello inherits, is never read; did you mean 'apiKey'?")


@pytest.mark.parametrize("attribute", ["requiredRole", "apiKey", "regex"])
def test_what_a_constructor_sets_is_not_read(tmp_path: Path, attribute: str) -> None:
    (problem,) = loaded(
        tmp_path,
        script=f"""
        from tigrest import Handler

        class Hello(Handler):
            regex = "/hello"
            def __init__(self):
                self.{attribute} = "admin"
            def exec_get(self): return {{}}
        """,
    )
    assert problem == f"script.py:6: Hello.{attribute} is set in the constructor; set it in the class, where it is read"


def test_the_last_good_version_goes_on_and_check_says_where(tmp_path: Path) -> None:
    rest = tmp_path / "scripts" / "rest"
    rest.mkdir(parents=True)
    script = (
        'from tigrest import Handler\n\nclass Hello(Handler):\n    regex = "/hello"\n    %s = "admin"\n    def exec_get(self): return {}\n'
    )
    (rest / "hello.py").write_text(script % "requiredRole")
    before = Loader([rest]).load()
    (rest / "hello.py").write_text(script % "required_role")
    after = Loader([rest]).load(before)
    assert [route.role for route in after.routes] == ["admin"]
    done = tigrest("check", cwd=tmp_path)
    assert done.returncode == 1
    assert "scripts/rest/hello.py:5: Hello.required_role is never read; did you mean 'requiredRole'?" in done.stdout + done.stderr


def test_every_method_has_its_name_among_ours() -> None:
    assert {f"exec_{method.lower()}" for method in METHODS} <= KNOWN_NAMES
    assert {name for kind in KINDS for name in (*kind.methods, *kind.attributes)} <= KNOWN_NAMES
