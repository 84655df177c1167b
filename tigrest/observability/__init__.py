"""Logs, metrics, and the request that they belong to."""
