-- What the gateway kept before its databases had versions, with an API key, an account and a message.
BEGIN TRANSACTION;
CREATE TABLE api_keys (
	name TEXT NOT NULL,
	digest TEXT NOT NULL,
	paths TEXT NOT NULL,
	domains TEXT NOT NULL,
	created TEXT NOT NULL,
	PRIMARY KEY (name),
	UNIQUE (digest)
);
INSERT INTO "api_keys" VALUES('ci','sha256:1a1ee87d95e5eeb87e1ee25d2180b608bc18246659ab10a895022dbf515c5e51','["/rest/.*"]','[]','2026-11-26T10:46:21+00:00');
CREATE TABLE embedded_accounts (
	jid TEXT NOT NULL,
	password_hash TEXT NOT NULL,
	email TEXT,
	created FLOAT NOT NULL,
	PRIMARY KEY (jid)
);
INSERT INTO "embedded_accounts" VALUES('alice@example.org','$argon2id$v=19$m=8,t=1,p=1$gw638/8KvVFVsYXM179WpA$oFirkzpqruFuPiygFV84JV5iIv1YpUwpUdpOQdPrX40',NULL,1.79568998111038756375e+09);
CREATE TABLE embedded_messages (
	id INTEGER NOT NULL,
	account TEXT NOT NULL,
	stamp TEXT NOT NULL,
	stanza TEXT NOT NULL,
	PRIMARY KEY (id),
	FOREIGN KEY(account) REFERENCES embedded_accounts (jid) ON DELETE CASCADE
);
INSERT INTO "embedded_messages" VALUES(1,'alice@example.org','2026-11-26T10:46:21.147Z','<message xmlns="jabber:client" to="alice@example.org" from="http.example.org" type="chat"><body>kept</body></message>');
CREATE TABLE embedded_pep_items (
	seq INTEGER NOT NULL,
	account TEXT NOT NULL,
	node TEXT NOT NULL,
	item TEXT NOT NULL,
	payload TEXT NOT NULL,
	private BOOLEAN NOT NULL,
	PRIMARY KEY (seq),
	UNIQUE (account, node, item),
	FOREIGN KEY(account) REFERENCES embedded_accounts (jid) ON DELETE CASCADE
);
CREATE TABLE embedded_presences (
	jid TEXT NOT NULL,
	account TEXT NOT NULL,
	priority INTEGER NOT NULL,
	show TEXT NOT NULL,
	status TEXT NOT NULL,
	activity_category TEXT NOT NULL,
	activity_type TEXT NOT NULL,
	activity_text TEXT NOT NULL,
	PRIMARY KEY (jid),
	FOREIGN KEY(account) REFERENCES embedded_accounts (jid) ON DELETE CASCADE
);
CREATE TABLE embedded_scripts (
	node TEXT NOT NULL,
	name TEXT NOT NULL,
	template TEXT NOT NULL,
	PRIMARY KEY (node)
);
CREATE TABLE embedded_vcards (
	account TEXT NOT NULL,
	vcard TEXT NOT NULL,
	UNIQUE (account),
	FOREIGN KEY(account) REFERENCES embedded_accounts (jid) ON DELETE CASCADE
);
CREATE TABLE embedded_vhosts (
	name TEXT NOT NULL,
	settings TEXT NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "embedded_vhosts" VALUES('example.org','{}');
CREATE TABLE webhook_deliveries (
	number INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
	webhook TEXT NOT NULL,
	sender TEXT NOT NULL,
	kind VARCHAR(8) NOT NULL,
	id VARCHAR(40) NOT NULL,
	stanza BLOB NOT NULL,
	state VARCHAR(8) NOT NULL,
	attempts INTEGER NOT NULL,
	created FLOAT NOT NULL,
	problem TEXT NOT NULL,
	reply BLOB
);
CREATE INDEX webhook_deliveries_senders ON webhook_deliveries (webhook, sender, number);
CREATE INDEX webhook_deliveries_order ON webhook_deliveries (webhook, number, state);
CREATE INDEX embedded_presences_of_account ON embedded_presences (account);
CREATE INDEX embedded_messages_of_account ON embedded_messages (account);
COMMIT;
