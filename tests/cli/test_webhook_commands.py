"""The commands about webhooks, on a served gateway whose webhook is broken."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2

from tests.cli.process import demo, serving
from tests.waiting import eventually


class Receiver(ThreadingHTTPServer):
    """What a webhook posts to; answers :attr:`status`, and keeps the header ``webhook-id`` of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Post)
        self.status = 503
        self.ids: list[str] = []


class _Post(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.ids.append(self.headers["webhook-id"])
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def receiving() -> Iterator[Receiver]:
    with Receiver() as receiver:
        thread = Thread(target=receiver.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            receiver.shutdown()
            thread.join()


class Caller:
    """Calls commands as a demo user."""

    def __init__(self, base: str, cwd: Path, user: str = "admin") -> None:
        self._base, self._login = base, (user, demo(cwd)["passwords"][user])

    def post(self, path: str, body: object, key: str = "") -> httpx2.Response:
        headers = {"Idempotency-Key": key} if key else {}
        return httpx2.post(self._base + path, json=body, headers=headers, auth=self._login, timeout=20)

    def deliveries(self, **arguments: object) -> Any:
        answer = self.post("/api/list_webhook_deliveries", arguments)
        assert answer.status_code == 200, answer.text
        return answer.json()


def test_what_could_not_be_delivered_is_listed_replayed_once_and_dropped(tmp_path: Path) -> None:
    with receiving() as receiver:
        hook = f'[{{name = "orders", url = "http://127.0.0.1:{receiver.server_port}/", stanzas = ["message"], max_attempts = 1}}]'
        with serving(cwd=tmp_path, TIGREST__WEBHOOKS=hook) as (_, base):
            admin, alice = Caller(base, tmp_path), Caller(base, tmp_path, "alice")
            for text in ("one", "two", "three"):
                assert alice.post("/rest", {"to": "shop@http.localhost", "body": text}).status_code == 202
            eventually(lambda: len(admin.deliveries(webhook="orders")) == 3)
            first, second, third = admin.deliveries()
            assert (first["webhook"], first["sender"], first["kind"], first["state"], first["attempts"]) == (
                ("orders", "alice@localhost", "message", "dead", 1)
            )
            assert first["problem"].startswith("503 ")
            assert admin.deliveries(after=first["id"], limit=1) == [second]
            assert admin.deliveries(webhook="other") == []

            replay = "/api/replay_webhook_deliveries"
            assert admin.post(replay, {"ids": [second["id"]]}, "again").json() == 1
            eventually(lambda: len(receiver.ids) == 4 and len(admin.deliveries()) == 3)
            repeat = admin.post(replay, {"ids": [second["id"]]}, "again")
            assert (repeat.json(), repeat.headers["idempotent-replayed"]) == (1, "true")
            assert receiver.ids[3:] == [second["webhook_id"]]
            assert admin.post(replay, {"ids": [second["id"]]}).status_code == 404  # it has a new id now
            assert admin.post(replay, {"ids": [third["id"]], "all": True}).status_code == 400

            receiver.status = 202
            assert admin.post(replay, {"webhook": "other"}).json() == 0
            assert admin.post("/api/drop_webhook_deliveries", {"ids": [first["id"]]}).json() == 1
            assert admin.post(replay, {"webhook": "orders"}).json() == 2
            eventually(lambda: not admin.deliveries(all=True))
            assert sorted(receiver.ids[4:]) == sorted([second["webhook_id"], third["webhook_id"]])
            [shown] = admin.post("/api/list_webhooks", {}).json()
            assert (shown["name"], shown["delivered"], shown["failed"]) == ("orders", 2, 4)

            assert alice.post("/api/list_webhook_deliveries", {}).status_code == 403
            assert alice.post("/api/drop_webhook_deliveries", {"all": True}).status_code == 403
    log = (tmp_path / "log").read_text()
    assert f"drop_webhook_deliveries(ids='[{first['id']}]') ok" in log
