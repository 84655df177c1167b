"""The vCards of users: vcard-temp, and vCard4 as stored in PEP."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from sqlalchemy import delete, insert, select

from tigrest.backends.embedded.pep import PersonalEvents
from tigrest.backends.embedded.tables import accounts, begin_for_account, lock_account, vcards
from tigrest.backends.entities.iq_request import IqAnswers, IqRequest
from tigrest.errors import StanzaError
from tigrest.state.database import Database
from tigrest.xmpp.namespaces import VCARD4, VCARD4_NODE, VCARD_TEMP
from tigrest.xmpp.xml import serialize

_VCARD_TEMP, _VCARD4 = f"{{{VCARD_TEMP}}}vCard", f"{{{VCARD4}}}vcard"
"""Names of the elements that hold a card."""


class VCards:
    """Answers requests for vCards, and to change them.

    Args:
        database: where vcard-temp is kept.
        events: where vCard4 is kept.
    """

    def __init__(self, database: Database, events: PersonalEvents) -> None:
        self._database = database
        self._events = events
        self.answers: IqAnswers = {
            ("get", _VCARD_TEMP): self._get,
            ("set", _VCARD_TEMP): self._set,
            ("get", _VCARD4): self._get4,
            ("set", _VCARD4): self._set4,
        }

    async def _get(self, request: IqRequest) -> ET.Element:
        """Return a vCard, or an empty one. XEP-0054 §3.1"""
        query = select(vcards.c.vcard).outerjoin_from(accounts, vcards).where(accounts.c.jid == request.to.bare)
        async with self._database.begin() as connection:
            found = (await connection.execute(query)).first()
        if found is None:
            raise StanzaError("service-unavailable")
        return ET.fromstring(found.vcard) if found.vcard else ET.Element(_VCARD_TEMP)

    async def _set(self, request: IqRequest) -> None:
        """Replace a vCard. XEP-0054 §3.2"""
        request.expect_owner()
        account = request.to.bare
        async with begin_for_account(self._database) as connection:
            if (await connection.execute(lock_account(account))).first() is None:
                raise StanzaError("service-unavailable")
            await connection.execute(delete(vcards).where(vcards.c.account == account))
            await connection.execute(insert(vcards), {"account": account, "vcard": serialize(request.payload)})

    async def _get4(self, request: IqRequest) -> ET.Element:
        """Return the newest vCard4 of its node, or an empty one. XEP-0292 §5"""
        items = await self._events.items(request, VCARD4_NODE, limit=1)
        return ET.fromstring(items[0].payload) if items and items[0].payload else ET.Element(_VCARD4)

    async def _set4(self, request: IqRequest) -> None:
        """Publish a vCard4 at its node. XEP-0292 §5"""
        request.expect_owner()
        await self._events.publish(request.to.bare, VCARD4_NODE, [("current", serialize(request.payload))])
