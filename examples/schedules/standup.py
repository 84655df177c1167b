"""A reminder on workdays, to those who asked the bot for it: "on", "off"."""

from tigrest import JID, Handler, Match, Service


class Standup(Handler):
    """Remind of the stand-up."""

    schedule = "55 9 * * mon-fri"
    match = Match(local="standup", body=r"(?i)(on|off)")

    def __init__(self) -> None:
        self._people: set[JID] = set()  # gone when this file is saved; in a helper, _people.py, it would stay

    async def on_message(self, sender: JID, wish: str) -> str:
        """Take note of who wants to be reminded."""
        if wish.lower() == "on":
            self._people.add(sender.bare)
            return "I shall remind you at 9:55."
        self._people.discard(sender.bare)
        return "As you like."

    async def on_schedule(self, service: Service) -> None:
        """Remind them."""
        for person in sorted(self._people):
            await service.message(person, "Stand-up in 5 minutes", from_=f"standup@{service.jid}")
