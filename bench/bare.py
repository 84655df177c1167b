"""The ceiling: what uvicorn does when nothing is done."""

import sys
from typing import Any

import uvicorn


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Answer every request with five bytes."""
    headers = [(b"content-type", b"text/plain"), (b"content-length", b"5")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"hello"})


if __name__ == "__main__":
    port = int(sys.argv[1])
    uvicorn.run(hello, port=port, log_level="warning", access_log=False, lifespan="off", ws="none", loop="uvloop", http="httptools")
