"""Stanzas as JSON: the dialect of Prosody's mod_rest, both ways, from one table.

Read :mod:`tigrest.stanza_json.table` first: one row for every key. :mod:`~tigrest.stanza_json.reading` makes a stanza from JSON,
:mod:`~tigrest.stanza_json.writing` JSON from a stanza, :mod:`~tigrest.stanza_json.representations` reads and writes whole bodies.
"""
