"""The smallest handler there is; the guide's example of how a URI comes about."""

from tigrest import Handler


class TestHandler(Handler):
    """Tell that scripts are served."""

    regex = r"/test"
    description = {"GET": {"answers": {200: {media: {"type": "object"} for media in ("application/json", "application/xml")}}}}

    async def exec_get(self) -> dict[str, object]:
        return {"test": {"success": True}}
