"""A user in Chromium, a client by Authlib, and ``tigrest serve`` between them: codes, devices, and what strangers' pages try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from authlib.common.security import generate_token
from authlib.integrations.requests_client import OAuth2Session

from tests.cli.process import serving, tigrest
from tests.servers.browser import Browser, fill_in, is_shown, page
from tests.waiting import eventually
from tigrest.auth.client_store import DEVICE_GRANT

CONFIG = """
[[embedded.accounts]]
jid = "alice@localhost"
password = "pässword"
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "config.toml").write_text(CONFIG)
    with serving("--config", "config.toml", cwd=folder) as (_, url):
        yield folder, url


def made(folder: Path, name: str, *options: str) -> dict[str, str]:
    """Make a client as an administrator does."""
    done = tigrest("client", "add", name, *options, "--config", "config.toml", cwd=folder)
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines())


@contextmanager
def session(client: dict[str, str], url: str, **options: Any) -> Iterator[OAuth2Session]:
    """Give a client by Authlib, as its documentation has it."""
    with OAuth2Session(
        client["CLIENT_ID"],
        client.get("CLIENT_SECRET"),
        token_endpoint=f"{url}/oauth2/token",
        revocation_endpoint_auth_method="none",
        **options,
    ) as made_by_authlib:
        yield made_by_authlib


def log_in_and_allow(browser: Browser) -> None:
    fill_in(browser, "Log in", username="alice", password="pässword")
    fill_in(browser, "Allow access?")


def whoami(authorized: OAuth2Session, url: str) -> int:
    return int(authorized.get(f"{url}/rest/adhoc/localhost").status_code)


def test_a_program_of_the_user_gets_tokens_by_the_browser(browser: Browser, gateway: tuple[Path, str]) -> None:
    folder, url = gateway
    client = made(folder, "Notes", "--public", "--redirect-uri", "http://127.0.0.1/done", "--scope", "user")
    browser.complaints()
    with page("<title>Back</title>") as port:
        verifier, back = generate_token(48), f"http://127.0.0.1:{port}/done"
        options = {"redirect_uri": back, "scope": "user", "code_challenge_method": "S256", "token_endpoint_auth_method": "none"}
        with session(client, url, **options) as notes:
            where, state = notes.create_authorization_url(f"{url}/oauth2/authorize", code_verifier=verifier)
            browser.open(where)
            fill_in(browser, "Log in", username="alice", password="wrong")
            log_in_and_allow(browser)
            is_shown(browser, "Back")
            assert [each for each in browser.complaints() if "favicon" not in each and "403" not in each] == []
            assert browser.run("return document.referrer") == ""
            answer = browser.run("return location.href")
            token = notes.fetch_token(authorization_response=answer, state=state, code_verifier=verifier)
            assert (token["token_type"], token["scope"]) == ("bearer", "user")
            assert whoami(notes, url) == 200
            first = token["access_token"]
            assert notes.refresh_token()["access_token"] != first
            assert whoami(notes, url) == 200
            notes.revoke_token(f"{url}/oauth2/revoke", notes.token["access_token"])
            assert whoami(notes, url) == 401
    assert "pässword" not in (folder / "log").read_text()


def test_a_web_application_with_a_secret_gets_tokens_by_the_browser(browser: Browser, gateway: tuple[Path, str]) -> None:
    folder, url = gateway
    with page("<title>Back</title>") as port:
        back = f"http://localhost:{port}/done"
        with session(made(folder, "Wiki", "--redirect-uri", back), url, redirect_uri=back, scope="user") as wiki:
            where, state = wiki.create_authorization_url(f"{url}/oauth2/authorize")
            browser.open(where)
            log_in_and_allow(browser)
            is_shown(browser, "Back")
            wiki.fetch_token(authorization_response=browser.run("return location.href"), state=state)
            assert whoami(wiki, url) == 200


def test_a_device_gets_tokens_by_the_browser_of_its_user(browser: Browser, gateway: tuple[Path, str]) -> None:
    folder, url = gateway
    client = made(folder, "Television", "--public", "--device")
    with session(client, url, token_endpoint_auth_method="none") as television:
        codes = httpx2.post(f"{url}/oauth2/device_authorization", data={"client_id": client["CLIENT_ID"]}).json()
        browser.open(codes["verification_uri_complete"])
        fill_in(browser, "Connect a device")
        log_in_and_allow(browser)
        is_shown(browser, "Device")
        television.fetch_token(grant_type=DEVICE_GRANT, device_code=codes["device_code"])
        assert whoami(television, url) == 200


def test_a_service_gets_tokens_by_its_secret(gateway: tuple[Path, str]) -> None:
    folder, url = gateway
    with session(made(folder, "Service", "--for", "alice@localhost", "--scope", "user"), url) as service:
        service.fetch_token(grant_type="client_credentials")
        assert whoami(service, url) == 200


def test_pages_of_strangers_neither_frame_the_page_nor_send_its_form(browser: Browser, gateway: tuple[Path, str]) -> None:
    folder, url = gateway
    back = "https://app.example/done"
    client = made(folder, "Target", "--redirect-uri", back)
    where = f"{url}/oauth2/authorize?response_type=code&client_id={client['CLIENT_ID']}&redirect_uri={back}"
    browser.open(where)
    browser.complaints()
    with page(f"<title>Stranger</title><iframe src='{where}'></iframe>") as port:
        browser.open(f"http://localhost:{port}/")
        eventually(lambda: any("frame-ancestors" in each for each in browser.complaints()))
    form = f"<form method='post' action='{where}'><input name='username' value='alice'><input name='password' value='pässword'></form>"
    with page(f"<title>Stranger</title>{form}") as port:
        browser.open(f"http://localhost:{port}/")
        browser.run("setTimeout(() => document.forms[0].submit(), 0); return true;")
        is_shown(browser, "403 Forbidden · tigrest")
