"""The authorisation server."""
