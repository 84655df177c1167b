"""Media types of images, detected from their first bytes or normalised from a declared type."""

from __future__ import annotations

from tigrest.formats.content import media_type

_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
)

_RASTER = {
    **{kind: kind for kind in ("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp")},
    **{kind: kind for kind in ("image/apng", "image/heic", "image/heif", "image/jxl", "image/tiff", "image/vnd.microsoft.icon")},
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/x-ms-bmp": "image/bmp",
    "image/x-icon": "image/vnd.microsoft.icon",
}
"""Registered media types of raster formats, by the names in use for them."""


def image_type(data: bytes) -> str:
    """Detect the media type of an image.

    Returns:
        ``image/png``, ``image/jpeg``, ``image/gif``, ``image/webp``, ``image/avif`` or ``image/bmp``; empty for anything
        else. SVG is never detected, since it can carry scripts.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    if data[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    return next((kind for signature, kind in _SIGNATURES if data.startswith(signature)), "")


def raster_type(claimed_type: str) -> str:
    """Return the registered name of a raster format.

    Args:
        claimed_type: media type as a stranger has written it: in any case, with parameters, of any length.

    Returns:
        The registered media type, such as ``image/png``; empty for SVG, for unknown formats and for other media types.
    """
    return _RASTER.get(media_type(claimed_type), "")


def looks_like_markup(data: bytes) -> bool:
    """Return whether bytes may be SVG or HTML, in any encoding, or compressed."""
    return data[:1024].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\f\0").startswith(b"<") or data.startswith(b"\x1f\x8b")
