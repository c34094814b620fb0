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

    Raises:
        OSError: the folder is missing or can't be written; nothing is left behind.
    """
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
