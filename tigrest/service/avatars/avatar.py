"""An avatar, as image bytes or as an address."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

from tigrest.formats.content import media_type
from tigrest.formats.images import image_type, looks_like_markup, raster_type
from tigrest.service.avatars.encodings import web_address

SVG = "image/svg+xml"


@dataclass(frozen=True)
class Avatar:
    """An avatar: either image bytes or the address of one elsewhere.

    Args:
        data: the image; empty when there is only a ``url``.
        content_type: its media type, always ``image/…``, never SVG.
        url: an ``http`` or ``https`` address in ASCII; empty when there is ``data``.
        etag: its entity tag, quoted; changes with the image.
        is_certain: whether the bytes themselves tell that they are of this type; ``False`` where only their owner says so.
        is_public: whether anybody may see it; ``False`` for what the server showed only in the name of its owner.
    """

    data: bytes = b""
    content_type: str = ""
    url: str = ""
    etag: str = ""
    is_certain: bool = True
    is_public: bool = True

    @classmethod
    def of_image(cls, data: bytes, claimed_type: str = "") -> Avatar | None:
        """Make one from bytes.

        Args:
            data: what may be an image.
            claimed_type: what somebody says it is; believed only of raster formats, and only where the bytes say nothing.

        Returns:
            The avatar; ``None`` when the bytes are no image, whatever they are said to be.
        """
        if not data:
            return None
        kind = image_type(data)
        claimed = "" if kind or looks_like_markup(data) else raster_type(claimed_type)
        if not kind and not claimed:
            return None
        return cls(data, kind or claimed, "", f'"{sha1(data)}"', is_certain=bool(kind))

    @classmethod
    def of_url(cls, url: str, claimed_type: str = "") -> Avatar | None:
        """Make one from an address.

        Returns:
            The avatar; ``None`` unless :func:`~tigrest.service.avatars.encodings.web_address` can write the address, and for SVG.
        """
        address = web_address(url) if media_type(claimed_type) != SVG else ""
        return cls(url=address) if address else None

    def for_contacts(self) -> Avatar:
        """Return the same avatar, marked as not public."""
        return replace(self, is_public=False)


def sha1(data: bytes) -> str:
    """Compute the hash that names images, in hexadecimal. XEP-0084 §4.2.1"""
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
