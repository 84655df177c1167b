-- Tokens for the tests, as mod_http_oauth2 makes them for clients: GET /test_tokens/alice?role=prosody:restricted
local tokens = module:depends("tokenauth");
module:depends("http");

local function issue(event, user)
	local jid = user .. "@" .. module.host;
	local grant = assert(tokens.create_grant(jid, jid, 3600, {}));
	return (assert(tokens.create_token(jid, grant, event.request.url.query:match("role=(.*)"), 3600, "oauth2")));
end

local function revoke(event, user)
	return tokens.revoke_token(event.request.body) and "revoked" or "unknown";
end

module:provides("http", { route = { ["GET /*"] = issue, ["POST /*"] = revoke } });
