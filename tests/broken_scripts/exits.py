import sys

from tigrest import Handler

sys.exit(3)
