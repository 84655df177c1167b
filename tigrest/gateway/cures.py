"""Say what to change in the configuration of an XMPP server for what does not work with it, in the server's own words."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tigrest.backends.component.software import is_tigase
from tigrest.xmpp.jid import JID
from tigrest.xmpp.namespaces import PUBSUB, VCARD_TEMP
from tigrest.xmpp.presence import STATUS_ENDPOINT

EJABBERD_IQ = (24, 10)
"""First version of ejabberd whose ``mod_privilege`` has ``iq``; older ones do not start with it."""


@dataclass(frozen=True)
class Software:
    """The software of an XMPP server. XEP-0092

    Args:
        name: as the server says it, such as ``Prosody``; empty when it does not say it.
        version: the same, such as ``0.12.3``.
        trouble: why it is not known; empty when it is.
    """

    name: str = ""
    version: str = ""
    trouble: str = ""

    @property
    def release(self) -> tuple[int, ...]:
        """Return the numbers that the version begins with, as ``(0, 12, 3)``; empty when there are none."""
        numbers = re.match(r"\d+(?:\.\d+)*", self.version)
        return tuple(int(number) for number in numbers[0].split(".")) if numbers else ()

    def __str__(self) -> str:
        known = " ".join(text for text in (self.name, self.version) if text)
        return known or (f"unknown ({self.trouble})" if self.trouble else "unknown")


@dataclass(frozen=True)
class Cures:
    """Cures for things that do not work.

    Args:
        administration: the gateway may run no commands of administrators.
        account_list: it may, but there is none that lists accounts.
        trust: it may not send from users' addresses.
        roster: it may not see the rosters of users.
        presence: it does not see when they come online.
        avatars: it may not publish for users.
        uploads: the upload service refuses the addresses of the gateway.
        bosh: there is no BOSH endpoint.
        rights: other addresses of the gateway's domain have the rights that its own has.
    """

    administration: str
    account_list: str
    trust: str
    roster: str
    presence: str
    avatars: str
    uploads: str
    bosh: str
    rights: str


def cures_for(software: Software, jid: JID, domain: JID) -> Cures:
    """Return the cures for a server.

    Args:
        software: of the server.
        jid: address of the gateway.
        domain: the served domain.
    """
    if is_tigase(software.name):
        return _for_tigase(jid)
    match software.name.lower():
        case "prosody":
            return _for_prosody(jid, domain)
        case "ejabberd":
            return _for_ejabberd(software, jid, domain)
        case "jabberd2":
            return _for_jabberd2()
        case "openfire":
            return _for_openfire(software, jid)
        case _:
            return _for_others(jid)


def _for_prosody(jid: JID, domain: JID) -> Cures:
    host, entity = f'VirtualHost "{domain}"', f'privileged_entities = {{ ["{jid}"] = {{'
    modules = f'"privilege" in modules_enabled of the whole server and of Component "{jid}"'
    grant = f'{modules}; {host}: {entity} roster = "both"; presence = "roster"'
    return Cures(
        administration=f"put \"{jid}\" into admins ({host}'s, if it has any, else the whole server's), "
        'and "admin_adhoc" into modules_enabled of the whole server',
        account_list="Prosody has no command that lists accounts",
        trust=f'write validate_from_addresses = false below Component "{jid}", then set [xmpp] send_as = "user"',
        roster=f"write {grant} }} }}",
        presence=f"write {grant} }} }}",
        avatars=f'write {grant}; iq = {{ ["{PUBSUB}"] = "both"; ["{VCARD_TEMP}"] = "both" }} }} }}; or set [xmpp] adhoc_as = "user"',
        uploads=f'write http_file_share_access = {{ "{domain}", "{jid.domain}" }} below the Component of http_file_share',
        bosh=f'put "bosh" into modules_enabled of the whole server, and write, for the whole server, consider_bosh_secure = true '
        f'and http_default_host = "{domain}"',
        rights=f'name "{jid}" in admins, not its domain',
    )


def _for_ejabberd(software: Software, jid: JID, domain: JID) -> Cures:
    acl = f'gateway: {{ user_regexp: {{ "^$": "{jid}" }} }}'
    rule = f"{acl} below acl; gateway_privileges: {{ allow: gateway }} below access_rules"
    roster = "roster: { both: gateway_privileges }, message: { outgoing: gateway_privileges }"
    presence = "presence: { roster: gateway_privileges, managed_entity: gateway_privileges }"
    iq = ", ".join(f'"{namespace}": {{ both: gateway_privileges }}' for namespace in (PUBSUB, VCARD_TEMP))
    grant = f"{rule}; and below modules mod_privilege: {{ {roster}, {presence}"
    can = not software.release or software.release >= EJABBERD_IQ
    needed = f"ejabberd {'.'.join(map(str, EJABBERD_IQ))} or later"
    trust = 'write check_from: false into its listener (ejabberd_service), then set [xmpp] send_as = "user"'
    return Cures(
        administration=f"write {acl} below acl; configure: [ {{ allow: admin }}, {{ allow: gateway }} ] below access_rules; "
        "and load mod_adhoc and mod_configure",
        account_list="load mod_configure",
        trust=trust,
        roster=f"write {grant} }}",
        presence=f"write {grant} }}",
        avatars=f"write {grant}, iq: {{ {iq} }} }} (needs {needed}); or {trust}"
        if can
        else f"{trust}; ejabberd {software.version} does not start with iq in mod_privilege, {needed} does",
        uploads=f'write gateway_users: {{ server: [ "{jid.domain}", "{domain}" ] }} below acl; '
        "file_upload: { allow: gateway_users } below access_rules; "
        "and access: file_upload into mod_http_upload",
        bosh="add a listener without TLS on the loopback: module: ejabberd_http, request_handlers: { /http-bind: mod_bosh }; load mod_bosh",
        rights=f"write {acl} instead of server:",
    )


def _for_jabberd2() -> Cures:
    commands = "jabberd2 has no ad-hoc commands; make and remove accounts in its database"
    trust = 'jabberd2 takes no stanzas from users\' addresses over this link; keep [xmpp] send_as = "gateway"'
    privileges = "jabberd2 does not know XEP-0356; use another server for this"
    return Cures(
        administration=commands,
        account_list=commands,
        trust=trust,
        roster=privileges,
        presence=privileges,
        avatars=privileges,
        uploads="let the upload service of the domain take files from the gateway's domain",
        bosh="jabberd2 has no BOSH; put a BOSH connection manager in front of it, such as punjab, and set [bosh] url",
        rights="it has no rights to grant; use another server for this",
    )


def _for_openfire(software: Software, jid: JID) -> Cures:
    properties = "(admin console: Server, Server Manager, System Properties)"
    rosters = "Openfire gives rosters and presence to no component (it does not know XEP-0356); use another server for this"
    version = f"Openfire {software.version}".strip()
    return Cures(
        administration=f"add {jid} to the system property admin.authorizedJIDs {properties}; it is a list with commas",
        account_list=f"{version} has no command that lists accounts; newer ones have it",
        trust='set [xmpp] send_as = "user": Openfire takes what a component sends from its users\' addresses',
        roster=rosters,
        presence=rosters,
        avatars='set [xmpp] send_as = "user": the photo is set in the vCard, in the user\'s name',
        uploads="let the plugin HTTP File Upload take files from the gateway's domain",
        bosh="enable it in the admin console: Server, Server Settings, Web Binding; and set [bosh] url to port 7070, /http-bind/",
        rights=f"name {jid} in admin.authorizedJIDs, no other address of its domain {properties}",
    )


def _for_tigase(jid: JID) -> Cures:
    endpoint = f"{STATUS_ENDPOINT}@{jid.domain}"
    trusted = f"write trusted = [ '{endpoint}' ] into 'sess-man' () {{}} of etc/config.tdsl, beside what it has"
    return Cures(
        administration=f"write '{jid}' into admins of etc/config.tdsl, beside what it has",
        account_list="Tigase offers it to administrators: see /rest/adhoc",
        trust='set [xmpp] send_as = "user": Tigase looks at no from of components',
        roster="Tigase shows rosters to no component",
        presence=trusted,
        avatars="Tigase lets no component publish for users: their clients do",
        uploads="let the component upload of etc/config.tdsl take files from the gateway's domain",
        bosh="write bosh () {} into etc/config.tdsl",
        rights=f"name '{jid}' in admins, and '{endpoint}' in trusted, not their domain",
    )


def _for_others(jid: JID) -> Cures:
    return Cures(
        administration=f"make {jid} an administrator of the server and enable ad-hoc administration there (XEP-0133)",
        account_list="the server offers no command that lists accounts",
        trust='let the server trust this component with its users\' addresses, then set [xmpp] send_as = "user"',
        roster=f"grant {jid} the rosters (XEP-0356)",
        presence=f"grant {jid} presence (XEP-0356)",
        avatars=f"grant {jid} iq set for {PUBSUB} (XEP-0356), if the server can",
        uploads=f"let the upload service take files from addresses of {jid.domain}",
        bosh="check [bosh] url, and that the server has BOSH there",
        rights=f"grant rights to exactly {jid}, not to its domain",
    )
