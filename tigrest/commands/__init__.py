"""Commands: declared once by scripts, found by name and version, and run the same way for every frontend."""
