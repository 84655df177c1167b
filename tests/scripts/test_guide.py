"""Every sample of the Tigase HTTP API guide, sections 2.2.1 to 2.2.7, quoted as printed and answered as printed.

Three slips of the guide are not repeated, and each is marked where it stands: apostrophes escaped twice, a count that does not
count, and a placeholder that stayed. "…" stands for fields that the guide leaves out.
"""

import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from tigrest.testing import API_KEY, TestGateway, serving

ADMIN = "admin"


@pytest.fixture(scope="module")
def domain() -> Iterator[TestGateway]:
    with serving(domain="domain.com") as running:
        running.put("/rest/user/user1@domain.com", login=ADMIN, json={"user": {"password": "x"}})
        running.put("/rest/user/test@domain.com", login=ADMIN, json={"user": {"password": "x"}})
        yield running


def canonical(xml: str | bytes) -> str:
    """XML without the white space that only makes it readable."""
    return ET.canonicalize(xml.decode() if isinstance(xml, bytes) else xml, strip_text=True)


def ask_xml(domain: TestGateway, path: str, body: str, type: str = "text/xml", login: str = ADMIN) -> str:
    response = domain.post(path, login=login, type=type, content=body.encode())
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/xml"
    return canonical(response.content)


def ask_json(domain: TestGateway, path: str, body: str, login: str = ADMIN) -> Any:
    response = domain.post(path, login=login, type="application/json", content=body.encode())
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def online(domain: TestGateway, *users: str) -> None:
    for user in users:
        jid, _, resource = user.partition("/")
        answer = domain.post(f"/rest/user/{jid}/status/{resource}", api_key=API_KEY, json={"available": True})
        assert "true" in answer.text
        assert answer.status_code == 200


def offline(domain: TestGateway, *users: str) -> None:
    for user in users:
        jid, _, resource = user.partition("/")
        domain.post(f"/rest/user/{jid}/status/{resource}", api_key=API_KEY, json={"available": False})


# 2.2.1. Retrieving user avatar


def test_an_avatar_is_an_image_or_404(domain: TestGateway) -> None:
    assert domain.get("/rest/avatar/admin@domain.com").status_code == 404
    png = b"\x89PNG\r\n\x1a\n" + bytes(100)
    assert domain.put("/rest/avatar/admin@domain.com", login=ADMIN, type="image/png", content=png).status_code == 200
    response = domain.get("/rest/avatar/admin@domain.com")
    assert (response.status_code, response.headers["content-type"], response.content) == (200, "image/png", png)


# 2.2.2. Retrieving list of available adhoc commands

LIST_XML = """
   <items>
     <item>
       <jid>sess-man@domain.com</jid>
       <node>http://jabber.org/protocol/admin#get-active-users</node>
       <name>Get list of active users</name>
     </item>
     <item>
       <jid>sess-man@domain.com</jid>
       <node>del-script</node>
       <name>Remove command script</name>
     </item>
     <item>
       <jid>sess-man@domain.com</jid>
       <node>add-script</node>
       <name>New command script</name>
     </item>
   </items>
"""

LIST_JSON = """
   {
       "items": [
           {
               "jid": "sess-man@domain.com",
               "node": "http://jabber.org/protocol/admin#get-active-users",
               "name": "Get list of active users"
           },
           {
               "jid": "sess-man@domain.com",
               "node": "del-script",
               "name": "Remove command script"
           },
           {
               "jid": "sess-man@domain.com",
               "node": "add-script",
               "name": "New command script"
           }
       ]
   }
"""


@pytest.mark.parametrize("login", ["admin", "alice"])
def test_the_list_of_commands_as_xml(domain: TestGateway, login: str) -> None:
    response = domain.get("/rest/adhoc/sess-man@domain.com", login=login)
    assert canonical(response.content) == canonical(LIST_XML)


def test_the_list_of_commands_as_json_by_content_type_and_by_parameter(domain: TestGateway) -> None:
    by_header = domain.get("/rest/adhoc/sess-man@domain.com", login=ADMIN, type="application/json")
    by_parameter = domain.get("/rest/adhoc/sess-man@domain.com?type=application/json", login=ADMIN)
    assert by_header.json() == by_parameter.json() == json.loads(LIST_JSON)


