"""Entities: addresses that answer iqs, each a table from request to answer. XEP-0030"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tigrest.backends.entities.commands import AdHocCommands
from tigrest.backends.entities.iq_request import IqAnswers, IqRequest
from tigrest.errors import StanzaError
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import COMMANDS, DATA_FORMS, DISCO_INFO, DISCO_ITEMS
from tigrest.xmpp.xml import split_name


@dataclass(frozen=True)
class DiscoIdentity:
    """An identity of an entity: category and type as registered, and a name for people. XEP-0030 §3.1"""

    category: str
    type: str
    name: str = ""


class Entity:
    """An address that answers iqs.

    Args:
        identities: in replies to disco#info.
        answers: functions that answer; the namespaces of their payloads are its features.
        features: further features.
        items: addresses and names of the entities that belong to it, for disco#items.
        forms: forms with more about it, in replies to disco#info. XEP-0128
        commands: its ad-hoc commands, in groups; nodes that no group has for its own are of the first one.
        check: called before it answers disco; raises when there is no such entity.
    """

    def __init__(
        self,
        *identities: DiscoIdentity,
        answers: IqAnswers | None = None,
        features: tuple[str, ...] = (),
        items: tuple[tuple[JID, str], ...] = (),
        forms: Sequence[DataForm] = (),
        commands: Sequence[AdHocCommands] = (),
        check: Callable[[IqRequest], Awaitable[None]] | None = None,
    ) -> None:
        disco: IqAnswers = {("get", f"{{{DISCO_INFO}}}query"): self._info, ("get", f"{{{DISCO_ITEMS}}}query"): self._list}
        execute: IqAnswers = {("set", f"{{{COMMANDS}}}command"): self._execute} if commands else {}
        self._answers = {**disco, **execute, **(answers or {})}
        self._identities = identities
        self._features = tuple(sorted({split_name(payload)[0] for _, payload in self._answers} | set(features)))
        self._items = items
        self._forms = tuple(forms)
        self._commands = tuple(commands)
        self._check = check

    def answers(self, type: str, namespace: str) -> bool:
        """Tell whether it answers iqs of a type with a payload of a namespace."""
        return any(of == type and split_name(payload)[0] == namespace for of, payload in self._answers)

    async def answer(self, request: IqRequest) -> ET.Element | None:
        """Answer a request with the payload of the result.

        Raises:
            StanzaError: the payload is unknown, or the request is refused. RFC 6120 §8.4
            TigrestError: the request is refused.
        """
        answer = self._answers.get((request.type, request.payload.tag))
        if answer is None:
            raise StanzaError("service-unavailable")
        return await answer(request)

    def _group(self, node: str) -> AdHocCommands:
        return next((group for group in self._commands if group.owns(node)), self._commands[0])

    async def _execute(self, request: IqRequest) -> ET.Element:
        return await self._group(request.payload.get("node", "")).execute(request)

    async def _info(self, request: IqRequest) -> ET.Element:
        if self._check is not None:
            await self._check(request)
        node = request.payload.get("node", "")
        if not node:
            query = _info(node, self._identities, self._features)
            query.extend(form.to_element() for form in self._forms)
            return query
        if not self._commands:
            raise StanzaError("item-not-found")
        group = self._group(node)
        if node == COMMANDS or (node == group.node and await group.listed(request)):
            return _info(node, (DiscoIdentity("automation", "command-list", "" if node == COMMANDS else group.name),), (COMMANDS,))
        command = await group.find(node, request)
        if command is None:
            raise StanzaError("item-not-found")
        return _info(node, (DiscoIdentity("automation", "command-node", command.name),), (COMMANDS, DATA_FORMS))

    async def _list(self, request: IqRequest) -> ET.Element:
        if self._check is not None:
            await self._check(request)
        node = request.payload.get("node", "")
        if not node:
            lists = [group for group in self._commands if group.node and await group.listed(request)]
            nodes = [{"jid": request.to, "node": group.node, "name": group.name} for group in lists]
            return _items(node, [*({"jid": jid, "name": name} for jid, name in self._items), *nodes])
        groups = self._commands if node == COMMANDS else [group for group in self._commands if node == group.node]
        offered = [command for group in groups for command in await group.listed(request)]
        if not groups or (node != COMMANDS and not offered):
            raise StanzaError("item-not-found")
        return _items(node, [{"jid": request.to, "node": command.node, "name": command.name} for command in offered])


def _info(node: str, identities: tuple[DiscoIdentity, ...], features: tuple[str, ...]) -> ET.Element:
    """Write the reply to disco#info about an entity or one of its nodes. XEP-0030 §3.1, XEP-0050 §2.3"""
    query = ET.Element(f"{{{DISCO_INFO}}}query", {"node": node} if node else {})
    for identity in identities:
        attributes = {"category": identity.category, "type": identity.type, "name": identity.name}
        ET.SubElement(query, f"{{{DISCO_INFO}}}identity", {k: v for k, v in attributes.items() if v})
    for feature in features:
        ET.SubElement(query, f"{{{DISCO_INFO}}}feature", {"var": feature})
    return query


def _items(node: str, items: list[dict[str, str]]) -> ET.Element:
    """Write the reply to disco#items about an entity or one of its nodes. XEP-0030 §4.1, XEP-0050 §2.2"""
    query = ET.Element(f"{{{DISCO_ITEMS}}}query", {"node": node} if node else {})
    for item in items:
        ET.SubElement(query, f"{{{DISCO_ITEMS}}}item", item)
    return query
