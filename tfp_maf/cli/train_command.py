"""The command `train`: options of each kind of target, and the way to it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from tfp_maf.cli import needed
from tfp_maf.cli.options import (
    AUDIO,
    AUDIO_NORMAL,
    AUDIO_WORD,
    ENCODERS,
    PAST,
    SEED,
    TABLE_MODELS,
    TIME_MODELS,
    hidden_units_of,
    names_of,
    positive,
    reading_options,
    split_of,
    table_options,
    time_options,
)
from tfp_maf.data_prep.reading.reading import Reading
from tfp_maf.experiments.settings import GAS, GAS_AS_THE_POST, Experiment
from tfp_maf.experiments.table_options import TableOptions, read_schema
from tfp_maf.utils import console

PAPER = Experiment()  # its defaults are those of gas and power, which the help texts quote


@click.command()
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

    Tables are .csv, .tsv, .txt, .json, .jsonl, .parquet, .feather, .xlsx, .dta, .npy and .npz files
    and some others, also compressed; - is standard input. What is left out of a table is printed.

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
            needed.need("tensorboard", "tensorboard")
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
        return needed.audio().train_audio(**(AUDIO_WORD | of_audio), data=data, **common)
    of_words = [*(set(of_audio) - set(AUDIO_NORMAL)), *(["data"] if data is not None else [])]
    if of_words:
        name = sorted(of_words)[0].replace("_", "-")
        raise click.UsageError(f"--{name} does not apply to `train audio --normal`")
    needed.audio()
    from tfp_maf.audio.train_machines import train_machines

    return train_machines(normal, **(AUDIO_NORMAL | of_audio), **common)


def _train(job: Any, **options: Any) -> int:
    """Load the rows before TensorFlow is imported: what is wrong with them is said at once."""
    from tfp_maf.experiments.prepare import prepare

    if not job.distribute:  # TensorFlow knows which worker this is
        job = dataclasses.replace(job, prepared=prepare(job))
    return needed.training().train(job, **options)


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
    console.import_tensorflow()
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
