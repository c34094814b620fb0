"""Programs compiled by XLA, kept on disk from one command to the next.

TensorFlow can keep them, but fails at a damaged entry, or runs it. So each process works in a
folder of its own, into which it links the entries whose checksum is right; at its end new entries
join the kept ones, each by a rename. Entries are machine code: the folder is the user's alone, and
there is one for each version of TensorFlow, processor and number of cores.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import platform
import shutil
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

FLAG = "--tf_xla_persistent_cache_directory"
MOST_BYTES = 100_000_000  # of kept entries; the oldest are dropped first
WORKING = "working_"  # prefix of a process's own folder
ABANDONED = 30 * 86_400.0  # seconds after which such a folder is of a process that was killed

_is_on = True


def switch(is_on: bool) -> None:
    """Switch the cache on or off, before TensorFlow is imported."""
    global _is_on
    _is_on = is_on


def begin() -> None:
    """Make TensorFlow, which is not imported yet, use the kept programs, and keep new ones."""
    flags = os.environ.get("TF_XLA_FLAGS", "")
    if not _is_on or "tensorflow" in sys.modules or FLAG in flags:
        return
    try:
        kept = own_folder(cache_root() / key())
        remove_abandoned(kept.parent)
        working = Path(tempfile.mkdtemp(prefix=WORKING, dir=kept.parent))
        atexit.register(shutil.rmtree, working, ignore_errors=True)
        take_out(kept, working)
    except OSError:
        return  # without a place for it, programs are compiled anew
    atexit.register(put_back, working, kept)  # runs before the folder is removed
    os.environ["TF_XLA_FLAGS"] = f"{flags} {FLAG}={working}".strip()


def cache_root() -> Path:
    """Return the folder of the caches of all versions and processors."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "tfp_maf" / "xla"


def key() -> str:
    """Return a name for everything that compiled programs depend on beside their source."""
    parts = [version("tensorflow"), platform.platform(), platform.machine(), str(os.cpu_count())]
    parts += [os.environ.get(name, "") for name in ("XLA_FLAGS", "TF_XLA_FLAGS")]
    if hasattr(os, "sched_getaffinity"):
        parts.append(str(len(os.sched_getaffinity(0))))
    described = Path("/proc/cpuinfo")
    if described.exists():
        lines = described.read_text().splitlines()
        parts += sorted({line for line in lines if line.startswith(("model name", "flags"))})
    else:
        parts.append(platform.processor())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def own_folder(folder: Path) -> Path:
    """Return a folder that only this user can write to; create it if it is missing.

    Raises:
        OSError: If it can't be created, or is open to others.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.stat()
    if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
        raise PermissionError(f"{folder} can be written by others")
    return folder


def remove_abandoned(root: Path) -> None:
    """Remove the folders of processes that were killed a month ago or earlier."""
    for folder in root.glob(f"{WORKING}*"):
        if time.time() - folder.stat().st_mtime > ABANDONED:
            shutil.rmtree(folder, ignore_errors=True)


def take_out(kept: Path, working: Path) -> None:
    """Link the entries whose checksum is that in their name; remove all others."""
    for path in kept.iterdir():
        checksum, _, name = path.name.partition("-")
        if hashlib.sha256(path.read_bytes()).hexdigest() == checksum:
            try:
                os.link(path, working / name)  # a hundred megabytes take .3 s to copy
            except OSError:  # a file system without links
                shutil.copyfile(path, working / name)
        elif not path.name.startswith("."):
            path.unlink(missing_ok=True)


def put_back(working: Path, kept: Path) -> None:
    """Keep the entries that are new, and drop the oldest beyond :data:`MOST_BYTES`."""
    try:
        names = {path.name.partition("-")[2] for path in kept.iterdir()}
        for path in working.glob("*.pb"):
            if path.name in names:
                continue
            content = path.read_bytes()
            part = kept / f".{os.getpid()}"
            part.write_bytes(content)
            part.replace(kept / f"{hashlib.sha256(content).hexdigest()}-{path.name}")
        newest = sorted(kept.iterdir(), key=lambda path: -path.stat().st_mtime)
        total = 0
        for path in newest:
            total += path.stat().st_size
            if total > MOST_BYTES:
                path.unlink(missing_ok=True)
    except OSError:
        return  # a full disk, or another process that tidied up first
