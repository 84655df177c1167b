-- What Prosody needs for tigrest. Prosody 0.12; the module "privilege" is in Debian's package prosody-modules.
-- Merge it into /etc/prosody/prosody.cfg.lua: a VirtualHost that is there already gets the two options.

-- The gateway administers accounts by ad-hoc commands: its address is an administrator.
admins = { "admin@example.com", "http.example.com" }

-- Add these to your own list.
modules_enabled = {
    "adhoc"; "admin_adhoc"; "announce"; -- accounts and commands
    "pep"; "vcard4"; "vcard_legacy";    -- avatars
    "privilege";                        -- what the gateway may do for users (XEP-0356)
    "bosh";                             -- pre-binding
    "roster"; "saslauth"; "tls"; "disco"; "ping"; "version"; "private"; "offline";
}

-- BOSH on the loopback: PLAIN is offered there, and 127.0.0.1 means example.com.
http_interfaces = { "127.0.0.1" }
consider_bosh_secure = true
http_default_host = "example.com"

component_interfaces = { "127.0.0.1" }
component_ports = { 5347 }
component_stanza_size_limit = 1024 * 1024 -- as [http] max_body

VirtualHost "example.com"
    disco_items = { { "http.example.com", "HTTP gateway" } }
    privileged_entities = {
        ["http.example.com"] = {
            roster = "both"; message = "outgoing"; presence = "roster";
            iq = {
                ["http://jabber.org/protocol/pubsub"] = "both";
                ["vcard-temp"] = "both";
                ["jabber:iq:roster"] = "both";
            };
        };
    }

Component "http.example.com"
    component_secret = "change-me"
    modules_enabled = { "privilege" }
    -- The gateway may send from addresses of users: send_as = "user".
    validate_from_addresses = false
    -- A gateway that comes back replaces its half-open connection.
    component_conflict_resolve = "kick_old"
