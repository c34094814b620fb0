"""Folders of runs of ``tfp-maf train audio``, which ``--resume`` continues."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tfp_maf.experiments.run import Run

SETTINGS = "audio.json"


def open_run(folder: str | Path, settings: dict[str, Any], *, resume: bool) -> Run:
    """Create the folder of a run, or open that of an interrupted one.

    Args:
        folder: the folder.
        settings: what must be the same for the run to resume, as JSON values.
        resume: whether to resume.

    Raises:
        OSError: the folder is not empty, or there is no run to resume.
        ValueError: the interrupted run had other settings, or its settings are damaged.
    """
    if not resume:
        run = Run.create(folder)
        run.write(SETTINGS, settings)
        return run
    path = Path(folder) / SETTINGS
    if not path.is_file():
        raise FileNotFoundError(
            f"--resume: {folder} is not a run of tfp-maf train audio: it has no {SETTINGS}"
        )
    try:
        before = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"{path} is damaged ({error}); train again") from None
    now = json.loads(json.dumps(settings))
    for name, value in now.items():
        if not isinstance(before, dict) or before.get(name) != value:
            was = before.get(name) if isinstance(before, dict) else None
            raise ValueError(
                f"--resume: the run in {folder} was started with another {name}: {was}, not {value}"
            )
    return Run(Path(folder))
