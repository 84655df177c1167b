"""Every way to be wrong is reported with file and line, and takes nothing else down."""

import threading
from pathlib import Path

import pytest

from tigrest.scripting.loader import Loader

BROKEN = Path(__file__).parent.parent / "broken_scripts"

EXPECTED = {
    "syntax.py:3": "SyntaxError: expected ':'",
    "import_missing.py:1": "ModuleNotFoundError: No module named 'no_such_module_anywhere'",
    "raises.py:3": "ZeroDivisionError: division by zero",
    "exits.py:5": "the script calls sys.exit()",
    "endless.py:3": "still loading after 0.5 s",
    "bad_regex.py:5": "Broken.regex is '/bad_regex/([^/+'; not a regular expression: unterminated character set",
    "no_regex.py:4": "Broken has no regex",
    "no_slash.py:5": "Broken.regex is 'no_slash'; what follows a folder in a path is empty or begins with \"/\", so that this matches nothing; "
    'write r"/no_slash"',
    "group_without_slash.py:5": 'so that this matches nothing; write r"/([^/]+)"',
    "startup_def.py:7": "Broken.startup cannot be awaited: write async def startup(self, service)",
    "startup_arguments.py:7": "Broken.startup cannot be called with service: too many positional arguments; write async def startup(self, service)",
    "shutdown_arguments.py:7": "Broken.shutdown cannot be called with no argument: missing a required argument: 'service'; write async def shutdown(self)",
    "bad_role.py:6": 'Broken.requiredRole is \'root\'; use None, "user" or "admin"',
    "bad_flag.py:6": "Broken.apiKey is 'yes'; use True or False",
    "bad_key_use.py:6": "Broken.idempotencyKey is 'mine'; use True or False, or \"own\" where the handler reads the header itself",
    "misspelt_role.py:6": "Broken.required_role is never read; did you mean 'requiredRole'? Let a name of your own begin with _",
    "misspelt_key.py:6": "Broken.api_key is never read; did you mean 'apiKey'?",
    "misspelt_method.py:10": "Broken.exec_POST is never called; did you mean 'exec_post'?",
    "misspelt_inherited.py:5": "Guarded.require_role, which Broken inherits, is never read; did you mean 'requiredRole'?",
    "other_method.py:10": "Broken.exec_options is never called; HEAD, OPTIONS and the like are answered by the gateway",
    "role_in_constructor.py:7": "Broken.requiredRole is set in the constructor; set it in the class, where it is read",
    "bad_auth_required.py:7": "Broken.authRequired is True; write def authRequired(self, api_key)",
    "yields.py:7": "Broken.exec_get: yields, and nobody iterates over it; return a list, or a StreamingResponse of another method",
    "yields_in_a_thread.py:7": "Broken.exec_get: yields, and nobody iterates over it",
    "auth_required_async.py:7": "Broken.authRequired is <function Broken.authRequired at",
    "bad_max_body.py:6": "Broken.maxBody is '1M'; use a number of bytes above 0, or None",
    "uploads_decoded.py:6": "Store.takesUploads is True; add decodeContent = False: a body that is decoded is read as a whole",
    "bad_timeout.py:6": "Broken.timeout is -1; use seconds above 0",
    "no_methods.py:4": "Broken answers nothing: write exec_get",
    "no_handler.py:1": "defines no handler",
    "unknown_argument.py:7": "Broken.exec_get: argument 'contnet' has no source",
    "too_many_arguments.py:7": "Broken.exec_get: argument 'second' has no source",
    "no_method.py:6": "Broken.exec_get: is no method; write async def or def",
    "too_few_arguments.py:7": "Broken.exec_get: no argument takes group what",
    "user_without_role.py:7": "Broken.exec_get: argument 'user' needs a login",
    "uri_pattern.py:6": "Broken.uri is '/msg/{jid}'; it is a prefix, not a pattern or a query; put patterns into regex",
    "uri_slash.py:5": "Broken.uri is '/msg/'; end it without a slash; regex = \"/?\" takes one",
    "uri_relative.py:5": "Broken.uri is 'msg'; use a path such as \"/msg\", to which regex adds what follows it",
    "uri_root.py:6": "Broken.uri is '/'; use a path such as \"/msg\"",
    "uri_taken.py:5": "Broken.uri is '/health/mine'; the gateway itself serves /health; choose another",
    "uri_encoded.py:5": "Broken.uri is '/a%20b'; write it decoded, as it is matched: a space for %20",
    "uri_dots.py:5": 'Broken.uri is \'/rest/../msg\'; clients resolve "." and ".."; leave them out',
    "uri_no_method.py:5": "Broken.uri is '/msg'; write exec_get, exec_post, exec_put, exec_delete or exec_patch, or leave it out",
    "uri_typo.py:6": "Broken.url is never read; did you mean 'uri'? Let a name of your own begin with _",
    "bad_accepts.py:6": "Broken.description: accepts of POST is not understood; write JSON schemas by media type, such as "
    '{"application/json": {"type": "object"}}',
    "bad_answers.py:6": "Broken.description: answers of GET is not understood; write texts, or JSON schemas by media type, by status, "
    'such as {202: "Sent"}',
    "bad_example.py:6": "Broken.description: regex does not match the example '/hello/world'; write a path behind the folder",
    "bad_annotation.py:7": "annotation <class 'complex'> of argument 'when' is not understood",
    "model_not_decoded.py:14": "Broken.exec_post: argument 'content' has a model, but decodeContent = False leaves the body unread",
    "model_of_a_query.py:13": "of argument 'query' is not one model; a query has names and values",
    "query_without_model.py:13": "argument 'query' needs a model: annotate it with a pydantic model, a dataclass or a TypedDict",
    "model_unknown.py:13": "annotation 'Oder' of argument 'content' cannot be evaluated: name 'Oder' is not defined",
    "model_impossible.py:18": "of argument 'content' cannot be used: Unable to generate pydantic-core schema for",
    "model_typed_dict.py:13": "of argument 'content' cannot be used: Please use `typing_extensions.TypedDict` instead of `typing.TypedDict`",
    "keyword_arguments.py:7": "Broken.exec_get: **kwargs takes nothing here",
    "constructor.py:8": "RuntimeError: no database",
    "untyped_injection.py:6": "Broken.users needs a type",
    "not_utf8.py:3": "SyntaxError: (unicode error)",
    "nul.py:1": "null bytes",
    "twins/second.py:4": f"GET /rest/twins/same is already served by {BROKEN}/twins/first.py:4",
    "bad_template.html:2": "template: ",
    "listen_match.py:5": "Broken.match: is {'local': 'echo'}; use Match(local=\"echo\")",
    "listen_field.py:5": "TypeError: Match.__init__() got an unexpected keyword argument 'localpart'",
    "listen_type.py:5": "Broken.match: type is 'chatt'; did you mean 'chat'?",
    "listen_type_of_another_kind.py:5": "Broken.match: type is 'subscribe'; on_message may be for chat, error, groupchat, headline, normal",
    "listen_reserved.py:5": "Broken.match: local is 'user-status-endpoint': the gateway uses that name itself",
    "listen_local.py:5": "Broken.match: local is 'echo@here'; use the part of an address before the @",
    "listen_to.py:5": "Broken.match: to is '('; not a regular expression: missing ), unterminated subpattern",
    "listen_sender.py:5": "Broken.match: sender is 5; use a regular expression, as text",
    "listen_body.py:5": "Broken.match: body is '/echo ('; not a regular expression: missing ), unterminated subpattern",
    "listen_body_of_presence.py:5": "Broken.match: body is for messages; write on_message, or leave it out",
    "listen_xpath.py:5": "Broken.match: xpath is 'a['; not a path: it is not among what ElementTree understands",
    "listen_xpath_prefix.py:5": "Broken.match: xpath is 'x:order'; not a path: prefix 'x' not found",
    "listen_namespaces.py:5": "Broken.match: namespaces is ['urn:x']; use a dict",
    "listen_own.py:5": "Broken.match: own is 'yes'; use True or False",
    "listen_argument.py:5": "Broken.on_message: argument 'boddy' has no source: it is none of service, stanza, sender, body, nick, room, real_jid, sent_at, and match.body has 0 group(s)",
    "listen_argument_of_iq.py:5": "Broken.on_iq: argument 'body' has no source",
    "listen_group.py:7": "Broken.on_message: no argument takes group number 1 of match.body '/echo (.*)'",
    "listen_no_method.py:5": "Broken.on_message: is no method; write async def or def",
    "listen_typo.py:5": "Broken.on_mesage is never called; did you mean 'on_message'?",
    "listen_api_key.py:5": "Broken.apiKey is True; a stanza carries no API key",
    "listen_nothing.py:5": "Broken.match is Match(",
    "schedule_cron.py:5": "Broken.schedule is '61 * * * *'; bad minute; use five fields",
    "schedule_fields.py:5": "Broken.schedule is '*/5 * * * * *'; use five fields (minute, hour, day of month, month, day of week)",
    "schedule_never.py:5": "Broken.schedule is '0 0 31 2 *'; bad day-of-month; use five fields",
    "schedule_number.py:5": "Broken.schedule is 30; use five fields",
    "schedule_every.py:5": "Broken.every is 0.5; use seconds, from 1 to 31622400 (a year)",
    "schedule_every_text.py:5": "Broken.every is '30'; use seconds",
    "schedule_both.py:6": "Broken.every is 30; there is a schedule already: leave one of them out",
    "schedule_when.py:5": "Broken.on_schedule: when? set schedule",
    "schedule_nothing.py:6": "Broken.every is 30; write on_schedule(self, service), or leave it out",
    "schedule_argument.py:7": "Broken.on_schedule: argument 'sevice' has no source: it is none of service; did you mean 'service'?",
    "schedule_typo.py:7": "Broken.on_scedule is never called; did you mean 'on_schedule'?",
    "schedule_typo_attribute.py:5": "Broken.shedule is never read; did you mean 'schedule'?",
    "hook_format.py:5": 'Broken.read_hook: of which format? set hookFormat = "my-program"',
    "hook_name.py:5": "Broken.hookFormat is 'My Program'; use lower-case letters, digits and -, at most 32",
    "hook_nothing.py:5": "Broken.hookFormat is 'broken'; write read_hook(self, post), or leave it out",
    "hook_async.py:7": "Broken.read_hook: it is a coroutine function, which nobody awaits; write def read_hook(self, post)",
    "hook_arguments.py:7": "Broken.read_hook: too many positional arguments; write def read_hook(self, post)",
    "hook_no_template.py:7": "Broken.read_hook: there is no template hook_no_template.txt beside the script",
    "hook_template.txt:2": "template: Unexpected end of template",
    "hook_taken.py:11": "hook format taken is already served by",
}


@pytest.fixture(scope="module")
def problems() -> dict[str, str]:
    table = Loader([BROKEN], seconds=0.5).load()
    assert [str(route.path.relative_to(BROKEN)) for route in table.routes] == ["twins/first.py"]
    return {f"{problem.path.relative_to(BROKEN)}:{problem.line}": problem.message for problem in table.problems}


def test_each_broken_script_is_named_once_with_its_line(problems: dict[str, str]) -> None:
    assert sorted(problems) == sorted(EXPECTED)


@pytest.mark.parametrize("place", EXPECTED)
def test_the_message_names_the_culprit(problems: dict[str, str], place: str) -> None:
    assert EXPECTED[place] in problems[place]


def test_a_typo_gets_a_hint(problems: dict[str, str]) -> None:
    assert "did you mean 'content'?" in problems["unknown_argument.py:7"]
    assert "did you mean 'body'?" in problems["listen_argument.py:5"]


def test_an_endless_script_does_not_run_on(problems: dict[str, str]) -> None:
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("load ")] == []
