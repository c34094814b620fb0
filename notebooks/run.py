"""Runs the notebooks in full, in clean kernels, and keeps their outputs.

    python notebooks/run.py [01_masking ...]

A cell that fails, writes to standard error or leaves more than it may ends it, and the file
is left as it was.
"""

from __future__ import annotations

import hashlib
import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
LIMIT = 1_500_000  # bytes a notebook
SOURCE = "source_sha256"


def execute(path: Path, *, size: str) -> Any:
    """The notebook, run from a clean kernel at that size, ``"full"`` or ``"small"``.

    Raises:
        CellExecutionError: a cell failed. ValueError: one wrote to standard error.
    """
    notebook = nbformat.read(path, as_version=4)
    os.environ["TFP_MAF_NOTEBOOKS"] = size
    NotebookClient(
        notebook, timeout=7200, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}
    ).execute()
    for cell in code_cells(notebook):
        cell.metadata = {SOURCE: sha256(cell.source)}
        for output in cell.outputs:
            if output.get("name") == "stderr":
                raise ValueError(f"{path.name} writes to standard error: {output.text[:500]}")
    return notebook


def code_cells(notebook: Any) -> list[Any]:
    """Those that have outputs."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def sha256(source: str) -> str:
    """Of a cell's source: which code its outputs are of."""
    return hashlib.sha256(source.encode()).hexdigest()


def main(names: list[str]) -> None:
    """Runs those, or all."""
    for path in sorted(FOLDER.glob("*.ipynb")):
        if names and path.stem not in names:
            continue
        began = time.perf_counter()
        notebook = execute(path, size="full")
        text = nbformat.writes(notebook)
        if len(text) > LIMIT:
            raise ValueError(f"{path.name} would have {len(text):,} bytes, over {LIMIT:,}")
        path.write_text(text + "\n")
        print(f"{path.name}: {time.perf_counter() - began:.0f} s, {len(text):,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
