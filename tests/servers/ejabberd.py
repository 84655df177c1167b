"""ejabberd, from Debian's package ``ejabberd``."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

from tests.servers.process import DOMAIN, SECRET, USERS, XmppServer

CONFIG = """
loglevel: info
hosts: [ "localhost" ]
language: en
auth_method: internal
auth_password_format: {password_format}
auth_scram_hash: {hash}
disable_sasl_mechanisms: [ {disabled} ]
s2s_access: none
listen:
  - {{ port: {c2s}, ip: "127.0.0.1", module: ejabberd_c2s, access: c2s, {tls} max_stanza_size: 262144 }}
  - port: {component}
    ip: "127.0.0.1"
    module: ejabberd_service
    access: all
    shaper: none
    check_from: {check_from}
    global_routes: false
    hosts:
      http.localhost: {{ password: "{secret}" }}
  - port: {http}
    ip: "127.0.0.1"
    module: ejabberd_http
    request_handlers:
      /api: mod_http_api
      /http-bind: mod_bosh
      /upload: mod_http_upload
acl:
  admin: {{ user: [ "admin@localhost" ] }}
  gateway: {{ {gateway} }}
access_rules:
  c2s: {{ allow: all }}
  configure: [ {{ allow: admin }}, {{ allow: gateway }} ]
  announce: [ {{ allow: admin }}, {{ allow: gateway }} ]
  local: {{ allow: all }}
  upload: [ {{ allow: {{ user_regexp: {{ "": "localhost" }} }} }}, {{ allow: {{ server: http.localhost }} }}, {{ allow: {{ server: localhost }} }} ]
  privileged: {{ {privileged}: gateway }}
api_permissions:
  "loopback": {{ who: {{ ip: "127.0.0.1/8" }}, what: [ "*" ] }}
oauth_access: all
modules:
  mod_adhoc: {{}}
  mod_admin_extra: {{}}
  mod_announce: {{ access: announce }}
  mod_bosh: {{}}
  mod_caps: {{}}
  mod_carboncopy: {{}}
  {administration}
  mod_disco: {{}}
  mod_http_api: {{}}
  mod_http_upload: {{ access: upload, docroot: "{folder}/upload", put_url: "http://localhost:{http}/upload", max_size: 6000000 }}
  mod_last: {{}}
  mod_mam: {{ default: never }}
  mod_muc: {{ host: "rooms.localhost", default_room_options: {{ mam: true }} }}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_private: {{}}
  {privilege}
  {register}
  mod_pubsub: {{ plugins: [ "flat", "pep" ] }}
  mod_roster: {{ versioning: true }}
  mod_time: {{}}
  mod_vcard: {{ search: false }}
  mod_vcard_xupdate: {{}}
  mod_avatar: {{}}
  mod_version: {{}}
"""

PRIVILEGE = """mod_privilege:
    roster: {{ both: privileged }}
    message: {{ outgoing: privileged }}
    presence: {{ roster: privileged, managed_entity: privileged }}
    {privileged_iqs}
