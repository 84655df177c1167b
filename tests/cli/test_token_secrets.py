"""Tokens of a served gateway: revoked by another process, and nowhere in what it writes."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import Any

import httpx2

from tests.cli.process import demo, prepare, serving, tigrest
from tests.waiting import eventually


def made(cwd: Path, *words: str) -> str:
    done = tigrest(*words, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def test_what_another_process_revokes_ends_in_the_gateway_that_serves(tmp_path: Path) -> None:
    with serving(cwd=tmp_path) as (_, url), httpx2.Client(base_url=url) as client:
        token = made(tmp_path, "token", "add", "script", "--for", "admin@localhost", "--scope", "admin")
        key = made(tmp_path, "api-key", "add", "script")

        def status(name: str, *, by: str) -> int:
            headers = bearer(token) | {"Content-Type": "application/xml", "Api-Key": by}
            return client.post(f"/rest/{name}", content="<presence to='admin@localhost'/>", headers=headers).status_code

        eventually(lambda: status("stream", by=key) == 200)
        eventually(lambda: '"last_address": "127.0.0.1"' in made(tmp_path, "token", "list", "--json"))
        eventually(lambda: '"last_address": "127.0.0.1"' in made(tmp_path, "api-key", "list", "--json"))
        made(tmp_path, "api-key", "revoke", "script")
        eventually(lambda: status("stream", by=key) == 403)
        key = demo(tmp_path)["api_key"]
        assert status("stream", by=key) == 200
        made(tmp_path, "token", "revoke", "script")
        eventually(lambda: status("stream", by=key) == 401)


CONFIG = """
[http]
trusted_proxies = ["127.0.0.1"]

[auth.tokens]
register = "open"
"""


class Caller:
    """Calls a gateway with secrets, from another network each time, so that it is not throttled, and keeps all that it answers.

    Args:
        url: of the gateway.
    """

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=30)
        self.answers: list[str] = []
        self._networks = itertools.count(1)

    def call(self, method: str, path: str, *, issues: bool = False, **options: Any) -> httpx2.Response:
        """Send a request; the answer is not kept where it may show a secret, since it makes it."""
        number = next(self._networks)
        headers = {"X-Forwarded-For": f"10.{number // 250}.{number % 250}.1"} | options.pop("headers", {})
        answer = self._client.request(method, path, headers=headers, **options)
        assert answer.status_code < 500, answer.text
        assert answer.status_code != 429
        if not issues:
            self.answers.append(f"{answer.headers}\n{answer.text}")
        return answer

    def close(self) -> None:
        """Close its connections."""
        self._client.close()


def issued(caller: Caller, password: str) -> list[str]:
    """Let a client register, and a user log in by it, twice: return its secret, the access tokens, and the refresh tokens."""
    properties = {"client_name": "Service", "grant_types": ["password", "refresh_token"]}
    client = caller.call("POST", "/oauth2/register", json=properties, issues=True).json()
    headers = basic(client["client_id"], client["client_secret"])
    form = {"grant_type": "password", "username": "admin", "password": password, "scope": "admin"}
    first = caller.call("POST", "/oauth2/token", data=form, headers=headers, issues=True).json()
    again = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = caller.call("POST", "/oauth2/token", data=again, headers=headers, issues=True).json()
    both = [each[name] for each in (first, second) for name in ("access_token", "refresh_token")]
    return [client["client_secret"], headers["Authorization"].removeprefix("Basic "), *both]


def use(caller: Caller, secret: str, password: str) -> None:
    """Send a secret wherever there is a place for one, and where there is none."""
    admin, form = basic("admin", password), {"Content-Type": "application/x-www-form-urlencoded"}
    for headers in (
        bearer(secret),
        {"Authorization": f"bearer  {secret}"},
        basic("admin", secret),
        {"Api-Key": secret},
        {"X-Token": secret},
    ):
        for path in (
            "/rest/users/localhost",
            "/api/list_methods",
            "/api/registered_users?host=localhost",
            "/rest/bosh/prebind",
            "/metrics",
        ):
            caller.call("GET", path, headers=headers)
        caller.call("POST", "/rest/stream?api-key=" + secret, headers=headers | {"Content-Type": "application/xml"}, content="<presence/>")
        caller.call("POST", "/oauth2/introspect", headers=headers, data={"token": secret})
    for path in (f"/api/status?access_token={secret}", f"/rest/users/localhost?token={secret}&api-key={secret}"):
        caller.call("GET", path)
    caller.call("POST", "/oauth2/token", data={"grant_type": "refresh_token", "refresh_token": secret})
    caller.call(
        "POST", "/oauth2/token", headers=form, content=f"grant_type=password&username=admin&password={secret}&client_secret={secret}"
    )
    caller.call("POST", "/oauth2/revoke", data={"token": secret, "token_type_hint": "access_token"})
    caller.call("POST", "/api/oauth_revoke_token", headers=admin, json={"token": secret})
    caller.call("POST", "/api/oauth_revoke_token", headers=admin, json={"token": [secret]})


def test_no_token_is_in_anything_that_a_gateway_writes_or_shows(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "config.toml").write_text(CONFIG)
    password = demo(tmp_path)["passwords"]["admin"]
    secrets = [
        made(tmp_path, "token", "add", "script", "--for", "admin@localhost", "--scope", "admin"),
        made(tmp_path, "token", "add", "ended", "--for", "admin@localhost", "--scope", "admin", "--expires", "1s"),
        made(tmp_path, "api-key", "add", "script"),
        "tgt_guessed-by-somebody-0123456789012345678901",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiJ9.guessed",
    ]
    options = ("--access-log", "--log-level", "debug")
    with serving(*options, cwd=tmp_path) as (process, url):
        caller = Caller(url)
        secrets += issued(caller, password)
        secrets.append(basic("admin", password)["Authorization"].removeprefix("Basic "))
        for secret in secrets:
            use(caller, secret, password)
        for line in ("token list", "api-key list", "token list --json", "api-key list --json"):
            caller.answers.append(made(tmp_path, *line.split()))
        caller.answers.append(tigrest("ctl", "oauth_revoke_token", "-", cwd=tmp_path, stdin=f"{secrets[0]}\n").stderr)
        caller.answers.append(caller.call("GET", "/metrics").text)
        places = {name: Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("cmdline", "environ")}
        caller.close()
    places |= {str(path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path.name != "demo-credentials.json"}
    places["answers"] = "\n".join(caller.answers).encode()
    assert b"/oauth2/token" in places[str(tmp_path / "log")], "the access log is there"
    assert b"tgt_" not in places[str(tmp_path / "log")]
    found = [(name, secret) for name, text in places.items() for secret in [*secrets, password] if secret.encode() in text]
    assert found == []
