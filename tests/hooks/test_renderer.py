"""Templates are rendered within time, memory and length, whatever they do."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from tigrest.errors import HookTemplateFailed
from tigrest.hooks.renderer import SANDBOX, Renderer, RenderLimits


@pytest.fixture
async def renderer() -> AsyncIterator[Renderer]:
    renderer = Renderer(RenderLimits(seconds=0.5, characters=100))
    yield renderer
    await renderer.stop()


async def text(renderer: Renderer, template: str, **values: object) -> str:
    return (await renderer.render("test", template, values)).text


async def test_what_is_missing_is_empty(renderer: Renderer) -> None:
    assert await text(renderer, "{{ a }}{{ b.c.d }}{{ e[0].f | upper }}{% for x in y.z %}{% endfor %}!") == "!"
    assert await text(renderer, "{{ a }}{{ b }}{{ a or 'nobody' }}", a=None, b=False) == "Falsenobody"
    assert await text(renderer, "{{ a or 'nobody' }} {{ b | default('none') }}") == "nobody none"


async def test_text_is_not_escaped(renderer: Renderer) -> None:
    assert await text(renderer, "{{ a }} ☃", a="<b> & 'c'") == "<b> & 'c' ☃"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{ ''.__class__.__mro__ }}", "may not read the attribute __class__"),
        ("{{ ().__class__ }}", "may not read the attribute __class__"),
        ("{{ a['__class__'] }}{{ ''['__class__'] }}", "may not read the attribute __class__"),
        ("{{ ''|attr('__class__') }}", "may not read the attribute __class__"),
        ("{{ '{0.__class__}'.format('') }}", "may not read the attribute __class__"),
        ("{{ cycler.__init__.__globals__ }}", "may not read the attribute __init__"),
        ("{{ a.append(1) }}", "may not read the attribute append"),
        ("{% for i in range(10**9) %}x{% endfor %}", "Range too big"),
        ("{{ 'x' * 10**10 }}", "more memory"),
        ("{{ 'x'.ljust(10**10) }}", "more memory"),
        ("\n{{ 1 / 0 }}", ":2 fails: division by zero"),
        ("\n\n{% if %}", ":3 fails: "),
        ("{% include 'x' %}", "no loader"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "recursion"),
    ],
)
async def test_what_a_template_may_not_do_is_said(renderer: Renderer, template: str, problem: str) -> None:
    with pytest.raises(HookTemplateFailed, match=r"the template test.* fails: ") as error:
        await text(renderer, template, a=[])
    assert problem in str(error.value)
    assert await text(renderer, "next") == "next"


@pytest.mark.parametrize(
    "template",
    [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
        "{{ 9 ** (9 ** 9) }}",
    ],
)
async def test_a_template_that_takes_too_long_is_killed_and_the_next_one_is_not(renderer: Renderer, template: str) -> None:
    await text(renderer, "the first one may take long")
    with pytest.raises(HookTemplateFailed, match=r"it takes more than 0\.5 s"):
        await text(renderer, template)
    assert await text(renderer, "next") == "next"


async def test_a_long_text_is_cut(renderer: Renderer) -> None:
    made = await renderer.render("test", "{% for i in range(99999) %}{{ i }} {% endfor %}", {})
    assert (made.is_cut, len(made.text)) == (True, 100)


def test_a_lower_limit_of_memory_stays() -> None:
    sandbox = f"ulimit -v 400000 && exec {sys.executable} -I {SANDBOX} {512 * 1024 * 1024}"
    asked = '{"template": "{{ \'x\' * 450000000 }}", "values": {}, "characters": 9}\n{"template": "ok", "values": {}, "characters": 9}\n'
    done = subprocess.run(["sh", "-c", sandbox], input=asked, capture_output=True, text=True, timeout=30)
    assert [*json.loads(done.stdout.splitlines()[0])] == ["error", "line"]
    assert json.loads(done.stdout.splitlines()[1])["text"] == "ok"


async def test_a_process_that_ended_is_started_again(renderer: Renderer) -> None:
    assert await text(renderer, "one") == "one"
    assert renderer._process is not None
    renderer._process.kill()
    await renderer._process.wait()
    assert await text(renderer, "two") == "two"
