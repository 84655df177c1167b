"""Authentication and authorisation: API keys, logins, throttling."""