# 2.2.3. Retrieving command form

FORM_REQUEST_XML = """
   <command>
       <node>comp-repo-item-add</node>
   </command>
"""

FORM_XML = """
   <command>
       <jid>vhost-man@domain.com</jid>
       <node>comp-repo-item-add</node>
       <fields>
           <item>
               <var>Domain name</var>
               <value/>
           </item>
           <item>
               <var>Enabled</var>
               <type>boolean</type>
               <value>true</value>
           </item>
           <item>
               <var>Anonymous enabled</var>
               <type>boolean</type>
               <value>true</value>
           </item>
           <item>
               <var>In-band registration</var>
               <type>boolean</type>
               <value>true</value>
           </item>
           <item>
               <var>TLS</var>
               <type>fixed</type>
               <value>This installation forces VHost to require TLS. If you need to use unencrypted connections set &amp;apos;vhost-tls-required&amp;apos;
                   property to &amp;apos;false&amp;apos; in the installation configuration file
               </value>
           </item>
           <item>
               <var>Max users</var>
               <value>0</value>
           </item>
       </fields>
       <instructions>❗NOTE: Options without value set will use configuration defined in 'DEFAULT' VHost❗</instructions>
   </command>
"""

FORM_REQUEST_JSON = """
   {
     "command": {
       "node" : "comp-repo-item-add"
     }
   }
"""

FORM_JSON = """
   {
     "command": {
       "jid": "vhost-man@domain.com",
       "node": "comp-repo-item-add",
       "fields": [
         {
           "var": "Domain name",
           "value": null
         },
         {
           "var": "Enabled",
           "type": "boolean",
           "value": "true"
         },
         {
           "var": "Anonymous enabled",
           "type": "boolean",
           "value": "true"
         },
         {
           "var": "In-band registration",
           "type": "boolean",
           "value": "true"
         },
         {
           "var": "TLS",
           "type": "fixed",
           "value": "This installation forces VHost to require TLS. If you need to use unencrypted connections set &apos;vhost-tls-required&apos; property to &apos;false&apos; in the installation configuration file"
         },
         {
           "var": "Max users",
           "value": "0"
         }
       ],
       "instructions": "❗NOTE: Options without value set will use configuration defined in 'DEFAULT' VHost❗"
     }
   }
"""


def test_the_form_of_a_command_as_xml(domain: TestGateway) -> None:
    response = domain.post("/rest/adhoc/vhost-man@domain.com", login=ADMIN, type="text/xml", content=FORM_REQUEST_XML.encode())
    answer, printed = ET.fromstring(response.content), ET.fromstring(FORM_XML.replace("&amp;apos;", "'"))  # slip: escaped twice
    fields = answer.findall("fields/item")
    del fields[6:]  # the guide's "…"
    for ours, theirs in zip(fields, printed.findall("fields/item"), strict=True):
        assert [(e.tag, " ".join((e.text or "").split())) for e in ours] == [(e.tag, " ".join((e.text or "").split())) for e in theirs]
    assert [e.tag for e in answer] == ["jid", "node", "fields", "instructions"]
    for tag in ("jid", "node", "instructions"):
        assert answer.findtext(tag) == printed.findtext(tag)


def test_the_form_of_a_command_as_json(domain: TestGateway) -> None:
    answer = ask_json(domain, "/rest/adhoc/vhost-man@domain.com", FORM_REQUEST_JSON)
    assert list(answer["command"]) == ["jid", "node", "fields", "instructions"]
    del answer["command"]["fields"][6:]  # the guide's "…"
    assert answer == json.loads(FORM_JSON.replace("&apos;", "'"))  # slip: escaped twice


# 2.2.4. Executing example ad-hoc commands

ACTIVE_REQUEST_XML = """
   <command>
     <node>http://jabber.org/protocol/admin#get-active-users</node>
     <fields>
       <item>
         <var>domainjid</var>
         <value>domain.com</value>
       </item>
       <item>
         <var>max_items</var>
         <value>25</value>
       </item>
     </fields>
   </command>
"""

