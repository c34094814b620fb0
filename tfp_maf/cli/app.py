"""``tfp-maf``: train a flow on a table, score rows, draw samples.

Only parsing happens here; what takes TensorFlow is imported when a command runs.
"""

from __future__ import annotations

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
    DATASETS,
    MODELS,
    RECORDINGS,
    RUN,
    SEED,
    hidden_units_of,
    models_of,
    positive,
    split_of,
)
from tfp_maf.utils import console


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(tfp_maf.__version__, prog_name="tfp-maf")
def cli() -> None:
    """Masked autoregressive flows: train on a table, score rows, draw samples.

    `tfp-maf train gas` shows it all, without any data of yours.
    """
    console.show(True)


@cli.command()
@click.argument("target")
@click.option("--data", help="The experiment's raw file, or the folder it is in. [default: data/]")
@click.option("--out", help="A new folder for the run. [default: runs/TARGET]")
@click.option("--drop", multiple=True, metavar="COLUMN", help="Leave out a table's column.")
@click.option("--resume", is_flag=True, help="Go on with the training that --out holds.")
@click.option(
    "--distribute", is_flag=True, help="Train together with the other workers that TF_CONFIG names."
)
@click.option("--tensorboard", is_flag=True, help="Write logs for TensorBoard into the run.")
@click.option("--quiet", "is_quiet", is_flag=True, help="Print nothing but errors.")
@click.option("--json", "as_json", is_flag=True, help="Print nothing but the metrics, as JSON.")
@SEED
@click.option("--num-layers", type=click.IntRange(1), help="Autoregressive layers.")
@click.option("--hidden-units", callback=hidden_units_of, metavar="N,N", help="Such as 100,100.")
@click.option("--activation", help="Keras's name of it, such as tanh or relu.")
@click.option("--learning-rate", callback=positive, type=float, help="Adam's.")
@click.option("--batch-size", type=click.IntRange(2), help="Rows a step.")
@click.option("--max-epochs", type=click.IntRange(1), help="The most epochs.")
@click.option("--patience", type=click.IntRange(1), help="Epochs without progress before the end.")
@click.option("--word", help="audio: the word to recognise. [default: happy]")
@click.option(
    "--recipe",
    type=click.Choice(["post", "aligned", "ratio"]),
    help="audio: the post's; the word aligned; less a background. [default: aligned]",
)
@click.option(
    "--background",
    callback=lambda _, __, value: None if value is None else tuple(value.split(",")),
    metavar="WORD,WORD",
    help="audio, ratio: other words as background. [default: the word, scrambled]",
)
@click.option(
    "--false-alarms",
    type=click.FloatRange(0.001, 0.5),
    help="audio: share of the word's clips that may be refused. [default: .05]",
)
@click.option("--strict", is_flag=True, default=None, help="audio: refuse unreadable recordings.")
@click.option(
    "--split",
    callback=split_of,
    metavar="SEED|official",
    help="audio: seed of the split by speaker, or the publisher's lists. [default: 0]",
)
def train(
    target: str,
    data: str | None,
    out: str | None,
    drop: tuple[str, ...],
    resume: bool,
    distribute: bool,
    tensorboard: bool,
    is_quiet: bool,
    as_json: bool,
    seed: int,
    **options: Any,
) -> int:
    """Train a flow on TARGET: gas, power, or a table's path (.csv, .tsv, .parquet, .npy).

    Or on `audio`: recordings of one spoken word, WORD/SPEAKER_nohash_N.wav, to flag what is
    not that word; without --data, on made-up ones.

    Options not given are the experiment's own. Interrupted, by Ctrl-C or a kill, the same
    command with --resume goes on where it was, at most ten seconds back.
    """
    console.show(not (is_quiet or as_json))
    given = {name: value for name, value in options.items() if value is not None}
    of_audio = {name: given.pop(name) for name in AUDIO if name in given}
    if target != "audio":
        if of_audio:
            raise click.UsageError(
                f"--{next(iter(of_audio)).replace('_', '-')} is for `train audio`"
            )
        if tensorboard:
            _need("tensorboard", "tensorboard")
        return _commands().train(
            target,
            data=data,
            out=out,
            drop=drop,
            resume=resume,
            distribute=distribute,
            tensorboard=tensorboard,
            as_json=as_json,
            seed=seed,
            overrides=given,
        )
    unfit = [name for name in given if name in ("num_layers", "hidden_units", "activation")]
    unfit += ["drop"] * bool(drop) + ["resume"] * resume + ["distribute"] * distribute
    unfit += ["tensorboard"] * tensorboard
    if unfit:
        name = unfit[0].replace("_", "-")
        raise click.UsageError(f"--{name} is not for `train audio`")
    return _spoken().train_audio(
        **(AUDIO | of_audio), data=data, out=out, as_json=as_json, seed=seed, options=given
    )


