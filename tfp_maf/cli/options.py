"""What the command line's options may be, and what it calls them by."""

from __future__ import annotations

from typing import Any

import click

RUN = click.argument("run")
# What `train audio` does unless told otherwise.
AUDIO = {
    "word": "happy",
    "recipe": "aligned",
    "background": (),
    "false_alarms": 0.05,
    "strict": False,
    "split": "0",
}
# Names only: what they stand for, in tfp_maf.paper.models, takes TensorFlow to import.
DATASETS = ("power", "gas", "hepmass", "miniboone", "bsds300", "mnist", "cifar10")
RECORDINGS = ("speech_commands_v0.01", "speech_commands_v0.02", "fsdd")
MODELS = (
    "gaussian",
    "made",
    "made_mog",
    "realnvp_5",
    "realnvp_10",
    "maf_5",
    "maf_10",
    "maf_mog_5",
    "nsf_ar",
    "nsf_c",
)
SEED = click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**32 - 1),
    help="Makes the run repeatable.",
)


def hidden_units_of(_: Any, __: Any, value: str | None) -> tuple[int, ...] | None:
    """``100,100`` to (100, 100)."""
    if value is None:
        return None
    try:
        return tuple(int(units) for units in value.split(","))
    except ValueError:
        raise click.BadParameter(f"{value!r} is not like 100,100") from None


def models_of(_: Any, __: Any, value: str | None) -> tuple[str, ...]:
    """``maf_5,made`` to names, all known."""
    names = tuple(dict.fromkeys(value.split(","))) if value is not None else ()
    for name in names:
        if name.removesuffix("_conditional") not in MODELS:
            raise click.BadParameter(f"no model {name!r}; there are {', '.join(MODELS)}")
    return names


def split_of(_: Any, __: Any, value: str | None) -> str | None:
    """A seed, or ``official``."""
    if value is not None and value != "official" and not value.isdecimal():
        raise click.BadParameter(f"{value!r} is neither a number nor `official`")
    return value


def positive(_: Any, __: Any, value: float | None) -> float | None:
    """A finite number above 0."""
    # Not click.FloatRange: it lets NaN and infinity through.
    if value is not None and not 0 < value < float("inf"):
        raise click.BadParameter(f"{value} is not a finite number above 0")
    return value
