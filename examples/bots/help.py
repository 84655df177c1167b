"""A bot with commands: write /help to help@ the gateway's domain. Copy it into scripts/rest, and add commands of your own."""

import random

from tigrest import JID, Handler, Match, Service


class Help(Handler):
    """Each method do_…, with a docstring, is a command."""

    match = Match(local="help", body=r"(?s)/?(\w+)(?:\s+(.*))?")

    async def on_message(self, service: Service, sender: JID, command: str, words: str | None) -> str:
        do = getattr(self, f"do_{command.lower()}", None)
        if do is None:
            return f"I do not know /{command}. Try /help."
        answer: str = await do(service, sender, words or "")
        return answer

    async def do_help(self, service: Service, sender: JID, words: str) -> str:
        """what I can do"""
        commands = sorted(name for name in dir(self) if name.startswith("do_"))
        return "\n".join(f"/{name[3:]} - {getattr(self, name).__doc__}" for name in commands)

    async def do_whoami(self, service: Service, sender: JID, words: str) -> str:
        """your address, and whether you are an admin here"""
        return f"{sender.bare}, admin" if service.is_admin(sender) else str(sender.bare)

    async def do_choose(self, service: Service, sender: JID, words: str) -> str:
        """choose one of several: /choose tea coffee"""
        return random.choice(words.split() or ["nothing"])  # noqa: S311 - no secret
