"""The servers of Debian 13 and its backports, extracted into a folder, which they take for ``/``: for tests on any Debian, as root.

``mmdebstrap`` makes the folder in half a minute. It is kept, outside the checkout, one for each list of packages, and removed when another
is made and it was not used for a month; ``VERSIONS`` in it names what it has.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MIRROR = "http://deb.debian.org/debian"
PACKAGES = ("prosody", "prosody-modules", "ejabberd", "jabberd2")
PREFERENCES = """Package: prosody prosody-modules ejabberd erlang-*
Pin: release a=stable-backports
Pin-Priority: 900
"""
"""Take these from the backports. apt_preferences(5)"""

HOOKS = (
    'mkdir -p "$1/etc/apt/preferences.d"',
    f"""printf '%s' '{PREFERENCES}' > "$1/etc/apt/preferences.d/backports\"""",
)
UNUSED_SECONDS = 30 * 86400.0
"""Time since its last use after which a folder of another list of packages is removed, in seconds: other checkouts may use it."""

TIMEOUT = 300.0
"""Longest time to make the folder, in seconds."""


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tigrest-tests"


def _key() -> str:
    recipe = "\n".join((MIRROR, *PACKAGES, *HOOKS, platform.machine()))
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


@functools.cache
def trouble() -> str:
    """Tell why there is no such folder, and none can be made; empty when there is one. The first call makes it."""
    if os.geteuid() != 0:
        return "newer servers run in a folder that is made, and entered, by root only"
    if shutil.which("mmdebstrap") is None:
        return "newer servers need mmdebstrap; as root: apt-get install mmdebstrap"
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        if not root().is_dir() and (reason := _make(root())):
            return reason
        os.utime(root())
        return ""


def root() -> Path:
    """Return the folder."""
    return _cache() / f"trixie-{_key()}"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time through: tests run in several."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(folder: Path) -> str:
    """Make the folder; return what went wrong, or nothing."""
    remove_unused(folder.parent)
    unfinished = folder.with_name(f"trixie-unfinished-{os.getpid()}")
    command = ["mmdebstrap", "--variant=extract", f"--include={','.join(PACKAGES)}", '--aptopt=Apt::Install-Recommends "false"']
    command += [f"--setup-hook={hook}" for hook in HOOKS]
    command += ['--extract-hook=ls "$1/var/cache/apt/archives" > "$1/VERSIONS"']
    suites = [f"deb {MIRROR} {suite} main" for suite in ("trixie", "trixie-backports")]
    try:
        done = subprocess.run([*command, "trixie", str(unfinished), *suites], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return f"Debian's newer packages did not come within {TIMEOUT:g} s"
    if done.returncode != 0:
        shutil.rmtree(unfinished, ignore_errors=True)
        reason = next((line for line in done.stderr.splitlines() if line.startswith(("E:", "Err:"))), done.stderr.strip()[-200:])
        return f"mmdebstrap could not get Debian's newer packages: {reason}"
    _complete(unfinished, folder)
    unfinished.rename(folder)
    return ""


def remove_unused(cache: Path) -> None:
    """Remove the folders that no checkout has used for long.

    Args:
        cache: where they are; the time of each is that of its last use.
    """
    for folder in cache.glob("trixie-*"):
        if time.time() - folder.stat().st_mtime > UNUSED_SECONDS:
            shutil.rmtree(folder, ignore_errors=True)


def _complete(tree: Path, folder: Path) -> None:
    """Add what packages do when they are configured, which is not done here.

    Args:
        tree: the folder as it is now.
        folder: the folder as it will be called: paths below it shall be the same inside and outside.
    """
    for name in ("bin", "lib", "lib64", "sbin"):
        if not (tree / name).exists():
            (tree / name).symlink_to(f"usr/{name}")
    shell = tree / "usr" / "bin" / "sh"
    shell.unlink(missing_ok=True)
    shell.symlink_to("dash")
    same = tree / folder.relative_to("/")
    same.parent.mkdir(parents=True, exist_ok=True)
    same.symlink_to("/")
    (tree / "srv").mkdir(exist_ok=True)


def add_users(*users: str) -> None:
    """Add users, and what ``prosodyctl`` needs to give files to them, from this machine: essential packages are not extracted."""
    for program in ("dash", "chown"):
        if not (root() / "usr" / "bin" / program).exists():
            shutil.copy(f"/usr/bin/{program}", root() / "usr" / "bin" / program)
    for file, line in {"passwd": "{0}:x:{1}:{1}::/:/bin/sh\n", "group": "{0}:x:{1}:\n"}.items():
        (root() / "etc" / file).write_text("".join(line.format(user, number) for number, user in enumerate(("root", *users))))


def folder_inside(name: str) -> Path:
    """Make a folder for a server's files, which has the same path for the server; it is removed when the tests end.

    Args:
        name: begins its name.
    """
    made = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root() / "srv"))
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def inside(*command: str) -> list[str]:
    """Return the command that runs one inside the folder, with the same process id."""
    return ["chroot", str(root()), *command]