ACTIVE_XML = """
   <command>
     <jid>sess-man@domain.com</jid>
     <node>http://jabber.org/protocol/admin#get-active-users</node>
     <fields>
       <item>
         <var>Users: 2</var>
         <label>text-multi</label>
         <value>admin@domain.com</value>
         <value>user1@domain.com</value>
       </item>
     </fields>
   </command>
"""

ACTIVE_REQUEST_JSON = """
   {
     "command" : {
       "node" : "http://jabber.org/protocol/admin#get-active-users",
       "fields" : [
         {
           "var" : "domainjid",
           "value" : "domain.com"
         },
         {
           "var" : "max_items",
           "value" : "25"
         }
       ]
     }
   }
"""

ACTIVE_JSON = """
   {
       "command": {
           "jid": "sess-man@domain.com",
           "node": "http://jabber.org/protocol/admin#get-active-users",
           "fields": [
               {
                   "var": "Users: 1",
                   "label": "text-multi",
                   "value": [
                     "admin@domain.com",
                     "user1@domain.com"
                   ]
               }
           ]
       }
   }
"""


def test_the_list_of_active_users(domain: TestGateway) -> None:
    online(domain, "admin@domain.com/x", "user1@domain.com/x")
    assert ask_xml(domain, "/rest/adhoc/sess-man@domain.com", ACTIVE_REQUEST_XML) == canonical(ACTIVE_XML)
    printed = json.loads(ACTIVE_JSON.replace("Users: 1", "Users: 2"))  # slip: there are two
    assert ask_json(domain, "/rest/adhoc/sess-man@domain.com", ACTIVE_REQUEST_JSON) == printed
    offline(domain, "admin@domain.com/x", "user1@domain.com/x")


def test_the_type_parameter_stands_in_for_the_content_type_of_the_answer(domain: TestGateway) -> None:
    response = domain.get("/rest/adhoc/sess-man@domain.com?type=text/xml", login=ADMIN)
    assert response.headers["content-type"] == "application/xml"


END_REQUEST_XML = """
   <command>
     <node>http://jabber.org/protocol/admin#end-user-session</node>
     <fields>
       <item>
         <var>accountjids</var>
         <value>
           <item>test@domain.com</item>
         </value>
       </item>
     </fields>
   </command>
"""

END_XML = """
   <command>
     <jid>sess-man@domain.com</jid>
     <node>http://jabber.org/protocol/admin#end-user-session</node>
     <fields>
       <item>
         <var>Notes</var>
         <type>text-multi</type>
         <value>Operation successful for user test@domain.com/resource</value>
        </item>
     </fields>
   </command>
"""

END_NOBODY_XML = """
   <command>
     <jid>sess-man@domain.com</jid>
     <node>http://jabber.org/protocol/admin#end-user-session</node>
     <fields />
   </command>
"""

END_REQUEST_JSON = """
   {
     "command" : {
       "node": "http://jabber.org/protocol/admin#end-user-session",
       "fields": [
           {
               "var" : "accountjids",
               "value" : [
                   "test@domain.com"
               ]
           }
       ]
     }
   }
"""

END_JSON = """
   {
     "command" : {
       "jid" : "sess-man@domain.com",
       "node" : "http://jabber.org/protocol/admin#end-user-session",
       "fields" : [
         {
           "var" : "Notes",
           "type" : "text-multi",
           "value" : [
             "Operation successful for user test@domain.com/resource"
           ]
         }
      ]
     }
   }
"""

END_NOBODY_JSON = """
   {
     "command" : {
       "jid" : "sess-man@domain.com",
       "node" : "http://jabber.org/protocol/admin#end-user-session",
       "fields" : []
     }
   }
"""


def test_a_session_is_ended(domain: TestGateway) -> None:
    path = "/rest/adhoc/sess-man@domain.com"
    online(domain, "test@domain.com/resource")
    assert ask_xml(domain, path, END_REQUEST_XML, "application/xml") == canonical(END_XML)
    assert ask_xml(domain, path, END_REQUEST_XML, "application/xml") == canonical(END_NOBODY_XML)
    online(domain, "test@domain.com/resource")
    assert ask_json(domain, path, END_REQUEST_JSON) == json.loads(END_JSON)
    assert ask_json(domain, path, END_REQUEST_JSON) == json.loads(END_NOBODY_JSON)


