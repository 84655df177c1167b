"""Presence for users whose phone, calendar or door says where they are."""

from collections.abc import Mapping
from typing import Any

from tigrest import JID, Activity, Handler, HTTPException, Service, StatusOutcome, UserStatus, read_argument

from .._content import DOCUMENT, decoded

DEFAULT_RESOURCE = "tigase-external"


class Status(Handler):
    """Show a user as available or not, at a resource of its own. An API key or an admin login will do."""

    regex = r"/([^/]+)/status(?:/([^/]+))?"
    requiredRole = "admin"
    description = {
        "regex": "/{jid}/status[/{resource}]",
        "POST": {
            "info": "Set the status of a user",
            "description": "All fields may be left out: available is true, priority -1 (keep it negative, so that messages are not "
            "lost), show one of chat, away, xa, dnd, status a text, activity {category, type, text} of XEP-0108. Needs an API key "
            "or an admin login.",
            "request": {"available": "true", "priority": "-1", "show": "xa", "status": "On the phone"},
            "response": {
                "status": {
                    "user": "alice@example.com/tigase-external",
                    "available": "true",
                    "priority": "-1",
                    "show": "xa",
                    "status": "On the phone",
                    "success": True,
                }
            },
            "answers": {200: DOCUMENT},
        },
    }

    def authRequired(self, api_key: str | None) -> bool:
        return api_key is None

    async def exec_post(self, service: Service, content: Any, jid: JID, resource: str | None) -> dict[str, Any]:
        command = command_of(content)
        status = UserStatus(
            jid=jid.bare.with_resource(resource or DEFAULT_RESOURCE),
            available=read_argument(bool, command.get("available"), "available", default=True),
            priority=read_argument(int, command.get("priority"), "priority", default=-1),
            show=text(command, "show"),
            status=text(command, "status"),
            activity=activity_of(command.get("activity")),
        )
        outcome = await service.set_status(status)
        return {"status": as_dict(status, outcome)}


def command_of(content: Any) -> Mapping[str, Any]:
    """Return the fields of a request: as they are, or under ``command``."""
    if decoded(content) is None:
        return {}
    fields: Any = content.get("command", content) if isinstance(content, dict) else None
    if fields == "":
        return {}
    known = {"available", "priority", "show", "status", "activity"}
    if not isinstance(fields, dict) or (fields and not known & set(fields)):
        raise HTTPException(400, f"send {', '.join(sorted(known))} as JSON, or under <command> as XML")
    return fields


def text(command: Mapping[str, Any], key: str) -> str:
    """Return a field that is text; empty when absent."""
    value = command.get(key)
    if isinstance(value, dict | list):
        raise HTTPException(400, f"{key} must be text")
    return "" if value is None else str(value)


def activity_of(value: Any) -> Activity | None:
    """Return what the user is doing; ``None`` when not said."""
    if not value:
        return None
    if not isinstance(value, dict) or not value.get("category"):
        raise HTTPException(400, "activity must have a category, and may have a type and a text (XEP-0108)")
    return Activity(text(value, "category"), text(value, "type"), text(value, "text"))


def as_dict(status: UserStatus, outcome: StatusOutcome) -> dict[str, Any]:
    """Return the answer as the guide prints it."""
    shown: dict[str, Any] = {
        "user": status.jid,
        "available": "true" if status.available else "false",
        "priority": str(status.priority),
        "show": status.show or None,
        "status": status.status or None,
        "success": outcome.success,
    }
    if status.activity:
        activity = status.activity
        shown["activity"] = {"category": activity.category, "type": activity.type or None, "text": activity.text or None}
    if not outcome.success:
        shown["reason"] = outcome.reason
    return shown
