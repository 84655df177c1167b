"""The event loop, threads, deadlines, and work that several callers wait for."""
