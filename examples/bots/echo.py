"""A bot that says what it is told: write to echo@ the gateway's domain. Copy it into scripts/rest."""

from tigrest import JID, Handler, Match, Service, Stanza


class Echo(Handler):
    """Send every message back."""

    match = Match(local="echo")

    async def on_message(self, body: str) -> str:
        return body


class EchoContact(Handler):
    """Let everybody have the bot as a contact, and see it online."""

    match = Match(local="echo", type=("subscribe", "probe"))

    async def on_presence(self, service: Service, stanza: Stanza, sender: JID) -> dict[str, str]:
        if stanza.type == "subscribe":
            await service.send({"type": "subscribed", "from": f"echo@{service.jid.domain}", "to": sender.bare})
        return {"type": "available", "status": "Tell me something."}
