"""Commands of ``tfp-maf``: train a flow on a table, score rows, draw samples.

This module only parses arguments; TensorFlow is imported when a command needs it.
"""

from __future__ import annotations

import dataclasses
import signal
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

import tfp_maf
from tfp_maf.cli.options import (
    AUDIO,
    AUDIO_NORMAL,
    AUDIO_WORD,
    DATASETS,
    ENCODERS,
    MODELS,
    PAST,
    RECORDINGS,
    REPRODUCED,
    RUN,
    SEED,
    TABLE_MODELS,
    TIME_MODELS,
    hidden_units_of,
    models_of,
    names_of,
    positive,
    quantiles_of,
    reading_options,
    split_of,
    table_options,
    time_options,
    values_of,
)
from tfp_maf.data_prep.reading import Reading
from tfp_maf.experiments.settings import GAS, GAS_AS_THE_POST, Experiment
from tfp_maf.experiments.table_options import TableOptions, read_schema
from tfp_maf.utils import console

PAPER = Experiment()  # its defaults are those of gas and power, which the help texts quote


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tfp_maf.__version__, prog_name="tfp-maf")
def cli() -> None:
    """Train masked autoregressive flows on tables, score rows and draw samples.

    To see everything work without data of your own, run `tfp-maf train gas`.
    """
    console.show(True)


