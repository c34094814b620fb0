"""Files that are either whole or not there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def replaced_when_whole(path: Path) -> Iterator[TextIO]:
    """A text file to write to, which takes ``path``'s place when the block ends well.

    A device, pipe or link, such as ``/dev/stdout``, is written through: its place is not ours.

    Raises:
        OSError: the folder is missing or can't be written, or ``path`` is a folder; nothing is
            left behind.
    """
    if path.is_dir():
        raise IsADirectoryError(f"can't write {path}: it is a folder")
    if path.exists() and (path.is_symlink() or not path.is_file()):
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: no folder {path.parent}")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
        Path(temporary).chmod(0o666 & ~_umask())  # mkstemp's is for the owner alone
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
