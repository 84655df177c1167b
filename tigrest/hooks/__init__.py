"""Hooks: what other programs post becomes messages."""
