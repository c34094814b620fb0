"""What commands need, imported and read when they do: TensorFlow takes seconds."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from tfp_maf.utils import console


def training() -> Any:
    """Return the module that trains and plots runs."""
    console.import_tensorflow()
    from tfp_maf.experiments import train

    return train


def scoring() -> Any:
    """Return the module that uses the models of runs."""
    console.import_tensorflow()
    from tfp_maf.experiments import score

    return score


def time_scoring() -> Any:
    """Return the module that uses the models of series over time."""
    console.import_tensorflow()
    from tfp_maf.experiments import time_score

    return time_score


def read(run: str, data: str, **options: Any) -> Any:
    """Read a table before TensorFlow is imported: what is wrong with it is said at once."""
    refuse_time(run, "this command")
    from tfp_maf.experiments import table_input

    return table_input.read(run, data, **options)


def of_time(run: str, data: str | None) -> tuple[Any, Any] | None:
    """Return a run of time series and a table in time order, or None for any other run."""
    from tfp_maf.experiments import time_run

    if not time_run.is_time_run(run):
        return None
    opened = time_run.TimeRun.open(run)
    return opened, opened.read(data)


def refuse_time(run: str, command: str) -> None:
    """Raise ValueError if a run is of series over time, which a command does not take."""
    from tfp_maf.experiments import time_run

    time_run.refuse(run, command)


def audio() -> Any:
    """Return the module that trains detectors of sounds.

    Raises:
        ValueError: If a package of the extra is not installed.
    """
    need("audio", "soundfile", "scipy", "sklearn")
    console.import_tensorflow()
    from tfp_maf.audio import train

    return train


def need(extra: str, *packages: str) -> None:
    """Raise ValueError if a package of an optional extra is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ValueError(f"{missing[0]} is missing: pip install 'tfp_maf[{extra}]'")
