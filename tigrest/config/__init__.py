"""The configuration: a TOML file, overridden by environment variables, checked before anything starts.

::

    config = load(find(None, os.environ, Path()), os.environ)
    config.http.port
"""

from tigrest.config.keys import known_keys
from tigrest.config.loading import find, load
from tigrest.config.models import Config
from tigrest.config.scripts import builtin_scripts, script_dirs

__all__ = ["Config", "builtin_scripts", "find", "known_keys", "load", "script_dirs"]
