"""Atomic writing of files, which are either complete or not there."""

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

# Disk full, quota exceeded, file too large, input/output error, read-only file system.
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS)


@contextmanager
def replaced_when_whole(path: Path, *, binary: bool = False) -> Iterator[Any]:
    """Open a temporary file that replaces ``path`` if the block succeeds.

    Text is encoded as UTF-8. The contents are flushed to the disk before the replacement, so a
    power failure leaves either the old file or the new one. A device, pipe or link, such as
    ``/dev/stdout``, is written to directly and never replaced.

    Yields:
        The open file.

    Raises:
        OSError: If the folder is missing or cannot be written to, or if ``path`` is a folder;
            nothing is left behind.
    """
    mode, encoding = ("wb", None) if binary else ("w", "utf-8")
    if path.is_dir():
        raise IsADirectoryError(f"can't write {path}: it is a folder")
    if path.exists() and (path.is_symlink() or not path.is_file()):
        with path.open(mode, encoding=encoding) as file:
            yield file
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: there is no folder {path.parent}")
    with naming(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with naming(path), os.fdopen(handle, mode, encoding=encoding) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~_umask())  # mkstemp grants access to the owner only
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):  # the disk may have become read-only
            os.unlink(temporary)
        raise


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Add ``path`` to the message of a disk error, which does not name the file by itself.

    Raises:
        OSError: If the disk is full, failing or read-only; the message names ``path``.
    """
    try:
        yield
    except OSError as error:
        if error.errno in DISK:
            raise OSError(f"can't write {path}: {error.strerror}") from None
        raise


def remove_leftovers(path: Path) -> None:
    """Delete the temporary files that a killed process left when writing ``path``.

    Only for paths that a single process writes: the files of a second one, still in use, would be
    deleted as well.
    """
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with suppress(OSError):
            shutil.rmtree(left) if left.is_dir() else left.unlink()


def make_folder(folder: str | Path, *, option: str = "--out") -> Path:
    """Return the folder that an option names, creating it if it does not exist.

    Args:
        folder: Path of the folder.
        option: Name of the option, for error messages.

    Raises:
        OSError: If the path is a file, or the folder cannot be created or written to.
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
    """Write plain values to a JSON file, completely or not at all.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If a number is not finite.
    """
    with replaced_when_whole(path) as file:
        file.write(json.dumps(values, indent=2, allow_nan=False) + "\n")


def write_csv(path: Path, frame: pd.DataFrame) -> None:
    """Write a table with a header to a CSV file, completely or not at all.

    Raises:
        OSError: If the file cannot be written.
    """
    try:
        with replaced_when_whole(path) as file:
            frame.to_csv(file, index=False)
    except PermissionError:
        raise PermissionError(f"can't write {path}: permission denied") from None


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write a table to a ``.parquet`` file, or else to a CSV file, completely or not at all.

    Raises:
        OSError: If the file cannot be written.
        ValueError: If pyarrow is missing for Parquet.
    """
    if path.suffix.lower() != ".parquet":
        write_csv(path, frame)
        return
    try:
        with replaced_when_whole(path, binary=True) as file:
            frame.to_parquet(file, index=False)
    except ImportError:
        raise ValueError(f"{path}: Parquet needs pip install 'tfp_maf[parquet]'") from None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