@cli.command()
@click.argument(
    "dataset", metavar="DATASET", type=click.Choice([*DATASETS, *RECORDINGS, "prepared"])
)
@click.option("--to", help="The folder. [default: data/DATASET, data for prepared]")
def download(dataset: str, to: str | None) -> int:
    """Get DATASET from its publisher: power, gas, hepmass, miniboone, bsds300, mnist, cifar10;
    speech_commands_v0.01 or _v0.02, recordings of words; fsdd, spoken digits.

    "prepared" is the first seven, as the paper's authors prepared them.

    A broken transfer goes on where it was when the command is given again.
    """
    from data_prep.download import download
    from data_prep.sources import SOURCES

    folder = to or ("data" if dataset == "prepared" else f"data/{dataset}")
    click.echo(f"licence: {SOURCES[dataset].licence}")
    for path in download(dataset, folder, progress=True):
        click.echo(path)
    return 0


@cli.command()
@click.argument("dataset", metavar="DATASET", type=click.Choice(DATASETS))
@click.option("--data", help="The folder with its files. [default: data/DATASET]")
@click.option("--out", help="A folder; the same one again goes on. [default: results/DATASET]")
@click.option(
    "--models",
    callback=models_of,
    metavar="NAME,NAME",
    help=f"Some of {', '.join(MODELS)}, or with _conditional. [default: all unconditional]",
)
@SEED
@click.option("--hidden-units", callback=hidden_units_of, metavar="N,N", help="Such as 512,512.")
@click.option("--activation", help="Of all but Real NVP: Keras's name, such as relu.")
@click.option(
    "--log-scale-bound", callback=positive, type=float, help="Nats that a layer may scale by."
)
@click.option("--learning-rate", callback=positive, type=float, help="Adam's, for all models.")
@click.option("--clip-norm", callback=positive, type=float, help="The most that gradients have.")
@click.option("--max-epochs", type=click.IntRange(1), help="The most epochs.")
@click.option("--patience", type=click.IntRange(1), help="Epochs without progress before the end.")
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
    """Train the paper's models on DATASET and write its table, ours beside the published one.

    DATASET: power, gas, hepmass, miniboone, bsds300, mnist or cifar10.

    Interrupted, the same command goes on where it was.
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
def listen(run: str, files: tuple[str, ...]) -> int:
    """Score WAV FILES with a RUN of `train audio`: the word, or not."""
    return _spoken().listen(run, files)


def _need(extra: str, *packages: str) -> None:
    """Raises ValueError where a package of an extra is not installed."""
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
def evaluate(run: str, data: str | None) -> int:
    """Print the mean log-likelihood of RUN's test rows, or of the table DATA."""
    return _scoring().evaluate_run(run, data)


@cli.command()
@RUN
@click.argument("data", nargs=-1, required=True)
@click.option("-o", "--output", required=True, help="The CSV to write, or the FOLDER/.")
@click.option("--cluster", metavar="ADDRESS", help="A Dask scheduler's; writes a folder.")
def score(run: str, data: tuple[str, ...], output: str, cluster: str | None) -> int:
    """Write a log_prob for each row of the table DATA, in its order and units.

    The lowest are the rows least like what RUN was trained on.

    Many files, or one larger than memory, are scored in parts into a folder, on this machine's
    threads or a Dask cluster: score RUN *.parquet -o SCORES/. Interrupted, the same command goes
    on.
    """
    if len(data) > 1 or cluster is not None or output.endswith("/"):
        if Path(output).suffix and not output.endswith("/"):
            raise click.UsageError(
                f"several files, or a cluster, write a folder: -o FOLDER/, not -o {output}"
            )
        _need("big", "dask", "distributed", "pyarrow")
        _commands()
        from tfp_maf.experiments.score_many import score_many

        return score_many(run, data, output, cluster=cluster)
    return _scoring().score(run, data[0], output)


@cli.command()
@RUN
@click.argument("data")
@click.option("-o", "--output", help="A CSV to write: log_prob, and 1 for what does not belong.")
@click.option(
    "--false-alarms",
    default=0.01,
    show_default=True,
    type=click.FloatRange(0.0001, 0.5),
    help="Share of RUN's own rows, held out, that would count as such.",
)
def anomalies(run: str, data: str, output: str | None, false_alarms: float) -> int:
    """Tell which rows of the table DATA do not belong with those that RUN was trained on.

    The threshold comes from the validation rows, so the data of `train` has to be there.
    """
    return _scoring().anomalies(run, data, output, false_alarms=false_alarms)


@cli.command()
@RUN
@click.option("-n", "n", default=1000, show_default=True, type=click.IntRange(1), help="How many.")
@SEED
@click.option("-o", "--output", required=True, help="The CSV to write.")
def sample(run: str, n: int, seed: int, output: str) -> int:
    """Write rows drawn from RUN's flow, in the columns and units of its data."""
    return _scoring().sample(run, n, seed, output)


@cli.command()
@RUN
def plot(run: str) -> int:
    """Draw RUN's figures again: learning curve, samples against data, noise."""
    return _commands().plot(run)


def _commands() -> Any:
    console.import_tensorflow()
    from tfp_maf.experiments import train as commands

    return commands


def _scoring() -> Any:
    _commands()
    from tfp_maf.experiments import score as scoring

    return scoring


def main() -> None:
    """Runs a command; a user's error is one line on standard error and exit status 2."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # it saves what Ctrl-C would
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
