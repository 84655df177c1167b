"""What ``tigrest check --live`` says of uploads, where no server of the tests answers so."""

from __future__ import annotations

import pytest

from tigrest.errors import NotSupported, NoUploadService, ServerFailed, StanzaError
from tigrest.gateway.probe_account import NotTried
from tigrest.gateway.upload_check import FILE_CONTENT, try_upload

URL = "https://upload.example.org/1/tigrest-check.txt"


class Uploads:
    """Takes files, or refuses them."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal

    async def upload(self, name: str, size: int, content_type: str, chunks: bytes) -> str:
        assert (name, size, content_type) == ("tigrest-check.txt", len(chunks), "text/plain")
        if self.refusal is not None:
            raise self.refusal
        return URL


async def fetched(url: str) -> bytes:
    assert url == URL
    return FILE_CONTENT


async def cut(url: str) -> bytes:
    return FILE_CONTENT[:10]


async def test_a_file_goes_and_comes_back() -> None:
    assert await try_upload(Uploads(), Uploads(), fetched) == ""


async def test_a_server_without_uploads_is_not_tried() -> None:
    with pytest.raises(NotTried, match="has none"):
        await try_upload(Uploads(NoUploadService("it has none")), Uploads(), fetched)


async def test_whether_the_gateway_itself_may_upload_is_told_where_its_users_may_not() -> None:
    refusal = StanzaError("forbidden", text="not you")
    with pytest.raises(NotSupported, match=r"from the gateway, but not from its users' addresses: .*not you"):
        await try_upload(Uploads(refusal), Uploads(), fetched)
    with pytest.raises(StanzaError, match="nobody"):
        await try_upload(Uploads(refusal), Uploads(StanzaError("forbidden", text="nobody")), fetched)


async def test_another_file_than_was_sent_is_told() -> None:
    with pytest.raises(ServerFailed, match="is not what it took"):
        await try_upload(Uploads(), Uploads(), cut)