"""

PRIVILEGED_IQS = ("http://jabber.org/protocol/pubsub", "vcard-temp", "jabber:iq:roster")


def _privileged_iqs(*further: str) -> str:
    """Return the option of ``mod_privilege`` that grants iqs of some namespaces."""
    return "iq: { " + ", ".join(f'"{namespace}": {{ both: privileged }}' for namespace in (*PRIVILEGED_IQS, *further)) + " }"


def erlang(folder: Path) -> tuple[list[str], dict[str, str]]:
    """Return command and environment that run ejabberd with ``ejabberd.yml``, ``spool`` and ``logs`` of a folder."""
    environment = os.environ | {
        "HOME": str(folder),
        "ERL_LIBS": "/usr/lib/x86_64-linux-gnu" if Path("/usr/lib/x86_64-linux-gnu").is_dir() else "/usr/lib/aarch64-linux-gnu",
        "EJABBERD_CONFIG_PATH": str(folder / "ejabberd.yml"),
        "EJABBERD_LOG_PATH": str(folder / "logs" / "ejabberd.log"),
        "ERL_CRASH_DUMP_BYTES": "0",
        "CONTRIB_MODULES_PATH": str(folder / "contrib"),
    }
    environment.pop("EJABBERD_PID_PATH", None)
    kernel = ["-kernel", "start_distribution", "false", "-mnesia", "dir", f'"{folder}/spool"']
    return ["erl", "-noinput", "+K", "true", *kernel, "-ejabberd", "log_rate_limit", "100", "-s", "ejabberd"], environment


class Ejabberd(XmppServer):
    """ejabberd, run by ``erl`` itself: no distribution, no cookie, no daemon.

    Args:
        folder: as for any server.
        options: ``trust="false"``: checks the component's ``from``; ``privileges="false"``: grants none (XEP-0356);
            ``privilege="false"``: is without ``mod_privilege``, which drops iqs in newer versions;
            ``password_format="scram"``: SCRAM, of ``hash="sha256"`` or sha; ``plain="false"``: no SASL PLAIN;
            ``granted="urn:x urn:y"``: further namespaces of privileged iqs, where this version has them;
            ``exact="false"``: rights for all addresses of the component's domain;
            ``tls="FILE"``: STARTTLS with this file of certificate and key; ``register="true"``: users may change their password
            (XEP-0077).
    """

    name = "ejabberd"
    privileged_iqs = False
    """Whether ``mod_privilege`` of this version has iqs (24.10 and newer)."""

    @staticmethod
    def is_installed() -> bool:
        """Return whether it can be started here."""
        return Path("/usr/sbin/ejabberdctl").exists()

    @staticmethod
    def trouble() -> str:
        """Tell why it cannot be started here, and what to do; empty where it can."""
        return "" if Ejabberd.is_installed() else "ejabberd is not installed; as root: apt-get install ejabberd"

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Write the configuration."""
        options = self.options
        certificate = options.get("tls", "")
        for name in ("spool", "logs"):
            (self.folder / name).mkdir(exist_ok=True)
        values = {
            "folder": self.folder,
            "c2s": self.c2s,
            "component": self.component,
            "http": self.http,
            "secret": SECRET,
            "check_from": "false" if options.get("trust", "true") == "true" else "true",
            "privileged": "allow" if options.get("privileges", "true") == "true" else "deny",
            "privilege": PRIVILEGE.format(privileged_iqs=self._iqs()) if options.get("privilege", "true") == "true" else "",
            "password_format": options.get("password_format", "plain"),
            "hash": options.get("hash", "sha"),
            "gateway": 'user_regexp: { "^$": "http.localhost" }' if options.get("exact", "true") == "true" else "server: http.localhost",
            "disabled": "" if options.get("plain", "true") == "true" else '"PLAIN"',
            "administration": "mod_configure: {}" if options.get("administration", "true") == "true" else "",
            "register": "mod_register: { ip_access: all }" if options.get("register") == "true" else "",
            "tls": f'starttls_required: true, certfile: "{certificate}",' if certificate else "starttls: false,",
        }
        (self.folder / "ejabberd.yml").write_text(CONFIG.format(**values))
        return erlang(self.folder)

    def _iqs(self) -> str:
        granted = self.privileged_iqs and self.options.get("privileges", "true") == "true"
        return _privileged_iqs(*self.options.get("granted", "").split()) if granted else ""

    def seed(self) -> None:
        """Make the accounts that are not there yet."""
        for user, password in USERS.items():
            self.add_user(user, password)

    def add_user(self, user: str, password: str) -> None:
        """Make an account, unless it is there."""
        try:
            self.api("register", user=user, host=DOMAIN, password=password)
        except urllib.error.HTTPError as error:
            error.close()
            if error.code != 409:
                raise

    def api(self, command: str, **arguments: str) -> object:
        """Run one of its own commands."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.http}/api/{command}", json.dumps(arguments).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            return json.load(response)
