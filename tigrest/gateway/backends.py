"""Make the databases and the way to XMPP from the configuration. Nothing is opened, connected or started here."""

from __future__ import annotations

from dataclasses import dataclass

from tigrest.backends.backend import Backend
from tigrest.backends.component.backend import Component
from tigrest.backends.component.c2s import ClientPort, ClientPortSettings
from tigrest.backends.component.settings import ComponentSettings, LinkSettings
from tigrest.backends.embedded.domain import EmbeddedDomain
from tigrest.backends.embedded.files import EmbeddedFiles, FileLimits
from tigrest.backends.embedded.settings import EmbeddedSettings
from tigrest.backends.inbound import Inbound
from tigrest.config import Config
from tigrest.gateway.authentication import text_of
from tigrest.passwords import Passwords
from tigrest.service import Policy
from tigrest.state.database import Database
from tigrest.state.lock import OnLost
from tigrest.xmpp.jid import JID


@dataclass(frozen=True)
class Databases:
    """The databases of a gateway, which are often one.

    Args:
        state: what is the gateway's own.
        embedded: the state of the embedded domain.
    """

    state: Database
    embedded: Database


def make_databases(config: Config, on_lost: OnLost) -> Databases:
    """Make the databases, to be used by this gateway alone.

    Args:
        config: how the gateway is set up.
        on_lost: called when another gateway has taken one of them.
    """
    state, embedded = (Database(location, on_lost=on_lost) for location in (config.state.database, config.embedded.database))
    return Databases(state, state if embedded.location == state.location else embedded)


def make_files(config: Config, database: Database) -> EmbeddedFiles | None:
    """Make what keeps the files of the embedded domain, beside its database; ``None`` for a real server.

    Args:
        config: how the gateway is set up.
        database: state of the embedded domain.
    """
    if config.xmpp.backend != "embedded":
        return None
    file = database.location.file
    limits = FileLimits(size=config.http.max_upload)
    return EmbeddedFiles(JID(f"upload.{config.xmpp.domain}"), None if file is None else file.parent / "uploads", limits)


def make_backend(
    config: Config, databases: Databases, passwords: Passwords, policy: Policy, inbound: Inbound, files: EmbeddedFiles | None
) -> Backend:
    """Make the way to XMPP that ``[xmpp] backend`` names.

    Args:
        config: how the gateway is set up.
        databases: where its state is kept.
        passwords: how passwords of the embedded domain are hashed.
        policy: tells who administers.
        inbound: gets what comes in.
        files: keeps the files of the embedded domain.
    """
    if config.xmpp.backend == "component":
        return _make_component(config, databases.state, policy, inbound)
    accounts = {account.jid: text_of(account.password) for account in config.embedded.accounts}
    return EmbeddedDomain(
        EmbeddedSettings(jid=config.xmpp.jid, domain=config.xmpp.domain, accounts=accounts),
        administers=policy.administers,
        database=databases.embedded,
        passwords=passwords,
        inbound=inbound,
        files=files,
    )


def _make_component(config: Config, database: Database, policy: Policy, inbound: Inbound) -> Component:
    xmpp = config.xmpp
    is_trusted = xmpp.effective_send_as == "user"
    link = LinkSettings(
        jid=xmpp.jid,
        domain=xmpp.domain,
        secret=text_of(xmpp.secret),
        host=xmpp.host,
        port=xmpp.port,
        max_stanza=xmpp.max_stanza,
    )
    c2s = ClientPortSettings(host=xmpp.c2s_host, port=xmpp.c2s_port, domain=xmpp.domain, tls=xmpp.c2s_tls, authorities=xmpp.c2s_ca)
    return Component(
        ComponentSettings(link=link, is_trusted=is_trusted, borrows=is_trusted and xmpp.effective_adhoc_as == "user"),
        passwords=ClientPort(c2s),
        database=database,
        administers=policy.administers,
        inbound=inbound,
    )
