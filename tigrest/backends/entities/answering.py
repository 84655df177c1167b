"""The way of an iq to one of our addresses: from the stanza to the reply. The same for all back ends."""

from __future__ import annotations

from collections.abc import Callable

from tigrest.backends.entities.commands import AdHocCommands
from tigrest.backends.entities.entity import DiscoIdentity, Entity
from tigrest.backends.entities.iq_request import IqRequest
from tigrest.backends.entities.self_description import SelfDescription
from tigrest.backends.inbound import Inbound
from tigrest.errors import InvalidStanza, StanzaError, StorageUnavailable
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import CLIENT, COMMANDS
from tigrest.xmpp.refusals import as_stanza_error, error_reply
from tigrest.xmpp.stanza import Stanza
from tigrest.xmpp.xml import split_name


def no_entity(_to: JID) -> Entity:
    """Refuse an address at which there is nobody. RFC 6120 §8.3.3.19"""
    raise StanzaError("service-unavailable")


class Answering:
    """Answers iqs: by a listener, else by the entity of the address, else by an error.

    Args:
        description: answers about the gateway itself, at its own address.
        inbound: its listeners are asked first for all our addresses. Only what is about our own commands is not offered to them, so
            that no script can take the place of the gateway's administration.
        administers: tells whether an address may run commands and act for others.
        entity_of: finds the entity of an address that is none of ours; raises when there is none.
    """

    def __init__(
        self,
        description: SelfDescription,
        inbound: Inbound,
        administers: Callable[[JID], bool],
        entity_of: Callable[[JID], Entity] = no_entity,
    ) -> None:
        self._description, self._inbound, self._administers, self._entity_of = description, inbound, administers, entity_of
        self.offer(AdHocCommands(()))

    def offer(self, *groups: AdHocCommands) -> None:
        """Offer ad-hoc commands at our own address, in place of those before."""
        identity = DiscoIdentity("gateway", "http-ws", "tigrest")
        self._groups = groups
        self._gateway = Entity(identity, answers=self._description.answers, commands=groups)

    async def answer(self, iq: Stanza, to: JID) -> Stanza:
        """Answer an iq, whatever is wrong with it.

        Args:
            iq: any iq that is no reply.
            to: whom it is for, also where it has no ``to`` of its own.

        Returns:
            The result or the error, addressed to the sender.

        Raises:
            StorageUnavailable: the database cannot be used, so that nothing was done.
        """
        try:
            return await self._answer(iq, to)
        except StorageUnavailable:
            raise
        except Exception as error:
            return error_reply(iq.with_(to=to), as_stanza_error(error))

    async def _answer(self, iq: Stanza, to: JID) -> Stanza:
        request = self._request(iq, to)
        if self._inbound.is_ours(to) and not self._is_about_commands(request):
            reply = await self._inbound.answer(iq)
            if reply is not None:
                return reply
        answer = await self._entity(to).answer(request)
        return iq.reply() if answer is None else iq.reply(answer)

    def _request(self, iq: Stanza, to: JID) -> IqRequest:
        """Check an iq. RFC 6120 §8.2.3"""
        payload, sender = iq.payload, iq.sender
        if sender is None:
            raise InvalidStanza("the stanza has no from")
        if not iq.awaits_reply or payload is None or len([child for child in iq.xml if child.tag != f"{{{CLIENT}}}error"]) != 1:
            raise InvalidStanza("an iq is of type get or set and has one payload element")
        return IqRequest(iq.type, payload, sender, to, self._administers(sender))

    def _is_about_commands(self, request: IqRequest) -> bool:
        """Tell whether a request lists, describes or runs the commands at our own address. XEP-0050 §2"""
        if request.to.bare != self._inbound.jid.bare:
            return False
        node = request.payload.get("node", "")
        return COMMANDS in (split_name(request.payload.tag)[0], node) or any(group.owns(node) for group in self._groups)

    def _entity(self, to: JID) -> Entity:
        if to.bare == self._inbound.jid.bare:
            return self._gateway
        return no_entity(to) if self._inbound.is_ours(to) else self._entity_of(to)
