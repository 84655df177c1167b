-- Ad-hoc commands for the tests: a form with all types of fields that tells what was submitted, tables, notes of each kind, and a wizard.
local adhoc_new = module:require("adhoc").new;
local dataforms = require "util.dataforms";
local st = require "util.stanza";

local layout = dataforms.new {
	title = "All types"; instructions = "Change what you like";
	{ type = "hidden"; name = "FORM_TYPE"; value = "urn:test:forms" };
	{ type = "fixed"; value = "Words" };
	{ type = "fixed"; name = "words"; value = "More words" };
	{ type = "boolean"; name = "boolean"; label = "Yes or no"; value = true };
	{ type = "jid-multi"; name = "jid-multi"; label = "Addresses"; value = { "a@example.org"; "b@example.org" } };
	{ type = "jid-single"; name = "jid-single"; label = "Address"; value = "c@example.org" };
	{ type = "list-multi"; name = "list-multi"; label = "Choices"; options = {
		{ value = "one"; label = "One"; default = true }; { value = "two"; label = "Two" }; { value = "three"; label = "Three"; default = true };
	} };
	{ type = "list-single"; name = "list-single"; label = "Choice"; options = {
		{ value = "red"; default = true }; { value = "green" };
	} };
	{ type = "text-multi"; name = "text-multi"; label = "Lines"; value = "first\n\nthird" };
	{ type = "text-private"; name = "text-private"; label = "Secret"; value = "swordfish" };
	{ type = "text-single"; name = "text-single"; label = "Line"; value = "Romeo"; required = true };
};

-- Tell the submitted fields: a row each, with all values in one cell, as they stand in the XML.
local function told(form)
	local result = st.stanza("x", { xmlns = "jabber:x:data"; type = "result" });
	for field in form:childtags("field") do
		result:tag("item"):tag("field", { var = "var" }):text_tag("value", field.attr.var):up();
		result:tag("field", { var = "values" });
		for value in field:childtags("value") do
			result:text_tag("value", value:get_text() or "");
		end
		result:up():up();
	end
	return result;
end

local function all_types(_, data, state)
	if data.action == "cancel" then return { status = "canceled" }; end
	if not state then
		return { status = "executing"; actions = { "next"; "complete"; default = "complete" }; form = layout }, { open = true };
	end
	return { status = "completed"; info = "Thank you"; other = told(data.form) };
end

local function single(name, value)
	return dataforms.new { title = name; { type = "text-single"; name = name; value = value } };
end

-- Asks for a, then for b, then only shows what is to be done; each stage but the last one can only go on.
local function wizard(_, data, state)
	if data.action == "cancel" then
		module:log("info", "canceled in stage %d", state.stage);
		return { status = "canceled" };
	end
	local stage = state and state.stage or 0;
	if stage == 0 then
		return { status = "executing"; actions = { "next"; default = "next" }; form = single("a", "1") }, { stage = 1 };
	elseif stage == 1 then
		state.a = data.form:find("field/value#");
		return { status = "executing"; actions = { "prev"; "next"; default = "next" }; form = single("b") }, { stage = 2; a = state.a };
	elseif stage == 2 then
		if data.action == "prev" then
			return { status = "executing"; actions = { "next"; default = "next" }; form = single("a", state.a) }, { stage = 1 };
		end
		local b = data.form:find("field/value#");
		local summary = dataforms.new { { type = "fixed"; value = "All right?" }; { type = "hidden"; name = "h"; value = "x" } };
		return { status = "executing"; actions = { "complete"; default = "complete" }; form = summary }, { stage = 3; a = state.a; b = b };
	end
	return { status = "completed"; info = ("a=%s b=%s"):format(state.a, state.b); warn = "Twice is once too often" };
end

-- Never completes.
local function endless(_, data)
	if data.action == "cancel" then
		module:log("info", "endless canceled");
		return { status = "canceled" };
	end
	return { status = "executing"; actions = { "next"; default = "next" }; form = dataforms.new { { type = "fixed"; value = "Go on" } } }, {};
end

-- Has results that are elsewhere, and a table with heads.
local function report()
	local form = st.stanza("x", { xmlns = "jabber:x:data"; type = "result" }):text_tag("title", "Report");
	for _, head in ipairs { "jid"; "groups" } do
		form:tag("reported"):tag("field", { var = head; label = head:upper() }):up():up();
		form:tag("item"):tag("field", { var = head }):text_tag("value", "1"):text_tag("value", "2"):up():up();
	end
	local elsewhere = st.stanza("x", { xmlns = "jabber:x:oob" }):text_tag("url", "https://example.org/report"):text_tag("desc", "The rest");
	return { status = "completed"; result = { form = function () return form end }; other = elsewhere; error = { message = "Half of it" } };
end

for node, handler in pairs { ["all-types"] = all_types; wizard = wizard; endless = endless; report = report } do
	module:provides("adhoc", adhoc_new(node, node, handler, "any"));
end
