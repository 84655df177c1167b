"""The database, its schemas and migrations, and the lock that keeps other gateways away."""
