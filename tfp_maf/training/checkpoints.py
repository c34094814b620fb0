"""Checkpoint files: a write replaces the whole file, or leaves the previous one."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep.files import replaced_when_whole

VALUES = "values"
Arrays = dict[str, list[np.ndarray]]


def write(path: Path, arrays: Arrays, values: dict[str, Any]) -> None:
    """Write an uncompressed ``.npz`` of lists of arrays and of plain values.

    Raises:
        OSError: If it can't be written; a previous file is kept.
    """
    named: dict[str, Any] = {
        f"{name}/{i}": a for name, of_name in arrays.items() for i, a in enumerate(of_name)
    }
    named[VALUES] = np.frombuffer(json.dumps(values).encode(), np.uint8)
    with replaced_when_whole(path, binary=True) as file:
        np.savez(file, **named)


def read(path: Path, names: Sequence[str]) -> tuple[Arrays, dict[str, Any]]:
    """Read the arrays and values that :func:`write` wrote.

    Raises:
        OSError: If there is no such file.
        ValueError: If it is damaged or not a checkpoint; nothing in it is executed.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            values = json.loads(stored[VALUES].tobytes())
            counts = {name: sum(key.startswith(f"{name}/") for key in stored) for name in names}
            return {n: [stored[f"{n}/{i}"] for i in range(c)] for n, c in counts.items()}, values
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, EOFError, OSError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error)[:200]  # zipfile's message may quote a part of the file
        raise ValueError(
            f"{path} is damaged or not a checkpoint ({reason}); remove it to start again"
        ) from None
