"""What tests of the embedded domain share: its addresses, and short ways to ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from xml.etree import ElementTree as ET

import pytest

from tigrest.auth.principal import Principal
from tigrest.backends.adhoc import AdHoc, FieldValues, values_as_text
from tigrest.backends.embedded.domain import EmbeddedDomain
from tigrest.backends.embedded.settings import EmbeddedLimits, EmbeddedSettings
from tigrest.errors import StanzaError
from tigrest.passwords import Passwords
from tigrest.service import Addresses, Policy, Service
from tigrest.state.database import Database
from tigrest.state.location import MEMORY
from tigrest.xmpp.commands import CommandReply
from tigrest.xmpp.form_filling import submission
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS
from tigrest.xmpp.presence import UserStatus
from tigrest.xmpp.stanza import Stanza, make_stanza

DOMAIN = JID("example.org")
GATEWAY = JID("http.example.org")
ADMIN, ALICE, BOB = (JID(f"{name}@example.org") for name in ("admin", "alice", "bob"))
ACCOUNTS = {ADMIN: "admin-secret", ALICE: "alice-secret", BOB: "bob-secret"}
SESS_MAN, VHOST_MAN = JID("sess-man@example.org"), JID("vhost-man@example.org")


@dataclass
class World:
    """A domain and a service on top of it."""

    domain: EmbeddedDomain
    service: Service

    async def ask(self, payload: str, to: str | None = DOMAIN, sender: str = GATEWAY, type: str = "get") -> Stanza:
        """Send an iq with this payload."""
        address = f' to="{to}"' if to is not None else ""
        iq = f'<iq type="{type}" id="q1" from="{sender}"{address}>{payload}</iq>'
        reply = await self.domain.request(Stanza.parse(iq), 5.0)
        assert (reply.kind, reply.id, reply.attributes["to"]) == ("iq", "q1", sender)
        return reply

    async def refused(self, payload: str, to: str | None = DOMAIN, sender: str = GATEWAY, type: str = "get") -> tuple[str, str]:
        """Send an iq that is refused; gives condition and type."""
        error = (await self.ask(payload, to, sender, type)).error
        assert error is not None
        return error.condition, error.type

    async def run(self, to: JID, node: str, fields: FieldValues | None = None, *, user: JID | None = ADMIN) -> CommandReply:
        """Run a command."""
        return await self.adhoc(user).execute(to, node, fields)

    def adhoc(self, user: JID | None = ADMIN) -> AdHoc:
        """Ad-hoc commands as a user may run them; as the gateway itself for nobody."""
        return self.service.adhoc if user is None else self.service.for_(Principal(user, self.service.policy.roles_of(user))).adhoc

    async def run_refused(self, to: JID, node: str, fields: FieldValues | None = None, *, user: JID | None = ADMIN) -> StanzaError:
        """Run a command that is refused with a stanza error."""
        with pytest.raises(StanzaError) as caught:
            await (self.submit(to, node, fields, user=user) if fields else self.run(to, node, user=user))
        return caught.value

    async def submit(self, to: JID, node: str, fields: FieldValues, *, user: JID | None = ADMIN) -> CommandReply:
        """Submit a form that the asking side might refuse: with a session where the entity has them, else in the first request."""
        sessionid = (await self.run(to, node, user=user)).sessionid
        form = submission({var: values_as_text(var, value) for var, value in fields.items()})
        command = ET.Element(f"{{{COMMANDS}}}command", {"node": node, **({"sessionid": sessionid} if sessionid else {})})
        command.append(form.to_element())
        reply = await self.domain.request(make_stanza("iq", "set", to, command, sender=user or GATEWAY, id="q1"), 5.0)
        payload = reply.raise_error().payload
        assert payload is not None
        return CommandReply.of(to, node, payload)

    async def online(self, *jids: str) -> None:
        """Show users as online."""
        for jid in jids:
            assert (await self.domain.set_presence(UserStatus(JID(jid)))).success


@asynccontextmanager
async def running(passwords: Passwords, limits: EmbeddedLimits | None = None, location: str = MEMORY) -> AsyncIterator[World]:
    """Run the domain with its state at a location."""
    database = Database(location)
    policy = Policy(Addresses(GATEWAY, DOMAIN, send_as="user", adhoc_as="user"), admins=frozenset({ADMIN}))
    settings = EmbeddedSettings(jid=GATEWAY, domain=DOMAIN, accounts=ACCOUNTS, limits=limits or EmbeddedLimits())
    domain = EmbeddedDomain(settings, administers=policy.administers, database=database, passwords=passwords)
    await domain.start()
    yield World(domain, Service(domain, policy))
    await domain.stop()
    await database.stop()


def told(reply: CommandReply) -> list[tuple[str, str, tuple[str, ...]]]:
    """Name, type and values of each field of a result."""
    assert reply.form is not None
    return [(field.var, field.type, field.values) for field in reply.form.fields]