# 2.2.5. Operations on VHosts/Domains

ADD_REQUEST_XML = """
   <command>
       <jid>vhost-man@domain.com</jid>
       <node>comp-repo-item-add</node>
       <fields>
           <item>
               <var>Domain name</var>
               <value>my-new-domain.com</value>
           </item>
           <item>
               <var>Enabled</var>
               <value>true</value>
           </item>
           <item>
               <var>command-marker</var>
               <value>command-marker</value>
           </item>
       </fields>
   </command>
"""

SUCCESS_XML = """
   <command>
       <jid>vhost-man@domain.com</jid>
       <node>{node}</node>
       <fields>
           <item>
               <var>Note</var>
               <type>fixed</type>
               <value>Operation successful.</value>
           </item>
       </fields>
   </command>
"""

ADD_REQUEST_JSON = """
   {
     "command": {
       "jid": "vhost-man@domain.com",
       "node": "comp-repo-item-add",
       "fields": [
         {
           "var": "Domain name",
           "value": "my-new-awesome-domain.com"
         },
         {
           "var": "Enabled",
           "value": "true"
         },
         {
           "var": "command-marker",
           "value": "command-marker"
         }
       ]
     }
   }
"""

SUCCESS_JSON = """
   {
     "command": {
       "jid": "vhost-man@domain.com",
       "node": "NODE",
       "fields": [
         {
           "var": "Note",
           "type": "fixed",
           "value": "Operation successful."
         }
       ]
     }
   }
"""

UPDATE_REQUEST_XML = """
   <command>
       <jid>vhost-man@domain.com</jid>
       <node>comp-repo-item-update</node>
       <fields>
           <item>
               <var>Domain name</var>
               <value>my-vhost.com</value>
           </item>
           <item>
               <var>Enabled</var>
               <value>true</value>
           </item>
           <item>
               <var>command-marker</var>
               <value>command-marker</value>
           </item>
           <item>
               <var>item-list</var>
               <value>my-vhost.com</value>
           </item>
       </fields>
   </command>
"""

UPDATE_REQUEST_JSON = """
   {
     "command": {
       "jid": "vhost-man@domain.com",
       "node": "comp-repo-item-update",
       "fields": [
         {
           "var": "Domain name",
           "value": "my-domain.com"
         },
         {
           "var": "Enabled",
           "value": "true"
         },
         {
           "var": "command-marker",
           "value": "command-marker"
         },
         {
           "var": "item-list",
           "value": "my-domain.com"
         }
       ]
     }
   }
"""


def test_a_domain_is_added_and_configured_as_xml(domain: TestGateway) -> None:
    path = "/rest/adhoc/vhost-man@domain.com"
    assert ask_xml(domain, path, ADD_REQUEST_XML, "application/xml") == canonical(SUCCESS_XML.format(node="comp-repo-item-add"))
    ask_xml(domain, path, ADD_REQUEST_XML.replace("my-new-domain.com", "my-vhost.com"), "application/xml")
    assert ask_xml(domain, path, UPDATE_REQUEST_XML, "application/xml") == canonical(SUCCESS_XML.format(node="comp-repo-item-update"))


def test_a_domain_is_added_and_configured_as_json(domain: TestGateway) -> None:
    path = "/rest/adhoc/vhost-man@domain.com"
    assert ask_json(domain, path, ADD_REQUEST_JSON) == json.loads(SUCCESS_JSON.replace("NODE", "comp-repo-item-add"))
    ask_json(domain, path, ADD_REQUEST_JSON.replace("my-new-awesome-domain.com", "my-domain.com"))
    assert ask_json(domain, path, UPDATE_REQUEST_JSON) == json.loads(SUCCESS_JSON.replace("NODE", "comp-repo-item-update"))


def test_without_the_marker_the_form_comes_back_and_nothing_is_added(domain: TestGateway) -> None:
    path = "/rest/adhoc/vhost-man@domain.com"
    request = json.loads(ADD_REQUEST_JSON.replace("my-new-awesome-domain.com", "unmarked.com"))
    marker = request["command"]["fields"].pop()
    form = ask_json(domain, path, json.dumps(request))
    assert [field["var"] for field in form["command"]["fields"]][:2] == ["Domain name", "Enabled"]
    request["command"]["fields"].append(marker)
    assert "successful" in str(ask_json(domain, path, json.dumps(request))), "it was not there yet"


