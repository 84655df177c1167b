"""The versions of the schema ``embedded``."""
