"""Stanzas as JSON: the dialect of Prosody's mod_rest, both ways, from one table.

ReadElement :mod:`~tigrest.formats.stanza_json.table` first: one row for every key. :mod:`~tigrest.formats.stanza_json.reading` makes a
stanza from JSON, :mod:`~tigrest.formats.stanza_json.writing` JSON from a stanza, and
:mod:`~tigrest.formats.stanza_json.representations` reads and writes whole bodies.
"""
