-- What Prosody 0.12 needs for tigrest, beside Debian's /etc/prosody/prosody.cfg.lua, which gets a few lines too: the modules and the
-- administrators stand there, in the lists that are there already. The module "privilege" is in Debian's package prosody-modules.
-- Save it as /etc/prosody/conf.d/tigrest.cfg.lua, with your domain and a secret of your own.

-- Prosody listens for components on port 5347 of the loopback by itself.

-- For the whole server. BOSH on the loopback: PLAIN is offered there, and 127.0.0.1 means example.com.
consider_bosh_secure = true
http_default_host = "example.com"
component_stanza_size_limit = 1024 * 1024 -- as [http] max_body

-- The virtual host may stand in another file too, with settings of its own: Prosody adds both up.
VirtualHost "example.com"
    privileged_entities = {
        ["http.example.com"] = {
            roster = "both"; message = "outgoing"; presence = "roster";
            iq = {
                ["http://jabber.org/protocol/pubsub"] = "both";
                ["vcard-temp"] = "both";
                ["jabber:iq:roster"] = "both";
                -- For the commands private_get, private_set and get_last.
                ["jabber:iq:private"] = "both";
                ["jabber:iq:last"] = "get";
                -- For web portals, by which users say who sees their profiles.
                ["http://jabber.org/protocol/pubsub#owner"] = "both";
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

-- Files, for POST /rest/upload. The URL is that of Prosody's HTTPS port, or of a proxy in front of it, as clients reach it.
Component "upload.example.com" "http_file_share"
    http_host = "example.com"
    http_external_url = "https://example.com:5281/"
    -- Users of the gateway upload from their addresses there, which Prosody 13 does not let otherwise.
    http_file_share_access = { "example.com", "http.example.com" }
