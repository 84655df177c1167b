"""The tables of what the gateway keeps for itself, whatever is behind it.

They stand together so that whoever makes a database makes all of them, also a command that needs only one.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table, Text, false

from tigrest.state.schema import Schema

GATEWAY = Schema("gateway", MetaData())
"""All tables below."""

api_keys = Table(
    "api_keys",
    GATEWAY.metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("paths", Text, nullable=False),
    Column("domains", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("expires", Float),
    Column("last_used", Text),
    Column("last_address", Text),
)
"""API keys as hashes; ``paths`` and ``domains`` are JSON arrays, ``created`` and ``last_used`` are UTC in ISO 8601, ``expires`` is seconds
of Unix time."""

tokens = Table(
    "tokens",
    GATEWAY.metadata,
    Column("name", Text, primary_key=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("owner", Text, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("expires", Float),
    Column("last_used", Text),
    Column("last_address", Text),
    Column("family", Text),
    Column("kind", Text),
    Index("tokens_owner", "owner"),
    Index("tokens_family", "family"),
)
"""Tokens as hashes; ``scopes`` is a JSON array, ``created`` and ``last_used`` are UTC in ISO 8601, ``expires`` is seconds of Unix time.

``family`` and ``kind`` are those of :data:`token_families` for those that a client got; null for those that administrators have made.
"""

token_families = Table(
    "token_families",
    GATEWAY.metadata,
    Column("family", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("refresh_digest", Text),
    Column("created", Float, nullable=False),
    Column("expires", Float, nullable=False),
    Column("kind", Text),
    Index("token_families_owner", "owner"),
    Index("token_families_expires", "expires"),
    Index("token_families_client", "client"),
)
"""Grants of users to clients: each with its access token, and the hash of the refresh token that is valid now.

``family`` is a hash too; ``client`` is empty where none was named; ``scope`` is in the words of the client; ``kind`` says how it was
granted, null for ``password``. RFC 6749 §6
"""

oauth_clients = Table(
    "oauth_clients",
    GATEWAY.metadata,
    Column("id", Text, primary_key=True),
    Column("digest", Text),
    Column("name", Text, nullable=False),
    Column("properties", Text, nullable=False),
    Column("created", Float, nullable=False),
    Column("last_used", Float),
    Column("owner", Text),
    Column("by_admin", Boolean, nullable=False, server_default=false()),
    Index("oauth_clients_use", "last_used", "created"),
)
"""Clients, with the hashes of their secrets; ``properties`` is a JSON object (RFC 7591 §2).

``by_admin`` tells those that administrators have made from those that have registered; ``owner`` is the account that such a client
stands for by itself (RFC 6749 §4.4), null for none.
"""

oauth_codes = Table(
    "oauth_codes",
    GATEWAY.metadata,
    Column("digest", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("challenge", Text, nullable=False),
    Column("expires", Float, nullable=False),
    Column("family", Text),
    Index("oauth_codes_expires", "expires"),
)
"""Authorisation codes as hashes, and what users have granted by them. RFC 6749 §4.1

``redirect_uri`` is empty where the client named none, ``challenge`` where it sent none; ``family`` is what the code has become, null while
it is unused.
"""

oauth_devices = Table(
    "oauth_devices",
    GATEWAY.metadata,
    Column("digest", Text, primary_key=True),
    Column("user_digest", Text, nullable=False),
    Column("client", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("state", String(8), nullable=False),
    Column("owner", Text),
    Column("interval", Float, nullable=False),
    Column("polled", Float),
    Column("expires", Float, nullable=False),
    Index("oauth_devices_user", "user_digest"),
    Index("oauth_devices_expires", "expires"),
)
"""Devices that wait for a user to log in elsewhere: hashes of device and user codes. RFC 8628 §3

``state`` is ``pending``, ``granted`` or ``denied``; ``scope`` is what the client asks for, then what ``owner`` has granted.
"""

oauth_sign_ins = Table(
    "oauth_sign_ins",
    GATEWAY.metadata,
    Column("digest", Text, primary_key=True),
    Column("browser", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("expires", Float, nullable=False),
    Index("oauth_sign_ins_expires", "expires"),
)
"""Users who have logged in on the page, and have not answered yet whether they grant what is asked: hashes of the hidden field of the
form, of the browser's cookie and of the question.
"""

hooks = Table(
    "hooks",
    GATEWAY.metadata,
    Column("name", Text, primary_key=True),
    Column("format", Text, nullable=False),
    Column("recipient", Text, nullable=False),
    Column("is_room", Integer, nullable=False),
    Column("nick", Text, nullable=False),
    Column("template", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("secret", Text, nullable=False),
    Column("created", Text, nullable=False),
    Column("last_used", Text),
    Column("last_outcome", Text),
)
"""Hooks, to which other programs post.

``digest`` is the hash of the secret, ``secret`` the secret itself where senders sign with it, else empty.

``is_room`` is 0 or 1; ``created`` and ``last_used`` are UTC in ISO 8601.
"""

idempotency_keys = Table(
    "idempotency_keys",
    GATEWAY.metadata,
    Column("digest", String(43), primary_key=True),
    Column("caller", String(43), nullable=False),
    Column("fingerprint", String(43), nullable=False),
    Column("process", String(16), nullable=False),
    Column("created", Float, nullable=False),
    Column("status", Integer),
    Column("head", Text, nullable=False),
    Column("body", LargeBinary),
    Column("size", Integer, nullable=False),
    Index("idempotency_keys_callers", "caller", "size"),
    Index("idempotency_keys_created", "created"),
)
"""Requests with an idempotency key, and their answers.

``digest`` is a hash of caller, method, path and key, ``caller`` one of his name, ``fingerprint`` one of the content that only
the key allows to compute. ``process`` is the last one that executed it, ``created`` seconds of Unix time. ``status`` is null until there is
an answer that repeats get; ``head`` is a JSON array of its headers, ``size`` that of ``body`` in bytes.
"""

user_statuses = Table(
    "user_statuses",
    GATEWAY.metadata,
    Column("jid", String(3071), primary_key=True),
    Column("priority", Integer, nullable=False),
    Column("show", String(8), nullable=False),
    Column("status", Text, nullable=False),
    Column("category", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("text", Text, nullable=False),
)
"""Presences that users of a server show by the gateway, by full address. RFC 6121 §4.7.2, XEP-0108"""

webhook_deliveries = Table(
    "webhook_deliveries",
    GATEWAY.metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("webhook", Text, nullable=False),
    Column("sender", Text, nullable=False),
    Column("kind", String(8), nullable=False),
    Column("id", String(40), nullable=False),
    Column("stanza", LargeBinary, nullable=False),
    Column("state", String(8), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created", Float, nullable=False),
    Column("problem", Text, nullable=False),
    Column("reply", LargeBinary),
    Index("webhook_deliveries_order", "webhook", "number", "state"),
    Index("webhook_deliveries_senders", "webhook", "sender", "number"),
    sqlite_autoincrement=True,
)
"""Deliveries that wait for webhooks or have been given up. Numbers are never used twice, on SQLite by AUTOINCREMENT: they are the order."""
