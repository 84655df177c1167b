"""Stanzas for the gateway itself: delivered to URLs, shown as an event stream, rejected when there are too many."""