# 2.2.6. Sending any XMPP Stanza

MESSAGES = [
    """
   <message xmlns="jabber:client" type="chat" to="test@example.com/resource-1">
       <body>Example message 1</body>
   </message>
""",
    """
   <message xmlns="jabber:client" type="chat" to="test@example.com">
       <body>Example message 2</body>
   </message>
""",
    """
   <message xmlns="jabber:client" type="chat" from="sender@example.com" to="test@example.com/resource-1">
       <body>Example message 1</body>
   </message>
""",
]


@pytest.mark.parametrize("path", ["/rest/stream/?api-key=test-key", "/rest/stream?api-key=test-key"])
def test_messages_are_sent(path: str) -> None:
    with serving(domain="example.com") as example:
        example.put("/rest/user/test@example.com", login=ADMIN, json={"user": {"password": "x"}})
        for message in MESSAGES:
            response = example.post(path, login=ADMIN, type="application/xml", content=message.encode())
            assert (response.status_code, response.content) == (200, b"")
        command = {"node": "urn:tigrest:admin#get-offline-messages", "fields": [{"var": "accountjid", "value": "test@example.com"}]}
        answer = example.post("/rest/adhoc/example.com", login=ADMIN, json={"command": command}).json()
        rows = [{cell["var"]: cell["value"] for cell in row["fields"]} for row in answer["command"]["reported"][0]["items"]]
        assert [(row["from"], row["body"]) for row in rows] == [
            ("http.example.com", "Example message 1"),
            ("http.example.com", "Example message 2"),
            ("sender@example.com", "Example message 1"),
        ]


def test_an_iq_without_from_is_answered_with_its_reply(domain: TestGateway) -> None:
    iq = '<iq type="get" id="p1" to="domain.com"><ping xmlns="urn:xmpp:ping"/></iq>'
    response = domain.post(f"/rest/stream/?api-key={API_KEY}", login=ADMIN, type="application/xml", content=iq)
    assert response.headers["content-type"] == "application/xml"
    reply = ET.fromstring(response.content)
    assert (reply.tag, reply.get("type"), reply.get("id"), reply.get("from")) == ("{jabber:client}iq", "result", "p1", "domain.com")


# 2.2.7. Setting XMPP user status

STATUS_REQUEST_XML = """
   <command>
       <available>true</available>
       <priority>-1</priority>
       <show>xa</show>
       <status>On the phone</status>
   </command>
"""

STATUS_XML = """
   <status>
     <user>test@domain.com/tigase-external</user>
     <available>true</available>
     <priority>priority</priority>
     <show>xa</show>
     <status>On the phone</status>
     <success>true</success>
   </status>
"""

STATUS_REQUEST_JSON = """
   {
     "available": "true",
     "priority": "-1",
     "show": "xa",
     "status": "On the phone"
   }
"""

STATUS_JSON = """
   {
     "status": {
       "user": "test@domain.com/tigase-external",
       "available": "true",
       "priority": "-1",
       "show": "xa",
       "status": "On the phone",
       "success": true
     }
   }
"""


def test_the_status_of_a_user_is_set_with_an_api_key(domain: TestGateway) -> None:
    path = f"/rest/user/test@domain.com/status?api-key={API_KEY}"
    printed = STATUS_XML.replace(">priority<", ">-1<")  # slip: a placeholder
    assert ask_xml(domain, path, STATUS_REQUEST_XML, "application/xml", login="") == canonical(printed)
    assert ask_json(domain, path, STATUS_REQUEST_JSON, login="") == json.loads(STATUS_JSON)
    wrapped = f'{{"command": {STATUS_REQUEST_JSON}}}'
    assert ask_json(domain, path, wrapped, login="") == json.loads(STATUS_JSON)


def test_the_resource_may_stand_in_the_url(domain: TestGateway) -> None:
    answer = ask_json(domain, f"/rest/user/test@domain.com/status/desk?api-key={API_KEY}", STATUS_REQUEST_JSON, login="")
    assert answer["status"]["user"] == "test@domain.com/desk"
