"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

# A full disk, quota or file; a failing one; one that may only be read.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@contextmanager
def replaced_when_whole(path: Path, *, binary: bool = False) -> Iterator[Any]:
    """A file to write to, which takes ``path``'s place when the block ends well.

    Text is UTF-8. What is written is on the disk before it takes the place, so that a power cut
    leaves the old file or the new one. A device, pipe or link, such as ``/dev/stdout``, is written
    through: its place is not ours.

    Raises:
        OSError: the folder is missing or can't be written, or ``path`` is a folder; nothing is
            left behind.
    """
    mode, encoding = ("wb", None) if binary else ("w", "utf-8")
    if path.is_dir():
        raise IsADirectoryError(f"can't write {path}: it is a folder")
    if path.exists() and (path.is_symlink() or not path.is_file()):
        with path.open(mode, encoding=encoding) as file:
            yield file
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: no folder {path.parent}")
    with naming(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with naming(path), os.fdopen(handle, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())  # mkstemp's is for the owner alone
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # the disk may only be read now
            os.unlink(temporary)
        raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Says which file or folder could not be written, where the system does not.

    Raises:
        OSError: a disk that is full, or may only be read; names ``path``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK:
            raise OSError(f"can't write {path}: {error.strerror}") from None
        raise


def remove_leftovers(path: Path) -> None:
    """Removes what a killed process had begun to write in ``path``'s place.

    For files and folders that one process alone writes: another's would be taken from under it.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def make_folder(folder: str | Path, *, option: str = "--out") -> Path:
    """The folder that an option names, made if it is not there.

    Raises:
        OSError: it is a file, or can't be made or written.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{option} {folder} is a file, not a folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"can't make {option} {folder}: {error.strerror}") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"can't write to {option} {folder}")
    return folder


def write_json(path: Path, values: dict[str, Any]) -> None:
    """Writes plain values, whole or not at all.

    Raises:
        OSError: it can't be written. ValueError: a number is not finite.
    """
    with replaced_when_whole(path) as file:
        file.write(json.dumps(values, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Writes a table with a header, whole or not at all.

    Raises:
        OSError: it can't be written.
    """
    try:
        with replaced_when_whole(path) as file:
            frame.to_csv(file, index=False)
    except PermissionError:
        raise PermissionError(f"can't write {path}: permission denied") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
