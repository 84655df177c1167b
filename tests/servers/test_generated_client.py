"""A client that openapi-python-client makes from the document: it has types, and it works."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import httpx2

from tests.servers.openapi_tools import LOGIN, PYTHON, expect_installed, run_tool, served

CALLS = """
import sys

from client import AuthenticatedClient
from client.api.accounts import check_account, register, registered_users
from client.api.rest import post_rest
from client.models import Problem, RegisterArguments, Stanza

stranger = AuthenticatedClient(base_url=sys.argv[1], token="eDp5", prefix="Basic")
client = AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2], prefix="Basic", raise_on_unexpected_status=True)
bob = RegisterArguments(user="bob", host="localhost", password="secret")

refused = register.sync(client=stranger, body=bob)
assert isinstance(refused, Problem) and refused.status == 401, refused
made = register.sync(client=client, body=bob)
assert isinstance(made, str) and "bob@localhost" in made, made
again = register.sync(client=client, body=bob)
assert isinstance(again, Problem) and again.status == 409, again
exists = check_account.sync(client=client, user="bob", host="localhost")
assert exists is not None and not isinstance(exists, Problem), exists
users = registered_users.sync(client=client, host="localhost")
assert isinstance(users, list) and "bob" in users, users
sent = post_rest.sync_detailed(client=client, body=Stanza.from_dict({"kind": "message", "to": "bob@localhost", "body": "Hello"}))
assert sent.status_code == 202, sent
print("done")
"""


def test_a_generated_client_has_types_and_works(tmp_path: Path) -> None:
    expect_installed()
    (tmp_path / "calls.py").write_text(CALLS)
    (tmp_path / "generating.yml").write_text("post_hooks: []\n")  # they would format it
    with served(tmp_path) as url:
        document = httpx2.get(f"{url}/api/openapi.json", auth=LOGIN)
        (tmp_path / "openapi.json").write_bytes(document.content)
        options = ["--path", "openapi.json", "--output-path", "client", "--meta", "none", "--config", "generating.yml"]
        made = run_tool(["-m", "openapi_python_client", "generate", *options], tmp_path, 120)
        assert made.returncode == 0, made.stdout
        assert "Unable to" not in made.stdout, made.stdout
        command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(PYTHON), "client", "calls.py"]
        checked = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert checked.returncode == 0, checked.stdout + checked.stderr
        called = run_tool(["calls.py", url, b64encode(":".join(LOGIN).encode()).decode()], tmp_path, 60)
    assert called.stdout == "done\n", called.stdout
