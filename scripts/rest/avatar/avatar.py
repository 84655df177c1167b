"""Avatars of users, by plain GET: for web pages, chat lists, phone books."""

from tigrest import JID, AvatarSource, Handler, HTTPException, Request, Result, Service

SAFE = {"Content-Security-Policy": "default-src 'none'; sandbox"}
"""An avatar never runs scripts, whatever its bytes are."""


class Avatar(Handler):
    """The avatar of a user."""

    regex = r"/([^/]+)(?:/|/(avatar|vcard4|vcard-temp))?"
    description = {
        "regex": "/{jid}[/{avatar|vcard4|vcard-temp}]",
        "GET": {
            "info": "Get the avatar of a user",
            "curl": "-o avatar.png",
            "description": "The image itself, or a redirect to it. Looks in PEP (avatar), vCard4 and vcard-temp, in this order, "
            "or only in the place that is named. 404 when there is none that strangers may see.",
            "answers": {200: {"image/*": {}}, 302: "The image is elsewhere.", 304: "It is what `If-None-Match` names."},
        },
    }

    async def exec_get(self, service: Service, request: Request, jid: JID, source: AvatarSource | None) -> Result:
        avatar = await service.avatars.get(jid, source, is_limited=True)
        if avatar is None:
            raise HTTPException(404, f"{jid.bare} has no avatar that may be seen by all")
        scope = "public" if avatar.is_public else "private"
        caching = {"Cache-Control": f"{scope}, max-age={service.avatars.cache.seconds:.0f}", **SAFE}
        if avatar.url:
            return Result("text/plain", "", 302, {"Location": avatar.url, **caching})
        headers = {"ETag": avatar.etag, **caching}
        if has_already(request.headers.get("if-none-match", ""), avatar.etag):
            return Result("", b"", 304, headers)
        return Result(avatar.content_type, avatar.data, 200, headers)


def has_already(if_none_match: str, etag: str) -> bool:
    """Tell whether the caller has this very image already (RFC 9110 §13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in if_none_match.split(",")]
    return etag in tags or tags == ["*"]
