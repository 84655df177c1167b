"""The edges of XML and its namespaces: what each server does with them, and what the gateway does.

A server that ``closes`` ends the stream of whoever sends this, a client or the gateway; one that ``relays`` gives it to the
recipient, here the gateway or a client. Found by sending all of it to Prosody 0.12 and ejabberd 23.01.
"""

from __future__ import annotations

from typing import NamedTuple


class Edge(NamedTuple):
    """Something that XML allows, or nearly.

    Args:
        name: for messages.
        inside: what stands in a message behind its body.
        prosody, ejabberd: ``relays`` or ``closes``.
        gateway: ``passes`` or ``refused``.
    """

    name: str
    inside: str | bytes
    prosody: str
    ejabberd: str
    gateway: str


EDGES = [
    Edge("ns space", "<x xmlns='a b'/>", "relays", "relays", "refused"),
    Edge("ns newline", "<x xmlns='urn:a&#10;b'/>", "relays", "closes", "refused"),
    Edge("ns tab", "<x xmlns='urn:a&#9;b'/>", "relays", "relays", "refused"),
    Edge("ns cr", "<x xmlns='urn:a&#13;b'/>", "relays", "relays", "refused"),
    Edge("ns }", "<x xmlns='urn:a}b'/>", "relays", "relays", "refused"),
    Edge("ns {", "<x xmlns='{urn:a'/>", "relays", "relays", "refused"),
    Edge("ns <", "<x xmlns='urn:&lt;b'/>", "relays", "relays", "refused"),
    Edge("ns quote", "<x xmlns='urn:&quot;&apos;b'/>", "relays", "relays", "refused"),
    Edge("ns &", "<x xmlns='urn:a&amp;b'/>", "relays", "relays", "passes"),
    Edge("ns other ASCII", "<x xmlns='urn:a|b^`\\'/>", "relays", "relays", "refused"),
    Edge("ns non-ascii", "<x xmlns='urn:\xe9'/>", "relays", "relays", "refused"),
    Edge("ns U+FFFD", "<x xmlns='urn:\ufffd'/>", "relays", "relays", "refused"),
    Edge("ns U+0085", "<x xmlns='urn:a&#x85;b'/>", "relays", "relays", "refused"),
    Edge("ns U+2028", "<x xmlns='urn:a&#x2028;b'/>", "relays", "relays", "refused"),
    Edge("ns long", f"<x xmlns='urn:{'a' * 20_000}'/>", "relays", "relays", "passes"),
    Edge("ns empty", "<x xmlns=''/>", "relays", "relays", "passes"),
    Edge("ns relative", "<x xmlns='foo'/>", "relays", "relays", "passes"),
    Edge("ns ..", "<x xmlns='../foo'/>", "relays", "relays", "passes"),
    Edge("ns #", "<x xmlns='#foo#bar'/>", "relays", "relays", "passes"),
    Edge("ns %", "<x xmlns='urn:%zz'/>", "relays", "relays", "passes"),
    Edge("prefix", "<p:x xmlns:p='urn:a' p:y='1'/>", "relays", "relays", "passes"),
    Edge("prefix ns space", "<p:x xmlns:p='a b'/>", "relays", "relays", "refused"),
    Edge("prefix ns newline", "<p:x xmlns:p='a&#10;b'/>", "relays", "closes", "refused"),
    Edge("prefix ns }", "<p:x xmlns:p='a}b'/>", "relays", "relays", "refused"),
    Edge("unused prefix ns space", "<x xmlns='urn:a' xmlns:p='a b'/>", "relays", "relays", "refused"),
    Edge("unused prefix ns newline", "<x xmlns='urn:a' xmlns:p='a&#10;b'/>", "relays", "closes", "refused"),
    Edge("attr ns space", "<x xmlns='urn:a' xmlns:p='a b' p:y='1'/>", "relays", "relays", "refused"),
    Edge("attr ns newline", "<x xmlns='urn:a' xmlns:p='a&#10;b' p:y='1'/>", "relays", "closes", "refused"),
    Edge("attr ns }", "<x xmlns='urn:a' xmlns:p='a}b' p:y='1'/>", "relays", "relays", "refused"),
    Edge("prefix empty ns", "<x xmlns='urn:a' xmlns:p=''/>", "closes", "closes", "refused"),
    Edge("prefix bound to xml ns", "<x xmlns='urn:a' xmlns:p='http://www.w3.org/XML/1998/namespace'/>", "closes", "closes", "refused"),
    Edge("prefix bound to xmlns ns", "<x xmlns='urn:a' xmlns:p='http://www.w3.org/2000/xmlns/'/>", "closes", "closes", "refused"),
    Edge("default ns xml", "<x xmlns='http://www.w3.org/XML/1998/namespace'/>", "closes", "closes", "refused"),
    Edge("default ns xmlns", "<x xmlns='http://www.w3.org/2000/xmlns/'/>", "closes", "closes", "refused"),
    Edge("xml rebound", "<x xmlns='urn:a' xmlns:xml='urn:b'/>", "closes", "closes", "refused"),
    Edge("xml bound rightly", "<x xmlns='urn:a' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>", "relays", "relays", "passes"),
    Edge("xmlns declared", "<x xmlns='urn:a' xmlns:xmlns='urn:b'/>", "closes", "closes", "refused"),
    Edge("xmlns as prefix", "<xmlns:x xmlns='urn:a'/>", "closes", "closes", "refused"),
    Edge("xml as prefix", "<xml:x xmlns='urn:a'/>", "relays", "relays", "refused"),
    Edge("xml:foo attr", "<x xmlns='urn:a' xml:foo='1'/>", "relays", "relays", "refused"),
    Edge("xml:space", "<x xmlns='urn:a' xml:space='garbage'/>", "relays", "relays", "passes"),
    Edge("xml:id dup", "<x xmlns='urn:a' xml:id='1'/><y xmlns='urn:a' xml:id='1'/>", "relays", "relays", "passes"),
    Edge("xml:lang garbage", "<x xmlns='urn:a' xml:lang='&#10;&lt; }'/>", "relays", "relays", "passes"),
    Edge("xml:lang empty", "<body xml:lang=''>b</body>", "relays", "relays", "passes"),
    Edge("xmlfoo names", "<xmlfoo xmlns='urn:a' XMLbar='1' xmlnsfoo='2'/>", "relays", "relays", "passes"),
    Edge("unbound prefix", "<p:x/>", "closes", "closes", "refused"),
    Edge("unbound attr prefix", "<x xmlns='urn:a' p:y='1'/>", "closes", "closes", "refused"),
    Edge("stream prefix", "<stream:x/>", "relays", "relays", "refused"),
    Edge("stream features inside", "<stream:error><x xmlns='urn:a'/></stream:error>", "relays", "relays", "refused"),
    Edge("stream ns", "<x xmlns='http://etherx.jabber.org/streams'/>", "relays", "relays", "passes"),
    Edge("stream prefix rebound", "<x xmlns='urn:a' xmlns:stream='urn:b'><stream:y/></x>", "relays", "relays", "passes"),
    Edge("stream attr", "<x xmlns='urn:a' stream:y='1'/>", "relays", "relays", "refused"),
    Edge("two colons", "<p:x:y xmlns:p='urn:a'/>", "closes", "closes", "refused"),
    Edge("two colons attr", "<x xmlns='urn:a' xmlns:p='urn:a' p:x:y='1'/>", "closes", "closes", "refused"),
    Edge("colon first", "<:x xmlns='urn:a'/>", "closes", "closes", "refused"),
    Edge("colon last", "<x: xmlns='urn:a'/>", "closes", "closes", "refused"),
    Edge("prefix colon last", "<p: xmlns:p='urn:a'/>", "closes", "closes", "refused"),
    Edge("attr colon first", "<x xmlns='urn:a' :y='1'/>", "closes", "closes", "refused"),
    Edge("attr colon last", "<x xmlns='urn:a' y:='1'/>", "closes", "closes", "refused"),
    Edge("xmlns: alone", "<x xmlns='urn:a' xmlns:='urn:b'/>", "closes", "closes", "refused"),
    Edge("xmlns:a:b", "<x xmlns='urn:a' xmlns:a:b='urn:b'/>", "closes", "closes", "refused"),
    Edge("dup attr", "<x xmlns='urn:a' a='1' a='2'/>", "closes", "closes", "refused"),
    Edge("dup attr expanded", "<x xmlns='urn:a' xmlns:p='urn:b' xmlns:q='urn:b' p:a='1' q:a='2'/>", "closes", "closes", "refused"),
    Edge("same local, ns and none", "<x xmlns='urn:a' xmlns:p='urn:a' p:a='1' a='2'/>", "relays", "relays", "passes"),
    Edge("5th edition name", "<\u0370x xmlns='urn:a'/>", "closes", "closes", "refused"),
    Edge("5th edition astral name", "<\U00010000 xmlns='urn:a'/>", "closes", "closes", "refused"),
    Edge("4th edition name", "<\u0e40\xe9 xmlns='urn:a'/>", "relays", "relays", "passes"),
    Edge("name starts -", "<-x xmlns='urn:a'/>", "closes", "closes", "refused"),
    Edge("name with · .", "<x\xb7.-_ xmlns='urn:a'/>", "relays", "relays", "passes"),
    Edge("attr 5th", "<x xmlns='urn:a' \u0370='1'/>", "closes", "closes", "refused"),
    Edge("prefix non-ascii", "<\xe9:x xmlns:\xe9='urn:a'/>", "relays", "relays", "passes"),
    Edge("U+FFFE", "<x xmlns='urn:a'>\ufffe</x>", "closes", "closes", "refused"),
    Edge("U+FFFF ref", "<x xmlns='urn:a'>&#xFFFF;</x>", "closes", "closes", "refused"),
    Edge("U+1FFFF", "<x xmlns='urn:a'>\U0001ffff</x>", "relays", "relays", "passes"),
    Edge("U+10FFFF ref", "<x xmlns='urn:a'>&#x10FFFF;</x>", "relays", "relays", "passes"),
    Edge("U+FDD0", "<x xmlns='urn:a'>\ufdd0</x>", "relays", "relays", "passes"),
    Edge("control ref", "<x xmlns='urn:a'>&#1;</x>", "closes", "closes", "refused"),
    Edge("DEL, C1", "<x xmlns='urn:a'>\x7f\x80\x85\x9f</x>", "relays", "relays", "passes"),
    Edge("surrogate", b"<x xmlns='urn:a'>\xed\xa0\x80</x>", "closes", "closes", "refused"),
    Edge("overlong", b"<x xmlns='urn:a'>\xc0\xaf</x>", "closes", "closes", "refused"),
    Edge("latin1", b"<x xmlns='urn:a'>\xe9</x>", "closes", "closes", "refused"),
    Edge("CR ref", "<x xmlns='urn:a' a='&#13;&#10;&#9;'>&#13;</x>", "relays", "relays", "passes"),
    Edge("]]>", "<x xmlns='urn:a'>]]&gt;</x>", "relays", "relays", "passes"),
    Edge("]]> raw", "<x xmlns='urn:a'>]]></x>", "closes", "closes", "refused"),
    Edge("cdata", "<x xmlns='urn:a'><![CDATA[<a> & xmlns='a b' ]]></x>", "relays", "relays", "passes"),
    Edge("comment", "<x xmlns='urn:a'><!-- c --></x>", "closes", "relays", "refused"),
    Edge("pi", "<x xmlns='urn:a'><?p i?></x>", "closes", "relays", "refused"),
    Edge("xml decl inside", "<x xmlns='urn:a'><?xml version='1.0'?></x>", "closes", "closes", "refused"),
    Edge("doctype", "<!DOCTYPE x>", "closes", "closes", "refused"),
    Edge("entity", "<x xmlns='urn:a'>&e;</x>", "closes", "closes", "refused"),
    Edge("predefined", "<x xmlns='urn:a'>&lt;&gt;&amp;&quot;&apos;</x>", "relays", "relays", "passes"),
    Edge("depth 200", "<x>" * 200 + "</x>" * 200, "relays", "relays", "passes"),
    Edge("depth 300", "<x>" * 300 + "</x>" * 300, "relays", "relays", "refused"),
    Edge("1000 attrs", "<x xmlns='urn:a' " + " ".join(f"a{n}='1'" for n in range(1000)) + "/>", "relays", "relays", "passes"),
    Edge("10000 children", "<x xmlns='urn:a'>" + "<y/>" * 10_000 + "</x>", "relays", "relays", "passes"),
    Edge("name 30000", f"<{'x' * 30_000} xmlns='urn:a'/>", "relays", "relays", "passes"),
    Edge("attr name 30000", f"<x xmlns='urn:a' {'y' * 30_000}='1'/>", "relays", "relays", "passes"),
    Edge("attr value 100000", f"<x xmlns='urn:a' y='{'y' * 100_000}'/>", "relays", "relays", "passes"),
    Edge("stanza inside", "<message xmlns='jabber:client'><body>c</body></message>", "relays", "relays", "passes"),
    Edge("component ns inside", "<x xmlns='jabber:component:accept'/>", "relays", "relays", "passes"),
    Edge("handshake inside", "<handshake xmlns='jabber:component:accept'/>", "relays", "relays", "passes"),
    Edge("ns1 prefix", "<x xmlns='urn:a' xmlns:ns1='urn:b' xmlns:q='urn:c' ns1:a='1' q:b='2'/>", "relays", "relays", "passes"),
    Edge("xmlns:xmlnsx", "<x xmlns='urn:a' xmlns:xmlnsx='urn:b' xmlnsx:y='1'/>", "relays", "relays", "passes"),
    Edge("spaces in tags", "<x  xmlns = 'urn:a'\n y\t=\n'1' ></x\n>", "relays", "relays", "passes"),
    Edge("jabber:client body dup", "<body>one</body><body>two</body>", "relays", "relays", "passes"),
]

ALTERED = {
    ("prosody", "unused prefix ns space"),
    ("prosody", "unused prefix ns newline"),
    ("ejabberd", "comment"),
    ("ejabberd", "pi"),
}
"""What the server takes out before it relays it, so that it comes in well."""

STREAM_PREFIX = {"stream prefix", "stream features inside", "stream attr"}
"""What uses the prefix that a stream declares; HTTP bodies must declare it themselves."""

DECLARED_ELSEWHERE = {
    "prefix": "<foo:x/>",
    "prefix of an attribute": "<x xmlns='urn:a' foo:y='1'/>",
}
"""Prefixes that only the stream of the client declares: ejabberd relays them undeclared."""
