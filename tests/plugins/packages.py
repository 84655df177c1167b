"""Packages with plugins, as pip would install them."""

from __future__ import annotations

from pathlib import Path


def install(site: Path, package: str, **plugins: str) -> None:
    """Write a package of one module for each plugin, ``<name>_plugin``, with its entry points.

    Args:
        site: directory on the path of imports.
        package: name of the distribution; its version is 1.2.
        plugins: source by name.
    """
    info = site / f"{package.replace('-', '_')}-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
    lines = []
    for name, text in plugins.items():
        (site / f"{name}_plugin.py").write_text(text)
        lines.append(f"{name} = {name}_plugin\n")
    (info / "entry_points.txt").write_text("[tigrest]\n" + "".join(lines))
