"""Shared options of the command line: names, choices and the parsing of values."""

from __future__ import annotations

import csv
from collections.abc import Callable
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


def names_of(_: Any, __: Any, values: tuple[str, ...]) -> tuple[str, ...]:
    """Parse ``a,b``, given once or more, as names; quotes protect a comma in a name."""
    fields = (field.strip() for value in values for field in next(csv.reader([value]), []))
    return tuple(dict.fromkeys(field for field in fields if field))


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of how to read a table."""
    for option in reversed(
        [
            click.option(
                "--separator",
                metavar="SIGN",
                help="Separator of the table's fields: one character, tab or space. "
                "[default: found]",
            ),
            click.option(
                "--decimal",
                type=click.Choice([".", ","]),
                help="Decimal sign of the table's numbers. [default: found]",
            ),
            click.option(
                "--encoding",
                metavar="NAME",
                help="Encoding of the table's text, such as cp1252. [default: found]",
            ),
            click.option(
                "--no-header",
                is_flag=True,
                help="The table's first line holds data; call the columns x1, x2, ... "
                "[default: found]",
            ),
            click.option(
                "--na",
                multiple=True,
                metavar="TEXT",
                help="Text that means that a value of the table is missing, such as -999; may be "
                "repeated.",
            ),
            click.option(
                "--columns",
                multiple=True,
                callback=names_of,
                metavar="COLUMN,COLUMN",
                help="Use only these columns of the table; may be repeated. [default: all]",
            ),
        ]
    ):
        command = option(command)
    return command


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
