"""XMPP as values and bytes: addresses, stanzas, forms, namespaces, error conditions, SASL. No input, no output."""
