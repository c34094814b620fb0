"""Shared options of the command line: names, choices and the parsing of values."""

from __future__ import annotations

from typing import Any

import click

from tfp_maf.flows.catalogue import UNCONDITIONAL
from tfp_maf.paper import published

RUN = click.argument("run")
# Defaults of `train audio`.
AUDIO = {
    "word": "happy",
    "recipe": "aligned",
    "background": (),
    "false_alarms": 0.05,
    "strict": False,
    "split": "0",
}
DATASETS = tuple(published.DATASETS)
RECORDINGS = ("speech_commands_v0.01", "speech_commands_v0.02", "fsdd")
MODELS = tuple(UNCONDITIONAL)
SEED = click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Random seed; the same seed gives the same result.",
)


def hidden_units_of(_: Any, __: Any, value: str | None) -> tuple[int, ...] | None:
    """Parse ``100,100`` as ``(100, 100)``."""
    if value is None:
        return None
    try:
        return tuple(int(units) for units in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not a list of integers such as 100,100") from None


def models_of(_: Any, __: Any, value: str | None) -> tuple[str, ...]:
    """Parse ``maf_5,made`` as a tuple of known model names without duplicates."""
    names = tuple(dict.fromkeys(value.split(","))) if value is not None else ()
    for name in names:
        if name.removesuffix("_conditional") not in MODELS:
            raise click.BadParameter(f"no model {name!r}; choose from {', '.join(MODELS)}")
    return names


def split_of(_: Any, __: Any, value: str | None) -> str | None:
    """Check that a split is a seed or ``official``."""
    if value is not None and value != "official" and not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a number nor `official`")
    return value


def positive(_: Any, __: Any, value: float | None) -> float | None:
    """Check that a value is a finite number above 0."""
    # Not click.FloatRange: it lets NaN and infinity through.
    if value is not None and not 0 < value < float("inf"):
        raise click.BadParameter(f"{value} is not a finite number above 0")
    return value
