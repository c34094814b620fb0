"""Commands about the paper's data and protocol: `download` and `reproduce`."""

from __future__ import annotations

from typing import Any

import click

from tfp_maf.cli.options import (
    DATASETS,
    MODELS,
    RECORDINGS,
    REPRODUCED,
    SEED,
    hidden_units_of,
    models_of,
    positive,
)
from tfp_maf.utils import console


@click.command()
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


@click.command()
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
    "condition a model on labels. [default: all unconditional flows; of mnist_binary and digits "
    "all models of images]",
)
@SEED
@click.option(
    "--hidden-units",
    callback=hidden_units_of,
    metavar="N,N",
    help="Number of units in each hidden layer, comma-separated. [default: 100,100 for power and "
    "gas; 1024 for images; otherwise 512,512; models of images have their own]",
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
    "images; otherwise 30 / number of layers, at most 8]",
)
@click.option(
    "--learning-rate",
    callback=positive,
    type=float,
    help="Learning rate of Adam, for all models. [default: 0.001 for MADE, 0.0005 for neural "
    "splines, otherwise 0.0001; 0.001 to 0.008, falling to 0, for TarFlow and other models of "
    "images]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(2),
    help="Number of rows per step. [default: 100; 50 for TarFlow and PixelCNNs]",
)
@click.option(
    "--clip-norm",
    callback=positive,
    type=float,
    help="Clip gradients to this global norm. [default: 1 for TarFlow, 200 for other models of "
    "images, otherwise no clipping]",
)
@click.option(
    "--max-epochs",
    type=click.IntRange(1),
    help="Maximum number of epochs. [default: 1000; 16 for TarFlow, 40 for other models of images]",
)
@click.option(
    "--patience",
    type=click.IntRange(1),
    help="Stop after this many epochs without a better validation score. [default: 30; never for "
    "TarFlow and other models of images]",
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

    DATASET is power, gas, hepmass, miniboone, bsds300, mnist or cifar10; or imagenet64, whose files
    only its publisher has. Models of images also take mnist_binary (MNIST in black and white) and
    digits (of scikit-learn, without a download).

    To resume after an interruption, repeat the command.
    """
    networks = {
        "hidden_units": hidden_units,
        "activation": activation,
        "log_scale_bound": log_scale_bound,
    }
    console.import_tensorflow()
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
