-- What Prosody 0.12 needs for tigrest; the module "privilege" is in Debian's package prosody-modules.
-- Save it as /etc/prosody/conf.d/tigrest.cfg.lua, with your domain and a secret of your own. It adds to the settings of the
-- VirtualHost, which stands elsewhere too or only here. No option of it may stand in that other place: move it here.

-- Prosody listens for components on port 5347 of the loopback by itself.

-- For the whole server. BOSH on the loopback: PLAIN is offered there, and 127.0.0.1 means example.com.
consider_bosh_secure = true
http_default_host = "example.com"
component_stanza_size_limit = 1024 * 1024 -- as [http] max_body

VirtualHost "example.com"
    -- The gateway administers accounts by ad-hoc commands: its address is an administrator. Prosody means exactly this address,
    -- not those of the gateway's users, as alice@http.example.com.
    admins = { "admin@example.com", "http.example.com" }
    -- Added to those of the whole server.
    modules_enabled = {
        "adhoc"; "admin_adhoc"; "announce"; -- accounts and commands
        "pep"; "vcard4"; "vcard_legacy";    -- avatars
        "privilege";                        -- what the gateway may do for users (XEP-0356)
        "bosh";                             -- pre-binding
    }
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
