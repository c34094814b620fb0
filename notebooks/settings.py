"""How large the notebooks' experiments are: in full, or small with TFP_MAF_NOTEBOOKS=small.

Import it first: it also keeps TensorFlow from greeting in the notebook.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib_inline.backend_inline import set_matplotlib_formats

from tfp_maf.utils import console

VARIABLE = "TFP_MAF_NOTEBOOKS"


@dataclass(frozen=True)
class Size:
    """Rows, epochs and networks.

    Attributes:
        moons: rows of the two moons, and epochs on them.
        known: rows of the moons on which batch norm is tried, and epochs on them.
        gas_rows: of the stand-in for the gas sensors.
        gas_epochs: most until the stopping rule ends it; and for each of the variants.
        gas_post_epochs: of the post's loop.
        gas_network: layers and hidden units.
        recordings: whether real ones are used where they are, or made-up words only.
        speakers: of the made-up words.
        audio_epochs: by the post's recipe, and by the one that works.
        mnist_epochs: of each MAF on digits.
        mnist_network: layers and hidden units.
        digits_epochs: of each model of scikit-learn's digits.
        digits_features: of their Gated PixelCNN.
        tarflow_epochs: of TarFlow on scikit-learn's digits.
        tarflow_network: blocks, layers per block, and width.
        time_rows: of the stand-in for the gas sensors, in time order.
        time_epochs: most of each density of them.
    """

    moons: tuple[int, int] = (10_000, 40)
    known: tuple[int, int] = (10_000, 8)
    gas_rows: int = 24_000
    gas_epochs: tuple[int, int] = (1000, 4)
    gas_post_epochs: int = 4
    gas_network: tuple[int, tuple[int, ...]] = (10, (100, 100))
    recordings: bool = True
    speakers: int = 80
    audio_epochs: tuple[int, int] = (20, 24)
    mnist_epochs: int = 6
    mnist_network: tuple[int, tuple[int, ...]] = (5, (512,))
    digits_epochs: int = 15
    digits_features: int = 24
    tarflow_epochs: int = 80
    tarflow_network: tuple[int, int, int] = (3, 1, 32)
    time_rows: int = 10_500
    time_epochs: int = 26


def data(name: str, *, download: bool = False) -> Path | None:
    """The folder of a real data set, or None: ``../data/NAME``, or in ``$TFP_MAF_DATA``.

    With ``download``, it is got from its publisher, to ``../data``, where it is in neither.
    """
    homes = [Path("../data"), *map(Path, filter(None, [os.environ.get("TFP_MAF_DATA")]))]
    found = next((home / name for home in homes if (home / name).is_dir()), None)
    if found is None and download:
        from tfp_maf.data_prep import download as downloads

        found = homes[0] / name
        downloads.download(name, found)
    return found


FULL = Size()
SMALL = Size(
    moons=(500, 2),
    known=(2_000, 1),
    gas_rows=4_000,
    gas_epochs=(2, 1),
    gas_post_epochs=1,
    gas_network=(2, (8, 8)),
    recordings=False,
    speakers=20,
    audio_epochs=(2, 1),
    mnist_epochs=1,
    mnist_network=(1, (8,)),
    digits_epochs=1,
    digits_features=4,
    tarflow_epochs=1,
    tarflow_network=(1, 1, 8),
    time_rows=2_500,
    time_epochs=1,
)
SIZE = SMALL if os.environ.get(VARIABLE) == "small" else FULL
PROGRESS = VARIABLE not in os.environ  # run.py sets it, and keeps no progress bars

pd.set_option("display.max_colwidth", None)
set_matplotlib_formats("png")  # so that figures outside of pyplot are shown
warnings.filterwarnings("ignore", category=DeprecationWarning)  # TFP's own, of NumPy
if SIZE is SMALL:  # where compiling takes longest
    os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")
console.import_tensorflow()
