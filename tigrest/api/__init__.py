"""Commands over HTTP, below ``/api``."""
