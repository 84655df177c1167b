"""Find plugins: entry points of installed packages, and files in folders."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from tigrest.plugins.folders import PLUGIN_PACKAGE
from tigrest.plugins.hooks import GROUP


@dataclass(frozen=True)
class PluginSource:
    """Source of a plugin.

    Args:
        name: the plugin and what it belongs to, for messages.
        file: the file or package in a folder; ``None`` when it is installed.
        cure: how to be rid of it, for messages.
        package: package or module whose code is the plugin's own.
        load: imports the plugin; whatever its code raises comes out.
    """

    name: str
    file: Path | None
    cure: str
    package: str
    load: Callable[[], object]


def installed() -> list[PluginSource]:
    """Return the plugins of installed packages, sorted by name."""
    found = _entry_points(tuple(sys.path))
    return [_installed(entry_point) for entry_point in sorted(found, key=lambda entry: (entry.name, entry.value))]


@lru_cache(maxsize=8)
def _entry_points(_path: tuple[str, ...]) -> importlib.metadata.EntryPoints:
    """Return the entry points of our group. All packages are read for them, which is what takes longest here.

    Args:
        _path: where packages are looked for, as the key of the cache: a process does not install what it runs on.
    """
    return importlib.metadata.entry_points(group=GROUP)


def in_folders(dirs: Sequence[Path]) -> list[PluginSource]:
    """Return the plugins of folders, sorted by name within each; of two of one name the first counts.

    Args:
        dirs: the folders.
    """
    found: dict[str, Path] = {}
    for folder in dirs:
        for path in _modules(folder):
            found.setdefault(path.stem, path)
    return [_in_folder(name, path) for name, path in found.items()]


def _installed(entry_point: importlib.metadata.EntryPoint) -> PluginSource:
    distribution = entry_point.dist
    name, version = (distribution.name, distribution.version) if distribution is not None else ("its package", "")
    return PluginSource(
        name=f"plugin {entry_point.name} of {name} {version}".rstrip(),
        file=None,
        cure=f"mend it, or uninstall {name}",
        package=entry_point.module.partition(".")[0],
        load=entry_point.load,
    )


def _in_folder(name: str, path: Path) -> PluginSource:
    def load() -> object:
        if not name.isidentifier():
            raise ImportError("this cannot be the name of a module; use letters, digits and _")
        return importlib.import_module(f"{PLUGIN_PACKAGE}.{name}")

    return PluginSource(
        name=f"plugin {name}",
        file=path,
        cure="mend it, or take it out of the folder",
        package=f"{PLUGIN_PACKAGE}.{name}",
        load=load,
    )


def _modules(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        is_package = path.is_dir() and (path / "__init__.py").is_file()
        if not path.name.startswith(("_", ".")) and (is_package or (path.suffix == ".py" and path.is_file())):
            yield path
