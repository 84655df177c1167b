"""Setting avatars."""

from tigrest import JID, Handler, HTTPException, Principal, Request, Service


class AvatarPut(Handler):
    """Set the avatar of a user: his own, or anybody's for an admin."""

    regex = r"/([^/]+)"
    requiredRole = "user"
    decodeContent = False
    description = {
        "regex": "/{jid}",
        "PUT": {
            "info": "Set the avatar of a user",
            "description": "The body is the image: PNG, JPEG, GIF, WebP, AVIF or BMP. Users set their own, admins anybody's.",
            "curl": "-T avatar.png",
            "response": {"user": {"jid": "alice@example.com"}},
        },
    }

    async def exec_put(self, service: Service, principal: Principal, content: Request | None, jid: JID) -> dict[str, object]:
        if content is None:
            raise HTTPException(400, "send the image as the body")
        await service.for_(principal).set_avatar(jid, await content.body())
        return {"user": {"jid": jid.bare}}
