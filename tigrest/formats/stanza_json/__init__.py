"""Stanzas as JSON in the dialect of Prosody's mod_rest, converted both ways by one table.

Start with :mod:`~tigrest.formats.stanza_json.table`, which has a row for each key. :mod:`~tigrest.formats.stanza_json.reading` converts
JSON into a stanza, :mod:`~tigrest.formats.stanza_json.writing` a stanza into JSON, and
:mod:`~tigrest.formats.stanza_json.representations` parses and writes whole bodies.
"""
