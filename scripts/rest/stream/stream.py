"""Any XMPP stanza, as it is."""

from tigrest import JID, Handler, HTTPException, Principal, Request, Result, Service, stanza_json

from .._confirming import MAX_WAIT, wish_in


class Stream(Handler):
    """Send a stanza; an iq without from is answered with its reply."""

    regex = r"(?:/((?s:.*)))?"
    requiredRole = "admin"
    apiKey = True
    decodeContent = False
    idempotencyKey = True
    timeout = MAX_WAIT + 10
    description = {
        "regex": "[/{to}]",
        "POST": {
            "info": "Send an XMPP stanza",
            "description": "The body is one message, presence or iq in XML. {to} overrides its to. Without from it is from the "
            "gateway. An iq of type get or set without from is answered with its reply, be it a result or an error; everything "
            "else with an empty 200 as soon as it is handed over, or with its confirmation where ?confirm= or Prefer asks for that.",
            "request": '<message to="alice@example.com"><body>Hello</body></message>',
            "accepts": {"application/xml": {"type": "string"}},
            "answers": {200: {"application/xml": {"type": "string"}}},
        },
    }

    async def exec_post(self, service: Service, principal: Principal, content: Request | None, to: str | None) -> Result:
        body = await content.body() if content is not None else b""
        if content is None or not body.strip():
            raise HTTPException(400, "no data received: send one message, presence or iq as the body")
        stanza = stanza_json.read_verbatim(content.content_type, body)
        if to and to.strip():
            stanza = stanza.with_(to=JID(to.strip()))
        elif "to" not in stanza.attributes:
            if stanza.kind == "message":
                raise HTTPException(400, "the message has no to: put it into the stanza or the URL")
            stanza = stanza.with_(to=service.domain)
        caller = service.for_(principal)
        if stanza.awaits_reply and stanza.sender is None:
            return Result("application/xml", (await caller.request(stanza)).to_bytes())
        if (wish := wish_in(content)) is not None:
            return await wish.fulfilled(caller, content, stanza)
        await caller.send(stanza)
        return Result("application/xml", b"")
