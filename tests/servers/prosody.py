"""Prosody, from Debian's packages ``prosody`` and ``prosody-modules``."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tests.servers.process import SECRET, USERS, XmppServer

CONFIG = """
run_as_root = true
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
plugin_paths = {{ {plugin_paths} }}
network_backend = "epoll"
interfaces = {{ "127.0.0.1" }}
local_interfaces = {{ "127.0.0.1" }}
c2s_interfaces = {{ "127.0.0.1" }}
component_interfaces = {{ "127.0.0.1" }}
http_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{ {c2s} }}
c2s_direct_tls_ports = {{ }}
legacy_ssl_ports = {{ }}
component_ports = {{ {component} }}
http_ports = {{ {http} }}
https_ports = {{ }}
log = {{ {{ levels = {{ min = "info" }}, to = "file", filename = "{folder}/prosody.log" }} }}

modules_enabled = {{
    "roster"; "saslauth"; "disco"; "posix"; "ping"; "time"; "version"; "uptime"; "private"; "pep"; "vcard4"; "vcard_legacy";
    "carbons"; "offline"; "blocklist"; "adhoc"; {administration} "bosh"; "http"; "privilege"; "announce"; "lastactivity";
    "presence"; "message"; "iq"; {tls_module} {invites}
}}
modules_disabled = {{ "s2s"{no_tls} }}
{tls}
authentication = "{authentication}"
password_hash = "{hash}"
storage = "internal"
c2s_require_encryption = {require_encryption}
s2s_require_encryption = false
allow_unencrypted_plain_auth = {plain}
consider_bosh_secure = true
http_default_host = "localhost"
component_stanza_size_limit = 1024 * 1024
admins = {{ "admin@localhost", "http.localhost" }}

VirtualHost "localhost"
    disco_items = {{ {{ "http.localhost", "HTTP gateway" }} }}
    {host_modules}
    {privileges}

Component "http.localhost"
    component_secret = "{secret}"
    validate_from_addresses = {validate}
    component_conflict_resolve = "kick_old"
    modules_enabled = {{ "privilege" }}

Component "rooms.localhost" "muc"
    modules_enabled = {{ "muc_mam" }}

Component "upload.localhost" "http_file_share"
    http_host = "localhost"
    http_external_url = "http://localhost:{http}/"
    http_file_share_access = {{ "localhost", "http.localhost" }}
    http_file_share_size_limit = {file_size}
{components}
"""

FORMS = Path(__file__).parent / "prosody_modules"
"""Where ``mod_test_forms`` is: ad-hoc commands of all kinds."""

PRIVILEGED_IQS = ("http://jabber.org/protocol/pubsub", "vcard-temp", "jabber:iq:roster")

PRIVILEGES = """
    privileged_entities = {{
        ["http.localhost"] = {{
            roster = "both"; message = "outgoing"; presence = "roster";
            iq = {{ {iqs} }};
        }};
    }}
"""


def _privileges(*further: str) -> str:
    """Return the grants, with iqs of further namespaces."""
    return PRIVILEGES.format(iqs=" ".join(f'["{namespace}"] = "both";' for namespace in (*PRIVILEGED_IQS, *further)))


class Prosody(XmppServer):
    """Prosody.

    Args:
        folder: as for any server.
        options: ``trust="false"``: checks the component's ``from``; ``privileges="false"``: grants none (XEP-0356);
            ``granted="urn:x urn:y"``: further namespaces of privileged iqs; ``invites="true"``: invitations (XEP-0401);
            ``authentication="internal_hashed"``: SCRAM, of ``hash="SHA-256"`` or SHA-1; ``plain="false"``: no SASL PLAIN without
            TLS; ``tls="FILE"``: STARTTLS with this certificate and its ``.key``; ``modules="DIR"``: a folder
            that has ``mod_rest``, which is enabled; ``forms="true"``: the commands of :data:`FORMS`;
            ``tokens="true"``: the tokens of ``mod_test_tokens``, Prosody 13 only, which needs ``authentication="internal_hashed"``;
            ``file_size="6000000"``: bytes of the largest file that is uploaded;
            ``components="irc.localhost"``: addresses of further components, separated by spaces, with the same secret.
    """

    name = "Prosody"

    @staticmethod
    def is_installed() -> bool:
        """Return whether it can be started here."""
        return shutil.which("prosody") is not None

    @staticmethod
    def trouble() -> str:
        """Tell why it cannot be started here, and what to do; empty where it can."""
        return "" if Prosody.is_installed() else "Prosody is not installed; as root: apt-get install prosody prosody-modules"

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration; the accounts go straight into the store."""
        options = self.options
        certificate = options.get("tls", "")
        modules = options.get("modules", "")
        enabled = "; ".join(
            name
            for name, wanted in (('"rest"', modules), ('"test_forms"', options.get("forms")), ('"test_tokens"', options.get("tokens")))
            if wanted
        )
        key = certificate.removesuffix(".crt") + ".key"
        if options.get("tokens"):
            shutil.copy(FORMS / "mod_test_tokens.lua", self.folder)  # where Prosody 13 can read it
        values = {
            "folder": self.folder,
            "c2s": self.c2s,
            "component": self.component,
            "http": self.http,
            "file_size": options.get("file_size", "6000000"),
            "secret": SECRET,
            "plugin_paths": "; ".join(
                f'"{folder}"'
                for folder in (modules, FORMS if options.get("forms") else "", self.folder if options.get("tokens") else "")
                if folder
            ),
            "host_modules": f"modules_enabled = {{ {enabled} }}" if enabled else "",
            "components": "\n".join(
                f'Component "{name}"\n    component_secret = "{SECRET}"' for name in options.get("components", "").split()
            ),
            "validate": "false" if options.get("trust", "true") == "true" else "true",
            "privileges": _privileges(*options.get("granted", "").split()) if options.get("privileges", "true") == "true" else "",
            "administration": '"admin_adhoc";' if options.get("administration", "true") == "true" else "",
            "authentication": options.get("authentication", "internal_plain"),
            "hash": options.get("hash", "SHA-1"),
            "plain": options.get("plain", "true"),
            "require_encryption": "true" if certificate else "false",
            "invites": '"invites"; "invites_adhoc";' if options.get("invites") == "true" else "",
            "tls_module": '"tls";' if certificate else "",
            "no_tls": "" if certificate else ', "tls"',
            "tls": f'ssl = {{ certificate = "{certificate}"; key = "{key}" }}' if certificate else "",
        }
        config = self.folder / "prosody.cfg.lua"
        config.write_text(CONFIG.format(**values))
        if not self.accounts.exists():
            for user, password in USERS.items():
                self.add_user(user, password)
        return ["prosody", "--config", str(config), "-F"], dict(os.environ)

    @property
    def accounts(self) -> Path:
        """Return where it keeps them; it reads them anew for every login."""
        return self.folder / "data" / "localhost" / "accounts"

    def add_user(self, user: str, password: str) -> None:
        """Make an account. Prosody hashes the password itself, at the first login, where it is configured to."""
        self.accounts.mkdir(parents=True, exist_ok=True)
        name = "".join(chr(byte) if chr(byte).isalnum() and byte < 128 else f"%{byte:02x}" for byte in user.encode())
        quoted = "".join(f"\\{byte:03}" for byte in password.encode())
        (self.accounts / f"{name}.dat").write_text(f'return {{\n\t["password"] = "{quoted}";\n}};\n')
