"""``python -m tigrest``."""

from tigrest.cli.main import main

main()
