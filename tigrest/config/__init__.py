"""Read and validate the configuration: a TOML file, overridden by environment variables.

::

    config = load(find(None, os.environ, Path()), os.environ)
    config.http.port
"""

from tigrest.config.folders import builtin_commands, builtin_scripts, command_dirs, plugin_dirs, script_dirs
from tigrest.config.keys import known_keys
from tigrest.config.loading import find, load
from tigrest.config.models import Config

__all__ = ["Config", "builtin_commands", "builtin_scripts", "command_dirs", "find", "known_keys", "load", "plugin_dirs", "script_dirs"]
