"""The kinds of parts that a script may have."""

from __future__ import annotations

from tigrest.scripting.hook_formats import HookFormatKind
from tigrest.scripting.listeners import ListenerKind
from tigrest.scripting.parts import Kind
from tigrest.scripting.routes import RouteKind
from tigrest.scripting.schedules import ScheduleKind

KINDS: tuple[Kind, ...] = (RouteKind(), ListenerKind(), ScheduleKind(), HookFormatKind())
"""All kinds, in the order in which a handler's parts are made."""
