"""Files in folders called ``static`` below the scripts directories, served as they are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from tigrest.http.mounts import Mount, MountRequest
from tigrest.scripting.parts import ROOT
from tigrest.scripting.table import Table


def static_mount(table: Callable[[], Table]) -> Mount:
    """Return the mount of all static folders.

    Args:
        table: returns the table being served, which has the folders.
    """
    folders = _StaticFolders(table)
    return Mount(ROOT, folders.answer, is_prefix=True, has=folders.has, uri=f"{ROOT}/**/static/*")


class _StaticFolders:
    def __init__(self, table: Callable[[], Table]) -> None:
        self._table = table
        self._files: dict[Path, StaticFiles] = {}

    def has(self, path: str) -> bool:
        """Return whether a path may be that of a file in a static folder."""
        return self._find(path) is not None

    async def answer(self, request: MountRequest) -> Response:
        """Answer with a file.

        Raises:
            HTTPException: 404, there is none.
        """
        found = self._find(request.scope["path"])
        if found is None:
            raise HTTPException(404)
        folder, relative = found
        files = self._files.setdefault(folder, StaticFiles(directory=folder, check_dir=False))
        return await files.get_response(relative, request.scope)

    def _find(self, path: str) -> tuple[Path, str] | None:
        """Return the static folder of a path, and the rest of the path; ``None`` for hidden files, too."""
        for uri, folder in self._table().statics.items():
            if path.startswith(uri + "/"):
                relative = path[len(uri) + 1 :]
                return None if not relative or any(part.startswith(".") for part in relative.split("/")) else (folder, relative)
        return None
