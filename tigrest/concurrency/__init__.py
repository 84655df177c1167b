"""The event loop, threads, tasks, deadlines, delays between attempts, and shared runs."""