@cli.command()
@click.argument("target")
@click.option(
    "--data",
    help="File or folder with the data of gas or power, or the recordings of audio. "
    "[default: data/TARGET or data; audio, and gas without a file there: simulated data]",
)
@click.option(
    "--out",
    help="Folder to create for the run. [default: runs/NAME, named after TARGET; audio: "
    "runs/audio_WORD_RECIPE]",
)
@click.option(
    "--drop",
    multiple=True,
    callback=names_of,
    metavar="COLUMN,COLUMN",
    help="Leave these columns out of the table; may be repeated.",
)
@click.option(
    "--weight", metavar="COLUMN", help="Column of a table with each row's weight in training."
)
@table_options
@time_options
@reading_options
@click.option("--resume", is_flag=True, help="Resume the interrupted training run in --out.")
@click.option(
    "--distribute", is_flag=True, help="Train together with the other workers listed in TF_CONFIG."
)
@click.option("--tensorboard", is_flag=True, help="Write TensorBoard logs to the run folder.")
@click.option("--quiet", "is_quiet", is_flag=True, help="Print errors only.")
@click.option("--json", "as_json", is_flag=True, help="Print the metrics only, as JSON.")
@SEED
@click.option(
    "--num-layers",
    type=click.IntRange(1),
    help=f"Number of autoregressive layers of a MAF. [default: {PAPER.num_layers}]",
)
@click.option(
    "--hidden-units",
    callback=hidden_units_of,
    metavar="N,N",
    help="Number of units in each hidden layer, comma-separated. "
    f"[default: {','.join(map(str, PAPER.hidden_units))}; tables: depends on the model]",
)
@click.option(
    "--activation",
    help=f"Keras activation, such as tanh or relu. [default: {PAPER.activation}; tables: "
    "depends on the model]",
)
@click.option(
    "--learning-rate",
    callback=positive,
    type=float,
    help="Learning rate of Adam. "
    f"[default: {PAPER.learning_rate:g}; gas: {GAS.learning_rate:g}; audio: 0.001]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(2),
    help=f"Number of rows per step. [default: {PAPER.batch_size}; tables: 16 to 1000, by their "
    "rows; audio: depends on --recipe]",
)
@click.option(
    "--max-epochs",
    type=click.IntRange(1),
    help=f"Maximum number of epochs. [default: {PAPER.max_epochs}; gas with --recipe post: "
    f"{GAS_AS_THE_POST.max_epochs}; audio: depends on --recipe]",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    help="Stop after this many epochs without a better validation score. "
    f"[default: power: {PAPER.patience}; gas: {GAS.patience}; tables: as many as 2,500 steps take, "
    "at least 10; audio: depends on --recipe]",
)
@click.option("--word", help="audio only. Word to recognise. [default: happy]")
@click.option(
    "--recipe",
    type=click.Choice(["post", "aligned", "ratio"]),
    help="gas and audio only. For gas, post: the blog post's columns, split and loop, which prints "
    "a line per 100 batches. For audio, post: the blog post's features; aligned: log-mel aligned "
    "to the word; ratio: aligned, minus a background model, which needs --background. "
    "[default: gas: the paper's settings; audio: aligned]",
)
@click.option(
    "--background",
    callback=lambda _, __, value: None if value is None else tuple(value.split(",")),
    metavar="WORD,WORD",
    help="audio with --recipe ratio only. Words to train the background model on.",
)
@click.option(
    "--noise",
    metavar="FOLDER",
    help="audio only. Recordings of your room without speech, with which the threshold is "
    "calibrated as well. [default: generated noises]",
)
@click.option(
    "--normal",
    metavar="FOLDER",
    help="audio only. Learn the normal sound of machines, instead of a word: a folder of a type of "
    "machine as in DCASE 2020 task 2, or one with a subfolder of recordings per machine.",
)
@click.option(
    "--false-alarms",
    type=click.FloatRange(0.001, 0.5),
    help="audio only. Fraction of the word's clips, or of normal recordings, that may be "
    "rejected. [default: 0.05]",
)
@click.option(
    "--strict",
    is_flag=True,
    default=None,
    help="audio only. Fail on an unreadable recording instead of skipping it.",
)
@click.option(
    "--split",
    callback=split_of,
    metavar="SEED|official",
    help="audio only. Seed of the split by speaker, or `official` for the publisher's lists. "
    "[default: 0]",
)
def train(
    target: str,
    data: str | None,
    out: str | None,
    drop: tuple[str, ...],
    weight: str | None,
    resume: bool,
    distribute: bool,
    tensorboard: bool,
    is_quiet: bool,
    as_json: bool,
    seed: int,
    separator: str | None,
    decimal: str | None,
    encoding: str | None,
    no_header: bool,
    na: tuple[str, ...],
    columns: tuple[str, ...],
    given: tuple[str, ...],
    missing: str,
    schema: str | None,
    continuous: bool,
    models: tuple[str, ...],
    budget: float | None,
    time: tuple[str, ...],
    series: str | None,
    past: int | None,
    encoder: str | None,
    **options: Any,
) -> int:
    """Train a model on TARGET: gas, power, or the path of a table.

    Tables are .csv, .tsv, .txt, .json, .jsonl, .parquet, .feather, .xlsx, .npy and .npz files, also
    compressed; - is standard input. What is left out of a table is printed.

    With --time, rows are modelled in time order, each given those before it; see forecast.

    With TARGET audio, train a detector of one spoken word on recordings named
    WORD/SPEAKER_nohash_N.wav, or on synthetic ones without --data; with --normal, a detector of
    faults on recordings of machines.

    To resume training after Ctrl-C or a kill, repeat the command with --resume; at most ten
    seconds of training are lost.
    """
    console.show(not (is_quiet or as_json))
    settings = {name: value for name, value in options.items() if value is not None}
    of_audio = {name: settings.pop(name) for name in AUDIO if name in settings}
    reading = Reading(separator, decimal, encoding, False if no_header else None, na, columns)
    if time:
        unfit_time = {
            "data": data is not None,
            "weight": weight is not None,
            "distribute": distribute,
            "tensorboard": tensorboard,
            "missing": missing != "auto",
            "schema": schema is not None,
            "continuous": continuous,
        } | dict.fromkeys(of_audio, True)
        for name, is_given in unfit_time.items():
            if is_given:
                raise click.UsageError(f"--{name.replace('_', '-')} does not apply with --time")
        return _train_time(
            target,
            out=out,
            options={
                "time": time, "series": series, "given": given, "drop": drop, "reading": reading
            },
            models=models,
            past=past or PAST,
            encoder=encoder or ENCODERS[0],
            resume=resume,
            settings=settings,
            budget=budget,
            seed=seed,
            as_json=as_json,
        )  # fmt: skip
    only_time = [name for name in models if name not in TABLE_MODELS]
    if only_time:
        raise click.UsageError(f"--model {only_time[0]} needs --time")
    for name, value in (("series", series), ("past", past), ("encoder", encoder)):
        if value is not None:
            raise click.UsageError(f"--{name} needs --time, the column that holds the time")
    if target != "audio":
        recipe = of_audio.pop("recipe", None) if target == "gas" else None
        if recipe is not None:
            _check_post_options(
                recipe,
                patience="patience" in settings,
                resume=resume,
                distribute=distribute,
                tensorboard=tensorboard,
            )
        if of_audio:
            raise click.UsageError(
                f"--{next(iter(of_audio)).replace('_', '-')} applies to `train audio` only"
            )
        if tensorboard:
            _need("tensorboard", "tensorboard")
        of_table = TableOptions(
            drop,
            weight,
            given,
            missing,  # type: ignore[arg-type]
            continuous,
            {} if schema is None else read_schema(schema),
            reading,
        )
        from tfp_maf.experiments.prepare import Job

        job = Job.of(
            target,
            data=data,
            out=out,
            recipe=recipe,
            models=models,
            overrides=settings,
            options=of_table,
            resume=resume,
            distribute=distribute,
            seed=seed,
        )
        return _train(job, budget=budget, tensorboard=tensorboard, as_json=as_json)
    unfit = [name for name in settings if name in ("num_layers", "hidden_units", "activation")]
    unfit += [n for n, value in reading.to_json().items() if value not in (None, [])]
    of_tables = {
        "weight": weight is not None,
        "given": bool(given),
        "missing": missing != "auto",
        "schema": schema is not None,
        "continuous": continuous,
        "model": bool(models),
        "budget": budget is not None,
    }
    unfit += [name for name, is_given in of_tables.items() if is_given]
    unfit += ["drop"] * bool(drop) + ["distribute"] * distribute
    unfit += ["tensorboard"] * tensorboard
    if unfit:
        name = unfit[0].replace("_", "-")
        raise click.UsageError(f"--{name} does not apply to `train audio`")
    common: dict[str, Any] = {
        "out": out,
        "resume": resume,
        "as_json": as_json,
        "seed": seed,
        "options": settings,
    }
    normal = of_audio.pop("normal", None)
    if normal is None:
        return _spoken().train_audio(**(AUDIO_WORD | of_audio), data=data, **common)
    of_words = [*(set(of_audio) - set(AUDIO_NORMAL)), *(["data"] if data is not None else [])]
    if of_words:
        name = sorted(of_words)[0].replace("_", "-")
        raise click.UsageError(f"--{name} does not apply to `train audio --normal`")
    _spoken()
    from tfp_maf.audio.train_machines import train_machines

    return train_machines(normal, **(AUDIO_NORMAL | of_audio), **common)


