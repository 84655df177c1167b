"""Bodies of requests, responses and stanzas: parsed from bytes, written as bytes. No input, no output."""
