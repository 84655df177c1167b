"""Helpers: modules that scripts of a folder import with a dot, and share.

They are compiled from their bytes, as scripts are. A helper stays, with its state, while neither it nor what it imports has changed,
whichever scripts are loaded again meanwhile: all who import it have the same module.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from tigrest.scripting.module import COMPILED_SOURCES, compile_source, statements

PACKAGE = "_tigrest_scripts"
"""Prefix of the packages that stand for script folders, so that ``from ._helper import x`` works in scripts."""


def package_of(root_index: int, folder: Path) -> str:
    """Return the name of the package that stands for a folder of scripts; empty when the folder's name cannot be part of one.

    Args:
        root_index: number of the scripts directory.
        folder: the folder relative to it.
    """
    parts = folder.parts
    return "" if any("." in part for part in parts) else ".".join([f"{PACKAGE}{root_index}", *parts])


class HelperFinder(importlib.abc.MetaPathFinder):
    """Finds folders and helper files (``_name.py``) of the scripts directories for Python's import.

    Args:
        roots: the scripts directories, in the order of :func:`package_of`.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self._roots = {f"{PACKAGE}{index}": root for index, root in enumerate(roots)}
        self._files: dict[str, bytes] = {}
        self._imports: dict[str, frozenset[str]] = {}
        self._kept: dict[str, types.ModuleType] = {}  # as last loaded well: a broken edit may be undone

    def refresh(self, files: Mapping[Path, bytes]) -> None:
        """Take part in imports, in the place of an earlier finder, and import what has changed anew from now on.

        Args:
            files: all Python files of the scripts directories.
        """
        for finder in [finder for finder in sys.meta_path if isinstance(finder, HelperFinder)]:
            finder.withdraw()
        self._files = {name: data for path, data in files.items() if (name := self._name(path))}
        self._imports = {}
        self._kept = {name: module for name, module in self._kept.items() if name in self._files}
        sys.modules.update({name: module for name, module in self._kept.items() if self._is_current(name, module)})
        sys.meta_path.insert(0, self)

    def withdraw(self) -> None:
        """Take no part in imports any more, and keep the helpers that are loaded for the next time."""
        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        for name in [name for name in list(sys.modules) if name.startswith(PACKAGE) and name.split(".")[0] in self._roots]:
            module = sys.modules.pop(name)
            if _loader_of(module) is not None:
                self._kept[name] = module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a package or helper; ``None`` for everything that is not ours."""
        root_name, *rest = fullname.split(".")
        if root_name not in self._roots:
            return None
        place = self._roots[root_name].joinpath(*rest)
        if place.is_dir():
            spec = importlib.machinery.ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(place)]
            return spec
        file = place.with_name(place.name + ".py")
        if fullname not in self._files:
            if not file.is_file():
                return None
            self._files[fullname] = file.read_bytes()
        loader = _HelperLoader(fullname, str(file), self._files[fullname], self._digest(fullname))
        return importlib.util.spec_from_file_location(fullname, file, loader=loader)

    def _name(self, path: Path) -> str:
        """Return the name of a file as a module; empty when it cannot be one."""
        for index, root in enumerate(self._roots.values()):
            if path.is_relative_to(root):
                package = package_of(index, path.relative_to(root).parent)
                return f"{package}.{path.stem}" if package else ""
        return ""

    def _is_current(self, name: str, module: types.ModuleType) -> bool:
        loader = _loader_of(module)
        return loader is not None and loader.digest == self._digest(name)

    def _digest(self, name: str) -> bytes:
        """Return a digest of a module and of all that it imports from the scripts directories."""
        digest = hashlib.sha256()
        for reached in sorted(self._reach(name)):
            digest.update(reached.encode() + b"\0" + hashlib.sha256(self._files[reached]).digest())
        return digest.digest()

    def _reach(self, name: str) -> set[str]:
        """Return a module and all that it imports, directly or not."""
        reached, new = {name}, [name]
        while new:
            found = self._imports_of(new.pop()) - reached
            reached |= found
            new += found
        return reached

    def _imports_of(self, name: str) -> frozenset[str]:
        if name not in self._imports:
            self._imports[name] = _imports(name, self._files[name]) & self._files.keys()
        return self._imports[name]


class _HelperLoader(importlib.machinery.SourceFileLoader):
    """Compiles a helper from its bytes.

    Args:
        data: the bytes.
        digest: of them, and of what the helper imports.
    """

    def __init__(self, fullname: str, path: str, data: bytes, digest: bytes) -> None:
        super().__init__(fullname, path)
        self._data = data
        self.digest = digest

    def get_code(self, fullname: str) -> types.CodeType:
        return compile_source(self._data, self.get_filename(fullname))


def _loader_of(module: types.ModuleType) -> _HelperLoader | None:
    loader = getattr(getattr(module, "__spec__", None), "loader", None)
    return loader if isinstance(loader, _HelperLoader) else None


@lru_cache(maxsize=COMPILED_SOURCES)
def _imports(name: str, data: bytes) -> frozenset[str]:
    """Return what a file may import with dots: modules, or names in them."""
    try:
        return frozenset(_relative_imports(name, ast.parse(data)))
    except (SyntaxError, ValueError):  # it does not load either
        return frozenset()


def _relative_imports(name: str, tree: ast.Module) -> Iterator[str]:
    for node in statements(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = ".".join([*name.split(".")[: -node.level], *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