def _train(job: Any, **options: Any) -> int:
    """Load the rows before TensorFlow is imported: what is wrong with them is said at once."""
    from tfp_maf.experiments.prepare import prepare

    if not job.distribute:  # TensorFlow knows which worker this is
        job = dataclasses.replace(job, prepared=prepare(job))
    return _commands().train(job, **options)


def _train_time(
    target: str,
    *,
    out: str | None,
    options: dict[str, Any],
    models: tuple[str, ...],
    resume: bool,
    settings: dict[str, Any],
    **given: Any,
) -> int:
    """Load a table in time order before TensorFlow is imported, and train on it."""
    if len(models) > 1 or (models and models[0] not in TIME_MODELS):
        raise click.UsageError(f"--model with --time is one of {', '.join(TIME_MODELS)}")
    from tfp_maf.experiments.prepare import cleared_up
    from tfp_maf.experiments.run import Run
    from tfp_maf.experiments.time_run import TimeOptions

    folder = out or Path("runs") / Path(target).stem
    run = Run.resume(folder) if resume else Run.create(folder)
    wanted = TimeOptions(**options)
    with cleared_up(run, is_first=True):
        table = wanted.load(target)
    _commands()
    from tfp_maf.experiments.time_train import train as train_on

    conditional = models[0] if models else TIME_MODELS[0]
    return train_on(run, table, wanted, conditional=conditional, settings=settings, **given)


def _check_post_options(recipe: str, **given: bool) -> None:
    """Raise UsageError for a recipe that gas does not have, or an option that it does not take."""
    if recipe != "post":
        raise click.UsageError(f"--recipe {recipe} applies to `train audio` only")
    for name, is_given in given.items():
        if is_given:
            raise click.UsageError(f"--{name} does not apply to `train gas --recipe post`")


@cli.command()
@click.argument(
    "dataset", metavar="DATASET", type=click.Choice([*DATASETS, *RECORDINGS, "prepared"])
)
@click.option("--to", help="Folder to write to. [default: data/DATASET; prepared: data]")
def download(dataset: str, to: str | None) -> int:
    """Download DATASET from its publisher.

    The paper's data sets are power, gas, hepmass, miniboone, bsds300, mnist and cifar10;
    "prepared" is all seven as prepared by the paper's authors. Recordings are
    speech_commands_v0.01 and speech_commands_v0.02 (words) and fsdd (spoken digits).

    To resume an interrupted download, repeat the command.
    """
    from tfp_maf.data_prep.download import download
    from tfp_maf.data_prep.sources import SOURCES

    folder = to or ("data" if dataset == "prepared" else f"data/{dataset}")
    click.echo(f"licence: {SOURCES[dataset].licence}")
    for path in download(dataset, folder, progress=True):
        click.echo(path)
    return 0


