"""A webhook that answers what it is told to."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.servers.fuzzing.batches import HookAnswer


class Hook:
    """A webhook that answers what it is told to.

    Args:
        port: where it listens.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/hook"
        self.answers: tuple[HookAnswer, ...] = ()
        """What it answers, in turn; none: 202."""
        self.delivered = 0
        """How many requests came."""

    def next(self) -> HookAnswer:
        """Return the next answer."""
        self.delivered += 1
        return self.answers[self.delivered % len(self.answers)] if self.answers else HookAnswer(202, "", b"")


@contextmanager
def hook() -> Iterator[Hook]:
    """Run a webhook."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = running.next()
            self.send_response(answer.status, "odd")
            if answer.content_type:
                self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def handle_error(self, request: object, client_address: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as httpd:
        running = Hook(httpd.server_port)
        thread = threading.Thread(target=httpd.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield running
        finally:
            httpd.shutdown()
            thread.join()
