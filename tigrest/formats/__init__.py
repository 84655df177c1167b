"""Bodies of HTTP and stanzas, as values and as bytes. No input, no output."""
