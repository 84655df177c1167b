"""Logs, metrics, and the context of the request that they belong to."""
