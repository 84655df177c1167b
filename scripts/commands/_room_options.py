"""Shared by the commands about rooms: options by ejabberd's names, as forms of XEP-0045 have them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from tigrest import DataForm, Field, InvalidValue, NotSupported

NAMES = {
    "allowinvites": "allow_user_invites",
    "allowmemberinvites": "allow_user_invites",
    "changesubject": "allow_change_subj",
    "enablearchiving": "mam",
    "enablelogging": "logging",
    "maxusers": "max_users",
    "membersonly": "members_only",
    "moderatedroom": "moderated",
    "passwordprotectedroom": "password_protected",
    "persistentroom": "persistent",
    "presencebroadcast": "presence_broadcast",
    "publicroom": "public",
    "roomdesc": "description",
    "roomname": "title",
    "roomsecret": "password",
    "whois": "anonymous",
}
"""ejabberd's names of options by the ends of those of the standard, and of Prosody's; others are the same. XEP-0045 §15.5.3"""

RESTRICTED = frozenset({"persistent", "public"})
"""Options that services may offer to their administrators only: Prosody 13 does."""

TRUE, FALSE = ("true", "1"), ("false", "0")
"""Spellings of booleans. XEP-0004 §3.3"""


def option_name(var: str) -> str:
    """Return the name of an option by that of its field: ``muc#roomconfig_maxusers`` is ``max_users``."""
    end = var.rpartition("roomconfig_")[2].rpartition("#")[2]
    return NAMES.get(end, end)


def options_of(form: DataForm) -> dict[str, str]:
    """Return the options in the form of a room, all as texts, as ejabberd has them."""
    options = {option_name(field.var): _text(field) for field in form.fields if field.asks}
    if "password" in options:  # Prosody has no option for whether there is one
        options.setdefault("password_protected", _word(bool(options["password"])))
    return options


def lacks_restricted(wanted: Iterable[str], offered: Mapping[str, str]) -> bool:
    """Return whether an option is wanted that another owner may be offered."""
    return bool(RESTRICTED & set(wanted) - offered.keys())


def submission(form: DataForm, options: Mapping[str, str], room: str) -> DataForm:
    """Return a form with other values, to submit.

    Args:
        form: of the room.
        options: new values by name.
        room: for messages.

    Raises:
        InvalidValue: an option is not known anywhere, or has no such value.
        NotSupported: this service does not have it.
    """
    given = dict(options)
    offered = options_of(form)
    for name in given:
        if name not in offered:
            known = f"{room} has {', '.join(sorted(offered))}"
            if name in NAMES.values():
                raise NotSupported(f"the service of {room} has no option {name!r} for the gateway; {known}")
            raise InvalidValue(f"there is no option {name[:80]!r}; {known}")
    if not any(option_name(field.var) == "password_protected" for field in form.fields):
        _fold_protection(given)
    fields = []
    for field in form.fields:
        if field.kind != "fixed":
            name = option_name(field.var)
            fields.append(replace(field, values=_values(field, name, given[name])) if name in given and field.asks else field)
    return DataForm("submit", tuple(Field(field.var, field.values) for field in fields if field.values))


def changed(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return the names of options that a room does not have as they were wanted."""
    return [name for name, value in wanted.items() if _normal(value, found.get(name, "")) != found.get(name, "")]


def _fold_protection(given: dict[str, str]) -> None:
    """Say by the password alone whether there is one."""
    is_protected = given.pop("password_protected", None)
    if is_protected in FALSE:
        given["password"] = ""
    elif is_protected is not None and not given.get("password"):
        raise InvalidValue("option password_protected is true: give password too")


def _text(field: Field) -> str:
    name = option_name(field.var)
    if name == "anonymous":
        return _word(field.value != "anyone")
    return _word(field.value in TRUE) if field.kind == "boolean" else ",".join(field.values)


def _values(field: Field, name: str, value: str) -> tuple[str, ...]:
    if name == "anonymous":
        return ("moderators" if _truth(name, value) else "anyone",)
    if field.kind == "boolean":
        return ("1" if _truth(name, value) else "0",)
    values = tuple(each for each in value.split(",") if each) if field.is_multi else (value,)
    offered = [option.value for option in field.options]
    if offered and not field.is_open and (strange := [each for each in values if each not in offered]):
        raise InvalidValue(f"option {name} is one of {', '.join(offered)}, not {strange[0][:80]!r}")
    return values


def _truth(name: str, value: str) -> bool:
    if value.lower() not in (*TRUE, *FALSE):
        raise InvalidValue(f"option {name} is true or false, not {value[:80]!r}")
    return value.lower() in TRUE


def _word(truth: bool) -> str:
    return "true" if truth else "false"


def _normal(value: str, like: str) -> str:
    """Return a value as :func:`options_of` writes it."""
    if like in ("true", "false") and value.lower() in (*TRUE, *FALSE):
        return _word(value.lower() in TRUE)
    if "," in value or "," in like:  # in the order of the service
        return like if set(value.split(",")) == set(like.split(",")) else value
    return value
