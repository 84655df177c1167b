"""A bot with commands: write /help to help@ the gateway's domain. Copy it into scripts/rest, and add commands of your own."""

import random

from tigrest import Handler, Match


class Help(Handler):
    """Each method do_…, with a docstring, is a command."""

    match = Match(local="help", body=r"(?s)/?(\w+)(?:\s+(.*))?")

    async def on_message(self, service, sender, command, words):
        do = getattr(self, f"do_{command.lower()}", None)
        if do is None:
            return f"I do not know /{command}. Try /help."
        return await do(service, sender, words or "")

    async def do_help(self, service, sender, words):
        """what I can do"""
        commands = sorted(name for name in dir(self) if name.startswith("do_"))
        return "\n".join(f"/{name[3:]} - {getattr(self, name).__doc__}" for name in commands)

    async def do_whoami(self, service, sender, words):
        """your address, and whether you are an admin here"""
        return f"{sender.bare}, admin" if service.is_admin(sender) else str(sender.bare)

    async def do_choose(self, service, sender, words):
        """choose one of several: /choose tea coffee"""
        return random.choice(words.split() or ["nothing"])  # noqa: S311 - no secret