@cli.command()
@click.argument("dataset", metavar="DATASET", type=click.Choice(REPRODUCED))
@click.option("--data", help="Folder with the files of DATASET. [default: data/DATASET]")
@click.option(
    "--out",
    help="Folder to write to; models already in it are not trained again. "
    "[default: results/DATASET]",
)
@click.option(
    "--models",
    callback=models_of,
    metavar="NAME,NAME",
    help=f"Models to train, comma-separated: {', '.join(MODELS)}. Append _conditional to "
    "condition a model on labels. [default: all unconditional models that suit DATASET]",
)
@SEED
@click.option(
    "--hidden-units",
    callback=hidden_units_of,
    metavar="N,N",
    help="Number of units in each hidden layer, comma-separated. [default: 100,100 for power and "
    "gas; 1024 for mnist and cifar10; otherwise 512,512; models of images have their own]",
)
@click.option(
    "--activation",
    help="Keras activation of all models but Real NVP and TarFlow, such as tanh or relu. "
    "[default: tanh for gas; otherwise relu]",
)
@click.option(
    "--log-scale-bound",
    callback=positive,
    type=float,
    help="Bound on each layer's log scale, in nats, of all models but TarFlow. [default: 2 for "
    "mnist and cifar10; otherwise 30 / number of layers, at most 8]",
)
@click.option(
    "--learning-rate",
    callback=positive,
    type=float,
    help="Learning rate of Adam, for all models. [default: 0.001 for MADE, 0.0005 for neural "
    "splines, otherwise 0.0001; 0.001 for TarFlow and 0.002 or 0.003 for other models of images, "
    "falling to 0]",
)
@click.option(
    "--clip-norm",
    callback=positive,
    type=float,
    help="Clip gradients to this global norm. [default: 1 for TarFlow, otherwise no clipping]",
)
@click.option(
    "--max-epochs",
    type=click.IntRange(1),
    help="Maximum number of epochs. [default: 1000; 16 for TarFlow, 40 for other models of images]",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    help="Stop after this many epochs without a better validation score. [default: 30]",
)
@click.option(
    "--redraw",
    is_flag=True,
    default=None,
    help="mnist_binary: binarise the training images anew for each epoch. [default: once]",
)
def reproduce(
    dataset: str,
    data: str | None,
    out: str | None,
    models: tuple[str, ...],
    seed: int,
    hidden_units: tuple[int, ...] | None,
    activation: str | None,
    log_scale_bound: float | None,
    **options: Any,
) -> int:
    """Train the paper's models on DATASET and tabulate the results beside the published ones.

    DATASET is power, gas, hepmass, miniboone, bsds300, mnist or cifar10. Models of images also take
    mnist_binary (MNIST in black and white) and digits (of scikit-learn, without a download).

    To resume after an interruption, repeat the command.
    """
    networks = {
        "hidden_units": hidden_units,
        "activation": activation,
        "log_scale_bound": log_scale_bound,
    }
    _commands()
    from tfp_maf.paper.reproduce import reproduce as run

    return run(
        dataset,
        data=data,
        out=out,
        models=models,
        seed=seed,
        networks={name: value for name, value in networks.items() if value is not None},
        options={name: value for name, value in options.items() if value is not None},
    )


@cli.command()
@RUN
@click.argument("files", nargs=-1, required=True)
@click.option(
    "--rate",
    default=16_000,
    show_default=True,
    type=click.IntRange(8_000, 48_000),
    help="Sample rate of standard input, in Hz.",
)
def listen(run: str, files: tuple[str, ...], rate: int) -> int:
    """Tell whether FILES hold the word of a RUN of `train audio`, and when.

    FILES are WAV, FLAC, OGG, MP3 or AIFF; - is standard input, raw samples of 16 bits, one channel.
    """
    _spoken()
    from tfp_maf.audio.listen import listen as run_listen

    return run_listen(run, files, rate=rate)


