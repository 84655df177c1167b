"""Personal eventing (XEP-0163): published items of users, without notifications, as no client is connected."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from sqlalchemy import and_, delete, insert, select

from tigrest.backends.embedded.tables import accounts, begin_for_account, lock_account, pep_items
from tigrest.backends.entities.iq_request import IqAnswers, IqRequest
from tigrest.errors import InvalidValue, StanzaError
from tigrest.state.database import Database
from tigrest.xmpp.forms import DataForm
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import PUBSUB, PUBSUB_ERRORS
from tigrest.xmpp.refusals import Refusal
from tigrest.xmpp.xml import serialize

FEATURES = tuple(
    f"{PUBSUB}#{name}" for name in ("auto-create", "item-ids", "persistent-items", "publish", "retract-items", "retrieve-items")
)


@dataclass(frozen=True, kw_only=True)
class PepLimits:
    """Limits of personal eventing.

    Args:
        items: most items kept of a node; the oldest are evicted.
        ids: most items that one request may name.
    """

    items: int = 10
    ids: int = 1000


@dataclass(frozen=True)
class PepItem:
    """A published item; ``payload`` is XML, possibly empty."""

    id: str
    payload: str


class PersonalEvents:
    """Answers requests to publish, retrieve and retract items.

    Args:
        database: where items are kept.
        limits: of items.
    """

    def __init__(self, database: Database, limits: PepLimits) -> None:
        self._database, self._limits = database, limits
        self.answers: IqAnswers = {("get", _name("pubsub")): self._get, ("set", _name("pubsub")): self._set}

    async def _get(self, request: IqRequest) -> ET.Element:
        """Return items of a node, the newest last. XEP-0060 §6.5"""
        asked = _child(request, "items")
        node = _node(asked)
        ids = self._ids(asked)
        found = await self.items(request, node, ids, _max_items(asked))
        if not found:
            raise StanzaError("item-not-found", text=f"{request.to.bare} has published no such item")
        pubsub = ET.Element(_name("pubsub"))
        items = ET.SubElement(pubsub, _name("items"), {"node": node})
        for item in reversed(found):
            element = ET.SubElement(items, _name("item"), {"id": item.id})
            if item.payload:
                element.append(ET.fromstring(item.payload))
        return pubsub

    async def items(self, request: IqRequest, node: str, ids: Sequence[str] = (), limit: int | None = None) -> list[PepItem]:
        """Find items that the sender of a request may see, the newest first.

        Args:
            request: from whom, and to which account.
            node: of the items.
            ids: of the items; all when empty.
            limit: most items to return; as many as are kept when ``None`` or larger.

        Raises:
            StanzaError: there is no such account.
        """
        wanted = [pep_items.c.account == accounts.c.jid, pep_items.c.node == node]
        if ids:
            wanted.append(pep_items.c.item.in_(ids))
        if request.sender.bare != request.to.bare:  # administrators are no contacts, as on other servers
            wanted.append(pep_items.c.private.is_(False))
        query = select(pep_items.c.item, pep_items.c.payload).outerjoin_from(accounts, pep_items, and_(*wanted))
        query = query.where(accounts.c.jid == request.to.bare).order_by(pep_items.c.seq.desc())
        query = query.limit(min(limit or self._limits.items, self._limits.items))
        async with self._database.begin() as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            raise StanzaError("service-unavailable")
        return [PepItem(row.item, row.payload) for row in rows if row.item is not None]

    async def _set(self, request: IqRequest) -> ET.Element | None:
        request.expect_owner()
        account = request.to.bare
        if request.payload.find(_name("publish")) is not None:
            return await self._published(request, account)
        asked = _child(request, "retract")
        await self._retract(account, _node(asked), self._ids(asked))
        return None

    async def _published(self, request: IqRequest, account: JID) -> ET.Element:
        """Publish items, and return their ids. XEP-0060 §7.1"""
        asked = _child(request, "publish")
        node = _node(asked)
        given = asked.findall(_name("item"))
        if not given:
            raise _bad_request("item-required", "there is no item to publish")
        items = [(item.get("id") or secrets.token_hex(8), _payload(item)) for item in given[-self._limits.items :]]
        options = request.payload.find(_name("publish-options"))
        form = DataForm.find(options) if options is not None else None
        access = form.value("pubsub#access_model") if form is not None else ""
        await self.publish(account, node, items, private=access != "open" if access else None)
        pubsub = ET.Element(_name("pubsub"))
        published = ET.SubElement(pubsub, _name("publish"), {"node": node})
        for name, _ in items:
            ET.SubElement(published, _name("item"), {"id": name})
        return pubsub

    async def publish(self, account: JID, node: str, items: Sequence[tuple[str, str]], private: bool | None = None) -> None:
        """Publish items, in place of those with the same ids; only the newest ones of the node are kept.

        Args:
            account: bare address of the publisher.
            node: of the items.
            items: ids and payloads, the newest last.
            private: whether only the publisher may see them (XEP-0223), as there are no contacts here;
                as before at this node when ``None``.

        Raises:
            StanzaError: there is no such account.
        """
        here = and_(pep_items.c.account == account, pep_items.c.node == node)
        by_age = select(pep_items.c.seq).where(here).order_by(pep_items.c.seq.desc())
        async with begin_for_account(self._database) as connection:
            if (await connection.execute(lock_account(account))).first() is None:
                raise StanzaError("service-unavailable")
            if private is None:
                newest = select(pep_items.c.private).where(here).order_by(pep_items.c.seq.desc()).limit(1)
                private = bool((await connection.execute(newest)).scalar_one_or_none())
            for name, payload in items:
                row = {"account": account, "node": node, "item": name, "payload": payload, "private": private}
                await connection.execute(delete(pep_items).where(here, pep_items.c.item == name))
                await connection.execute(insert(pep_items), row)
            oldest_kept = (await connection.execute(by_age.offset(self._limits.items - 1).limit(1))).scalar_one_or_none()
            if oldest_kept is not None:
                await connection.execute(delete(pep_items).where(here, pep_items.c.seq < oldest_kept))

    async def _retract(self, account: JID, node: str, ids: Sequence[str]) -> None:
        """Delete items. XEP-0060 §7.2"""
        if not ids:
            raise _bad_request("item-required", "there is no item to retract")
        here = and_(pep_items.c.account == account, pep_items.c.node == node, pep_items.c.item.in_(ids))
        async with self._database.begin() as connection:
            if not (await connection.execute(delete(pep_items).where(here))).rowcount:
                raise StanzaError("item-not-found", text=f"{account} has published no such item")

    def _ids(self, element: ET.Element) -> list[str]:
        ids = [item.get("id", "") for item in element.findall(_name("item"))]
        if len(ids) > self._limits.ids:
            raise InvalidValue(f"{len(ids)} items in one request are too many; name at most {self._limits.ids}")
        return ids


def _child(request: IqRequest, name: str) -> ET.Element:
    found = request.payload.find(_name(name))
    if found is None:
        raise StanzaError("feature-not-implemented", text="publish, retract and items are what is possible here")
    return found


def _node(element: ET.Element) -> str:
    node = element.get("node", "")
    if not node:
        raise _bad_request("nodeid-required", "the attribute node is missing")
    return node


def _max_items(items: ET.Element) -> int | None:
    text = items.get("max_items")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and 0 < len(text) < 10 and int(text)):
        raise InvalidValue(f"max_items is {text[:80]!r}; use a number above 0")
    return int(text)


def _payload(item: ET.Element) -> str:
    if len(item) > 1:
        raise _bad_request("invalid-payload", "an item has one payload element")
    return serialize(item[0]) if len(item) else ""


def _bad_request(condition: str, text: str) -> Refusal:
    return Refusal("bad-request", "modify", text, specific=f"{{{PUBSUB_ERRORS}}}{condition}")


def _name(name: str) -> str:
    return f"{{{PUBSUB}}}{name}"
