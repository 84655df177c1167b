"""What becomes of stanzas for the gateway itself: delivered to URLs, shown as a live stream, rejected when there are too many."""
