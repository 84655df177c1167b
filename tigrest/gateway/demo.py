"""Fill the embedded domain on its first start, so that there is something to try: accounts with avatars, and an API key."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import secrets
import struct
import zlib
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from shlex import quote

from tigrest.auth.api_keys import KeyStore
from tigrest.backends.backend import Backend
from tigrest.backends.embedded.domain import EmbeddedDomain
from tigrest.config.models import EmbeddedConfig
from tigrest.hosts import is_loopback
from tigrest.service import Service
from tigrest.state.files import tighten
from tigrest.state.location import MEMORY
from tigrest.xmpp.commands import ADMIN_NODES
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import PING

log = logging.getLogger(__name__)

NAMES = ("admin", "alice", "bob")
FILE = "demo-credentials.json"


@dataclass(frozen=True)
class Demo:
    """The credentials made on the first start.

    Args:
        domain: the embedded domain.
        passwords: passwords of the accounts, by local part.
        api_key: an API key that is valid everywhere.
        file: path of the file that keeps these credentials; empty when none does.
        is_finished: whether all accounts exist: the first start may be cut short, e.g. by a full disk.
    """

    domain: str
    passwords: dict[str, str]
    api_key: str
    file: str = ""
    is_finished: bool = False

    def __repr__(self) -> str:
        return f"<Demo {self.domain}>"

    def warning(self, host: str) -> str:
        """Return a warning against serving the demo on an address; empty when only this machine reaches it.

        Args:
            host: address that the gateway listens on.
        """
        if is_loopback(host):
            return ""
        return (
            f"the demo of the embedded domain is served on {host}, to whoever reaches it, with accounts and an API key that can do "
            "everything and travel unencrypted: use --host 127.0.0.1 ([http] host), or set [[embedded.accounts]] of your own with a new "
            "database and put a TLS proxy in front"
        )

    def lines(self, base: str) -> list[str]:
        """Return the lines to print at the start: the credentials, and commands to paste.

        Args:
            base: scheme, host and port, as in ``http://127.0.0.1:8080``.
        """
        admin, alice = f"admin@{self.domain}", f"alice@{self.domain}"
        login = f"-u {quote(admin + ':' + self.passwords['admin'])}"
        key = f"-H {quote('Api-Key: ' + self.api_key)}"
        json_type, xml_type = (f"-H 'Content-Type: application/{name}'" for name in ("json", "xml"))
        fields = [{"var": "domainjid", "value": self.domain}, {"var": "max_items", "value": "25"}]
        command = json.dumps({"command": {"node": f"{ADMIN_NODES}get-active-users", "fields": fields}})
        status = json.dumps({"show": "xa", "status": "On the phone"})
        ping = f'<iq type="get" to="{self.domain}"><ping xmlns="{PING}"/></iq>'
        kept = f" (kept in {self.file}; delete it to have them shown no more)" if self.file else ""
        avatar, user, service, stream = (
            quote(f"{base}/rest/{path}") for path in (f"avatar/{alice}", f"user/{alice}/status", f"adhoc/sess-man@{self.domain}", "stream")
        )
        hello, room = json.dumps({"body": "Hello"}), quote(f"{base}/rest/room/hall@rooms.{self.domain}")
        accounts = quote(f"{base}/api/registered_users?host={self.domain}")
        return [
            f"An embedded XMPP domain, {self.domain}, is served, to try things out{kept}:",
            *[f"  {name}@{self.domain}  password {password}" for name, password in self.passwords.items()],
            f"  API key {self.api_key}",
            "Paste these:",
            f"  curl {avatar} -o avatar.png",
            f"  curl {key} {json_type} -d {quote(status)} {user}",
            f"  curl {login} {json_type} -d {quote(command)} {service}",
            f"  curl {login} {key} {xml_type} -d {quote(ping)} {stream}",
            f"  curl {login} {accounts}",
            f"  curl {login} {json_type} -d {quote(hello)} {room}",
            f"Or open {base}/rest/ in a browser.",
        ]


async def demo_of(embedded: EmbeddedConfig, backend: Backend, service: Service, keys: KeyStore) -> Demo | None:
    """Fill the embedded domain on its first start, and read the credentials on later ones.

    Args:
        embedded: its configuration; with accounts of its own there is no demo.
        backend: the back end, which was started.
        service: access to the domain; may send as its users.
        keys: store for the API key.

    Returns:
        The credentials; ``None`` when there are none to show.
    """
    if not isinstance(backend, EmbeddedDomain) or embedded.accounts:
        return None
    folder = None if embedded.database == MEMORY or "://" in embedded.database else Path(embedded.database).parent
    if backend.created:
        return await make_demo(service, keys, folder)
    return await recall_demo(service, folder) if folder is not None else None


async def make_demo(service: Service, keys: KeyStore, folder: Path | None) -> Demo:
    """Fill a new embedded domain.

    Args:
        service: access to the domain; may send as its users.
        keys: store for the API key.
        folder: folder for the file with the credentials, which only its owner may read; ``None`` to write none.
    """
    passwords = {name: secrets.token_urlsafe(9) for name in NAMES}
    known = {key.name for key in await keys.list()}
    if "demo" in known:
        await keys.revoke("demo")
    demo = Demo(service.domain, passwords, await keys.add("demo", (), ()), str(folder / FILE) if folder is not None else "")
    if demo.file:
        _keep(demo)  # before the accounts: were it written last and this failed, nobody would know their passwords
    return await _finish(service, demo)


async def _finish(service: Service, demo: Demo) -> Demo:
    """Make the accounts that are missing, and note in the file that none is."""
    for name, password in demo.passwords.items():
        jid = JID(f"{name}@{demo.domain}")
        if not await service.users.exists(jid):
            await service.users.add(jid, password)
        await service.avatars.set(jid, picture(name))
    finished = replace(demo, is_finished=True)
    if demo.file:
        _keep(finished)
    return finished


def _keep(demo: Demo) -> None:
    path = Path(demo.file)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(demo), file)


async def recall_demo(service: Service, folder: Path) -> Demo | None:
    """Read the credentials of the first start, and make the accounts that it did not get to; ``None`` when the file is gone."""
    try:
        tighten(folder / FILE)
        demo = Demo(**{"is_finished": True} | json.loads((folder / FILE).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        log.warning("%s cannot be read: %s", folder / FILE, error)
        return None
    return demo if demo.is_finished else await _finish(service, demo)


def picture(name: str, size: int = 96) -> bytes:
    """Draw an identicon: a symmetric pattern derived from a name, as PNG.

    Args:
        name: decides pattern and colour.
        size: width and height in pixels, a multiple of 6.
    """
    digest = hashlib.sha256(name.encode()).digest()
    colour = bytes(64 + byte // 2 for byte in digest[:3])
    cell = size // 6
    rows = []
    for y in range(size):
        inside = [0 < y // cell < 6 and digest[3 + y // cell * 3 + min(x, 5 - x)] & 1 for x in range(6)]
        rows.append(b"\0" + b"".join((colour if on else b"\xf4\xf4\xf4") * cell for on in inside))
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
