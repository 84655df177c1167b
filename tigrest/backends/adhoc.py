"""The asking side of ad-hoc commands (XEP-0050)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from tigrest.backends.command_run import CommandRun, Requests
from tigrest.backends.open_stages import OpenStages, StageKey
from tigrest.concurrency.threads import callable_from_threads
from tigrest.errors import InvalidValue, NotSupported
from tigrest.xmpp.commands import ACTIONS, CommandReply
from tigrest.xmpp.disco import DiscoItem, items_of, items_query
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS
from tigrest.xmpp.stanza import make_stanza
from tigrest.xmpp.xml import check_carriable

FieldValue = str | bool | int | float
"""One value of a field. Numbers and booleans are spelled as forms spell them."""

FieldValues = Mapping[str, FieldValue | Collection[FieldValue] | None]
"""Values by names of fields: one or several; ``None`` for what the form has, an empty collection to clear a field."""


_NO_COMMANDS = frozenset({"item-not-found", "feature-not-implemented"})


@callable_from_threads
class AdHoc:
    """Lists and executes ad-hoc commands.

    Args:
        requests: sends the iqs, from the address that the commands are executed by.
        stages: remembers forms that were given back; of its own when ``None``.
        owner: the caller, whose sessions are his only; empty for the gateway itself.
    """

    def __init__(self, requests: Requests, stages: OpenStages | None = None, owner: str = "") -> None:
        self._requests = requests
        self._stages = OpenStages() if stages is None else stages
        self._owner = owner
        self.loop = requests.loop

    async def list(self, to: JID | str, timeout: float = 30.0) -> list[DiscoItem]:
        """List the commands that an entity offers.

        Args:
            to: address of the entity.
            timeout: seconds to wait.

        Raises:
            NotPermitted: the caller that this is for may not run them.
            NotSupported: it is a server or a service, and has none, such as jabberd2.
            StanzaError, StanzaTimeout, NotConnected: as :meth:`tigrest.service.Service.request`.

        XEP-0050 §2.2
        """
        asked = JID(to)
        reply = await self._requests.request(make_stanza("iq", "get", asked, items_query(COMMANDS), id="adhoc"), timeout)
        if reply.error is not None and reply.error.condition in _NO_COMMANDS and not asked.local and not asked.resource:
            raise NotSupported(f"{asked} has no ad-hoc commands (XEP-0050): it answers {reply.error.condition}")
        return items_of(reply.raise_error().payload, str(to))

    async def execute(
        self,
        to: JID | str,
        node: str,
        fields: FieldValues | None = None,
        *,
        sessionid: str = "",
        action: str = "",
        timeout: float = 30.0,
        ignore_unknown: bool = False,
    ) -> CommandReply:
        """Execute a command, or go on with it.

        One call suffices where the fields are known: the first form is filled in and submitted, those that are not given with the
        values that the form has; so are further ones as long as they ask for given fields only. What asks for more comes back, to go on
        with by its ``sessionid``. Without fields the form itself comes back. A session that is not given back is cancelled when the
        call fails.

        Args:
            to: address of the entity.
            node: of the command.
            fields: values by name; several, or lines, for fields that may have several; ``None`` for what the form has, ``()`` for none.
            sessionid: of the session to go on with, from an earlier reply.
            action: one of :data:`ACTIONS`, to take in the first form; empty for the responder's default. ``complete`` without fields and
                session executes the command with the values of its form.
            timeout: seconds to wait in all.
            ignore_unknown: whether fields that the command does not have are left out. Else they are refused where that can be known
                before it is executed; the others are in :attr:`CommandReply.unused`.

        Raises:
            InvalidValue: unknown action, one that needs a session or that the stage does not offer; a field that the form does not have,
                requires, or in which the value cannot be; text that XML cannot carry.
            NotPermitted: the caller that this is for may not run them.
            ServerFailed: the entity answers what cannot be used, or asks without end.
            StanzaError, StanzaTimeout, NotConnected: as :meth:`tigrest.service.Service.request`.
            TypeError: a value is neither text, a number, a boolean nor a collection of these.

        XEP-0004 §3.2, XEP-0050 §2.4, §3.4
        """
        if action and action not in ACTIONS:
            raise InvalidValue(f"action is {action!r}; use one of {', '.join(ACTIONS)}")
        if action in ("next", "prev", "cancel") and not sessionid and not (action == "next" and fields):
            raise InvalidValue(f"action {action!r} needs the sessionid of the command it goes on with")
        check_carriable(node, "node")
        check_carriable(sessionid, "sessionid")
        given = {var: values_as_text(var, value) for var, value in (fields or {}).items()}
        for var, values in given.items():
            check_carriable("".join((var, *(values or ()))), f"field {var[:80]!r}")
        key = StageKey(self._owner, JID(to), node, sessionid)
        run = CommandRun(self._requests, self._stages, key, given, timeout=timeout, ignores_unknown=ignore_unknown)
        return await (run.resume(action) if sessionid else run.start(action))


def values_as_text(var: str, value: FieldValue | Collection[FieldValue] | None) -> tuple[str, ...] | None:
    """Return the value or values of a field as text. XEP-0004 §3.3

    Raises:
        TypeError: it is none that a form can have.
    """
    if value is None:
        return None
    values: Collection[object] = value if isinstance(value, Collection) and not isinstance(value, str | bytes | Mapping) else (value,)
    for each in values:
        if not isinstance(each, str | bool | int | float):
            raise TypeError(
                f"the value of field {var[:80]!r} is of type {type(each).__name__}: give text, a number, a boolean or a list of these"
            )
    return tuple(str(each).lower() if isinstance(each, bool) else str(each) for each in values)
