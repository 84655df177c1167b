"""Who is calling, and may he: API keys, logins, throttling."""