def _need(extra: str, *packages: str) -> None:
    """Raise ValueError if a package of an optional extra is not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise ValueError(f"{missing[0]} is missing: pip install 'tfp_maf[{extra}]'")


def _spoken() -> Any:
    _need("audio", "soundfile", "scipy", "sklearn")
    _commands()
    from tfp_maf.audio import train as spoken

    return spoken


@cli.command()
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
    of_time = _of_time(run, data)
    if of_time is not None and labels is None:
        return _time_scoring().evaluate(*of_time, is_own=data is None)
    if data is None:
        if labels is not None:
            raise click.UsageError("--labels needs DATA, a table that has the column")
        return _scoring().evaluate_run(run)
    return _scoring().evaluate_table(_read(run, data, labels=labels))


@cli.command()
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
        _need("big", "dask", "distributed", "pyarrow")
        _refuse_time(run, "scoring of many files")
        _commands()
        from tfp_maf.experiments.score_many import score_many

        return score_many(run, data, output, cluster=cluster)
    of_time = _of_time(run, data[0])
    if of_time is not None:
        return _time_scoring().score(*of_time, output)
    source = _read(run, data[0])
    return _scoring().score(source, output)


@cli.command()
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
    of_time = _of_time(run, data)
    if of_time is not None:
        return _time_scoring().anomalies(*of_time, output, false_alarms=false_alarms, width=window)
    if window is not None:
        raise click.UsageError("--window applies to a run of time series only")
    source = _read(run, data)
    return _scoring().anomalies(source, output, false_alarms=false_alarms)


@cli.command()
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
    _refuse_time(run, "sample")
    return _scoring().sample(run, n, seed, output, given=given)


@cli.command()
@RUN
@click.argument("data")
@click.option(
    "--draws", default=1, show_default=True, type=click.IntRange(1), help="Fillings of each row."
)
@SEED
@click.option("-o", "--output", required=True, help="CSV or .parquet file to write.")
def fill(run: str, data: str, draws: int, seed: int, output: str) -> int:
    """Draw the missing cells of the table DATA from RUN's model, given the cells that are there."""
    source = _read(run, data)
    return _scoring().fill(source, output, seed=seed, draws=draws)


@cli.command()
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
    of_time = _of_time(run, data)
    if of_time is None:
        raise ValueError(f"{run} is not a run of time series: train with --time to forecast")
    return _time_scoring().forecast(
        *of_time, output, steps=steps, paths=paths, quantiles=quantiles, seed=seed
    )


@cli.command()
@RUN
def plot(run: str) -> int:
    """Redraw RUN's figures: learning curve, samples over data, noise; of time series, a fan."""
    of_time = _of_time(run, None)
    if of_time is not None:
        return _time_scoring().plot(*of_time)
    return _commands().plot(run)


@cli.command()
@RUN
@click.option(
    "-o", "--output", metavar="FILE", help="HTML file to write. [default: RUN/report.html]"
)
def report(run: str, output: str | None) -> int:
    """Write one HTML page that shows how good RUN's model is, in figures and numbers.

    The page needs no other file and no network. It is about the data that RUN was trained on; if
    they are gone, the parts that need them are left out.
    """
    from tfp_maf.experiments.time_run import is_time_run

    _commands()
    if is_time_run(run):
        from tfp_maf.experiments.time_page import write_page as write_time_page

        return write_time_page(run, output)
    from tfp_maf.experiments.page import write_page

    return write_page(run, output)


def _read(run: str, data: str, **options: Any) -> Any:
    """Read a table before TensorFlow is imported: what is wrong with it is said at once."""
    _refuse_time(run, "this command")
    from tfp_maf.experiments import table_input

    return table_input.read(run, data, **options)


def _of_time(run: str, data: str | None) -> tuple[Any, Any] | None:
    """Return a run of time series and a table in time order, or None for any other run."""
    from tfp_maf.experiments import time_run

    if not time_run.is_time_run(run):
        return None
    opened = time_run.TimeRun.open(run)
    return opened, opened.read(data)


def _refuse_time(run: str, command: str) -> None:
    from tfp_maf.experiments import time_run

    time_run.refuse(run, command)


def _time_scoring() -> Any:
    _commands()
    from tfp_maf.experiments import time_score

    return time_score


def _commands() -> Any:
    console.import_tensorflow()
    from tfp_maf.experiments import train as commands

    return commands


def _scoring() -> Any:
    _commands()
    from tfp_maf.experiments import score as scoring

    return scoring


def main() -> None:
    """Run a command and exit; report a user's error in one line on standard error, status 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # stop and save, as on Ctrl-C
    sys.exit(_status(lambda: cli.main(standalone_mode=False)))


def _status(run: Callable[[], int | None]) -> int:
    try:
        return run() or 0
    except click.ClickException as error:
        error.show()
    except (ValueError, OSError) as error:
        print(f"tfp-maf: {' '.join(str(error).split())}", file=sys.stderr)
    except (KeyboardInterrupt, click.Abort):
        print("tfp-maf: interrupted", file=sys.stderr)
        return 130
    return 2
