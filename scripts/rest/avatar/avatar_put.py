"""Setting avatars."""

from tigrest import JID, Handler, HTTPException, InvalidValue, Principal, Request, Service

from .._content import DOCUMENT

FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data"


class AvatarPut(Handler):
    """Set the avatar of a user: his own, or anybody's for an admin."""

    regex = r"/([^/]+)"
    requiredRole = "user"
    decodeContent = False
    description = {
        "regex": "/{jid}",
        "PUT": {
            "info": "Set the avatar of a user",
            "description": "The body is the image, or a form with it as its only file: PNG, JPEG, GIF, WebP, AVIF or BMP. Users set "
            "their own, admins anybody's.",
            "curl": "-T avatar.png",
            "response": {"user": {"jid": "alice@example.com"}},
            "accepts": {"image/*": {}, MULTIPART: {"type": "object"}},
            "answers": {200: DOCUMENT},
        },
    }

    async def exec_put(self, service: Service, principal: Principal, content: Request | None, jid: JID) -> dict[str, object]:
        if content is None:
            raise HTTPException(400, "send the image as the body")
        declared = content.content_type.partition(";")[0].strip().lower()
        image = await image_in(content) if declared == MULTIPART else await content.body()
        try:
            await service.for_(principal).set_avatar(jid, image)
        except InvalidValue as error:
            if declared != FORM:
                raise
            raise HTTPException(415, f"{error}; curl -d spoils them: use curl -T avatar.png") from None
        return {"user": {"jid": jid.bare}}


async def image_in(content: Request) -> bytes:
    """Return the only file of a form (``curl -F image=@avatar.png``)."""
    form = await content.form(max_files=2, max_fields=10)
    files = [value for _, value in form.multi_items() if not isinstance(value, str)]
    if len(files) != 1:
        raise HTTPException(400, f"the form has {len(files)} files; send one image")
    return await files[0].read()
