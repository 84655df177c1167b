"""From script files to a table of routes."""
