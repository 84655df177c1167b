"""Import plugins from folders: they are the modules of a package, ``tigrest_plugins``, that exists in memory only.

So a plugin has a name that collides with no installed module, scripts can import from it, and it can import its neighbours.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence
from pathlib import Path

PLUGIN_PACKAGE = "tigrest_plugins"
"""Name of the package."""


class _Uncached(importlib.machinery.SourceFileLoader):
    """Compile a module from its bytes, always: Python's own cache takes an edit of the same size in the same second for no edit."""

    def get_code(self, fullname: str) -> types.CodeType:
        """Return the code of the file as it is now."""
        path = self.get_filename(fullname)
        return compile(self.get_data(path), path, "exec", dont_inherit=True)


_LOADERS = (
    (importlib.machinery.ExtensionFileLoader, importlib.machinery.EXTENSION_SUFFIXES),
    (_Uncached, importlib.machinery.SOURCE_SUFFIXES),
)


class FolderFinder(importlib.abc.MetaPathFinder):
    """Find the modules of folders as those of :data:`PLUGIN_PACKAGE`.

    Args:
        dirs: the folders; of two modules of one name the first counts.
    """

    def __init__(self, dirs: Sequence[Path]) -> None:
        self._dirs = [str(path.resolve()) for path in dirs]

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module of the package, or below one of its packages; ``None`` for everything that is not ours."""
        if fullname == PLUGIN_PACKAGE:
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = self._dirs
            return spec
        if not fullname.startswith(f"{PLUGIN_PACKAGE}."):
            return None
        for folder in path or ():
            found = importlib.machinery.FileFinder(folder, *_LOADERS).find_spec(fullname)
            if found is not None and found.loader is not None:
                return found
        return None

    def install(self) -> None:
        """Take part in imports, in the place of an earlier finder, whose modules are forgotten."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, FolderFinder)]
        sys.meta_path.insert(0, self)
        _forget_modules()

    def uninstall(self) -> None:
        """Take part in imports no longer, and forget the modules; nothing when another finder has taken the place."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
            _forget_modules()


def _forget_modules() -> None:
    # a copy of the names: another thread may import meanwhile
    for name in [name for name in list(sys.modules) if name.startswith(PLUGIN_PACKAGE) and name.split(".")[0] == PLUGIN_PACKAGE]:
        del sys.modules[name]
