"""Commands that score, draw or fill rows with a run's model."""

from __future__ import annotations

from pathlib import Path

import click

from tfp_maf.cli import needed
from tfp_maf.cli.options import RUN, SEED, quantiles_of, values_of
from tfp_maf.utils import console


@click.command()
@RUN
@click.argument("data", required=False)
@click.option(
    "--labels",
    metavar="COLUMN",
    help="Column of DATA that is 1 for anomalies: print how well they are found, by this model and "
    "by other detectors.",
)
def evaluate(run: str, data: str | None, labels: str | None) -> int:
    """Print the mean log-likelihood of RUN's test rows, or of the table DATA."""
    of_time = needed.of_time(run, data)
    if of_time is not None and labels is None:
        return needed.time_scoring().evaluate(*of_time, is_own=data is None)
    if data is None:
        if labels is not None:
            raise click.UsageError("--labels needs DATA, a table that has the column")
        return needed.scoring().evaluate_run(run)
    return needed.scoring().evaluate_table(needed.read(run, data, labels=labels))


@click.command()
@RUN
@click.argument("data", nargs=-1, required=True)
@click.option("-o", "--output", required=True, help="CSV or .parquet file, or FOLDER/, to write.")
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="Score on this Dask scheduler's workers, such as tcp://HOST:8786, into a folder. "
    "[default: threads of this process]",
)
def score(run: str, data: tuple[str, ...], output: str, cluster: str | None) -> int:
    """Write the log_prob of each row of the table DATA, in its order and units.

    The rows with the lowest log_prob are the least like RUN's training data.

    Many files, or one larger than memory, are scored in parts into a folder, by threads or by a
    Dask cluster: score RUN *.parquet -o SCORES/. To resume after an interruption, repeat the
    command.
    """
    if len(data) > 1 or cluster is not None or output.endswith("/"):
        if Path(output).suffix and not output.endswith("/"):
            raise click.UsageError(
                f"several files or a cluster need an output folder: -o FOLDER/, not -o {output}"
            )
        needed.need("big", "dask", "distributed", "pyarrow")
        needed.refuse_time(run, "scoring of many files")
        console.import_tensorflow()
        from tfp_maf.experiments.score_many import score_many

        return score_many(run, data, output, cluster=cluster)
    of_time = needed.of_time(run, data[0])
    if of_time is not None:
        return needed.time_scoring().score(*of_time, output)
    source = needed.read(run, data[0])
    return needed.scoring().score(source, output)


@click.command()
@RUN
@click.argument("data")
@click.option(
    "-o",
    "--output",
    help="CSV or .parquet file to write: log_prob, anomaly (1 or 0), and how surprising each "
    "column's value is given the others.",
)
@click.option(
    "--false-alarms",
    default=0.01,
    show_default=True,
    type=click.FloatRange(0.0001, 0.5),
    help="Fraction of RUN's held-out rows that the threshold flags.",
)
@click.option(
    "--window",
    type=click.IntRange(1),
    help="RUN of time series only. Number of steps of a window. [default: the RUN's --past]",
)
def anomalies(
    run: str, data: str, output: str | None, false_alarms: float, window: int | None
) -> int:
    """Find the rows of the table DATA that are unlikely under RUN's flow.

    The threshold is set on RUN's held-out rows: those of validation and test. In time series, rows
    are unlikely given those before them, and so are windows of rows.
    """
    of_time = needed.of_time(run, data)
    if of_time is not None:
        return needed.time_scoring().anomalies(
            *of_time, output, false_alarms=false_alarms, width=window
        )
    if window is not None:
        raise click.UsageError("--window applies to a run of time series only")
    source = needed.read(run, data)
    return needed.scoring().anomalies(source, output, false_alarms=false_alarms)


@click.command()
@RUN
@click.option(
    "-n", "n", default=1000, show_default=True, type=click.IntRange(1), help="Number of rows."
)
@SEED
@click.option(
    "--given",
    multiple=True,
    callback=values_of,
    metavar="COLUMN=VALUE,...",
    help="Values of the columns that RUN was trained to be given; may be repeated.",
)
@click.option("-o", "--output", required=True, help="CSV or .parquet file to write.")
def sample(run: str, n: int, seed: int, given: dict[str, str] | None, output: str) -> int:
    """Draw rows from RUN's model, in the columns, units and categories of its data."""
    needed.refuse_time(run, "sample")
    return needed.scoring().sample(run, n, seed, output, given=given)


@click.command()
@RUN
@click.argument("data")
@click.option(
    "--draws", default=1, show_default=True, type=click.IntRange(1), help="Fillings of each row."
)
@SEED
@click.option("-o", "--output", required=True, help="CSV or .parquet file to write.")
def fill(run: str, data: str, draws: int, seed: int, output: str) -> int:
    """Draw the missing cells of the table DATA from RUN's model, given the cells that are there."""
    source = needed.read(run, data)
    return needed.scoring().fill(source, output, seed=seed, draws=draws)


@click.command()
@RUN
@click.argument("data", required=False)
@click.option(
    "--steps", default=48, show_default=True, type=click.IntRange(1), help="Number of steps."
)
@click.option(
    "--paths", default=500, show_default=True, type=click.IntRange(1), help="Number of paths."
)
@click.option(
    "--quantiles",
    callback=quantiles_of,
    metavar="LEVEL,LEVEL",
    help="Write these quantiles of the paths, such as 0.05,0.5,0.95, in place of the paths.",
)
@SEED
@click.option("-o", "--output", required=True, help="CSV or .parquet file to write.")
def forecast(
    run: str,
    data: str | None,
    steps: int,
    paths: int,
    quantiles: tuple[float, ...],
    seed: int,
    output: str,
) -> int:
    """Draw paths that continue each series of the table DATA, by a RUN trained with --time.

    DATA is the table that RUN was trained on by default. Columns that RUN was trained to be given
    must be there for the steps to forecast: rows at the end with these columns only.
    """
    of_time = needed.of_time(run, data)
    if of_time is None:
        raise ValueError(f"{run} is not a run of time series: train with --time to forecast")
    return needed.time_scoring().forecast(
        *of_time, output, steps=steps, paths=paths, quantiles=quantiles, seed=seed
    )
