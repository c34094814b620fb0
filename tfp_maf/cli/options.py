"""Shared options of the command line: names, choices and the parsing of values."""

from __future__ import annotations

import csv
from collections.abc import Callable
from typing import Any, get_args

import click

from tfp_maf.data_prep.reading.reading import Missing
from tfp_maf.flows.catalogue import OF_IMAGES, UNCONDITIONAL
from tfp_maf.paper import published

RUN = click.argument("run")
# Defaults of `train audio`.
AUDIO_WORD: dict[str, Any] = {
    "word": "happy",
    "recipe": "aligned",
    "background": (),
    "noise": None,
    "false_alarms": 0.05,
    "strict": False,
    "split": "0",
}
AUDIO_NORMAL: dict[str, Any] = {"false_alarms": 0.05, "strict": False}
AUDIO = (*AUDIO_WORD, "normal")  # options of `train audio` only
DATASETS = tuple(published.DATASETS)
RECORDINGS = ("speech_commands_v0.01", "speech_commands_v0.02", "fsdd")
REPRODUCED = tuple(published.REPRODUCED)
MODELS = (*UNCONDITIONAL, *OF_IMAGES)
# Names of tfp_maf.estimators.candidates, which imports TensorFlow; a test compares them.
TABLE_MODELS = (
    *("auto", "made_mog", "made_mog_noisy", "maf_mog", "nsf", "maf", "attention"),
    "gaussian_mixture",
)
# Names of tfp_maf.time_series.flow and tfp_maf.networks.past; the same test compares them.
TIME_MODELS = ("maf_mog", "maf", "nsf", "gaussian")
ENCODERS = ("gru", "convolution", "attention", "window")
PAST = 60
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


def values_of(_: Any, __: Any, values: tuple[str, ...]) -> dict[str, str] | None:
    """Parse ``a=1,b=x``, given once or more, as values by name; quotes protect a comma."""
    found: dict[str, str] = {}
    for pair in names_of(_, __, values):
        name, sign, value = pair.partition("=")
        if not sign or not name.strip():
            raise click.BadParameter(f"{pair!r} is not like COLUMN=VALUE")
        found[name.strip()] = value.strip()
    return found or None


def candidates_of(_: Any, __: Any, values: tuple[str, ...]) -> tuple[str, ...]:
    """Parse ``maf,nsf`` as names of densities for tables; ``auto`` is none of them."""
    names = names_of(_, __, values)
    known = dict.fromkeys((*TABLE_MODELS, *TIME_MODELS))
    for name in names:
        if name not in known:
            raise click.BadParameter(f"no model {name!r}; choose from {', '.join(known)}")
    if "auto" in names and len(names) > 1:
        raise click.BadParameter("auto chooses by itself: name no other model beside it")
    return tuple(name for name in names if name != "auto")


def table_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of what is made of a table."""
    for option in reversed(
        [
            click.option(
                "--model",
                "models",
                multiple=True,
                callback=candidates_of,
                metavar="NAME,NAME",
                help=f"Models of the table's numbers: {', '.join(TABLE_MODELS)}. Several are "
                "averaged by their validation likelihood. [default: auto, all that suit the table, "
                "without attention]",
            ),
            click.option(
                "--budget",
                type=float,
                callback=positive,
                metavar="SECONDS",
                help="Time for training all models together. [default: until they stop improving]",
            ),
            click.option(
                "--given",
                multiple=True,
                callback=names_of,
                metavar="COLUMN,COLUMN",
                help="Model the other columns given these; may be repeated.",
            ),
            click.option(
                "--missing",
                type=click.Choice(get_args(Missing)),
                default="auto",
                help="What is done about missing values: drop their rows, fill in the median, or "
                "model that they are missing. [default: auto, drop up to 5% of the rows, else "
                "model]",
            ),
            click.option(
                "--schema",
                metavar="FILE",
                help="JSON file with attributes of columns that are not to be inferred, such as "
                '{"zip": {"kind": "category"}}, or a run\'s config.json.',
            ),
            click.option(
                "--continuous",
                is_flag=True,
                help="Use only numbers, and take them as they are, as draws from a density: no "
                "categories, steps or transformations.",
            ),
        ]
    ):
        command = option(command)
    return command


def time_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a table in time order."""
    for option in reversed(
        [
            click.option(
                "--time",
                multiple=True,
                callback=names_of,
                metavar="COLUMN[,COLUMN]",
                help="Column that holds the time, or date and time of day; the word order if rows "
                "are in time order and no column tells. Model each row given those before it, by "
                f"{', '.join(TIME_MODELS)} (--model). [default: rows have no order]",
            ),
            click.option(
                "--series",
                metavar="COLUMN",
                help="With --time. Column that tells several series apart.",
            ),
            click.option(
                "--past",
                type=click.IntRange(1),
                help=f"With --time. Number of steps a row is given. [default: {PAST}]",
            ),
            click.option(
                "--encoder",
                type=click.Choice(ENCODERS),
                help="With --time. Network that reads the past. [default: gru]",
            ),
        ]
    ):
        command = option(command)
    return command


def quantiles_of(_: Any, __: Any, value: str | None) -> tuple[float, ...]:
    """Parse ``0.05,0.5,0.95`` as numbers between 0 and 1."""
    try:
        levels = tuple(float(level) for level in value.split(",")) if value else ()
    except ValueError:
        levels = (2.0,)
    if any(not 0 <= level <= 1 for level in levels):
        raise click.BadParameter(f"{value!r} is not a list of numbers from 0 to 1 such as 0.1,0.9")
    return levels


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
