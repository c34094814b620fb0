"""BSDS300 data of the paper: 8 x 8 patches of natural images.

The Berkeley segmentation data set (Martin et al. 2001) has 200 training and 100 test photographs,
``images/train/*.jpg`` and ``images/test/*.jpg``. The paper's authors also published the patches
that they drew, ``BSDS300.hdf5``. Patches are prepared as described in Papamakarios et al. 2017
(arXiv 1705.07057), appendix D, which follows Zoran and Weiss 2011 and Uria et al. 2013.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import h5py
import numpy as np
from PIL import Image, UnidentifiedImageError

from tfp_maf.data_prep import text_files
from tfp_maf.data_prep.images import LEVELS
from tfp_maf.data_prep.splits import Scaler, Splits

PREPARED = "BSDS300.hdf5"
PARTS = ("train", "validation", "test")
SIDE = 8
ROWS = {"train": 1_000_000, "validation": 50_000, "test": 250_000}
VALIDATION_IMAGES = 0.1  # fraction of the training images


def load(folder: str | Path, *, rows: dict[str, int] | None = None, seed: int = 42) -> Splits:
    """Load the authors' patches, or draw patches from the images.

    A patch consists of grey levels between 0 and 1, dequantised by uniform noise of one level,
    minus their mean. Its pixels then sum to zero, so the last one is dropped. The last tenth of the
    training images, by name, is used for validation patches only.

    Args:
        folder: Folder that contains ``BSDS300.hdf5`` or ``images/``.
        rows: Number of patches in each part; by default those of the paper, 1,000,000, 50,000 and
            250,000. Ignored if the authors' patches are loaded.
        seed: Seed for the positions of the patches and for the noise.

    Returns:
        Rows of 63 pixels, not standardised.

    Raises:
        OSError: If the folder contains neither.
        ValueError: If a file is damaged, or an image is smaller than a patch.
    """
    folder = Path(folder)
    if (folder / PREPARED).is_file():
        parts, source = _read_prepared(folder / PREPARED), folder / PREPARED
    else:
        parts, source = _draw(folder, rows or ROWS, np.random.default_rng(seed)), folder
    pixels = parts["train"].shape[1]
    columns = tuple(f"pixel_{i // SIDE}_{i % SIDE}" for i in range(pixels))
    scaler = Scaler(columns, np.zeros(pixels), np.ones(pixels))
    train, validation, test = (parts[part] for part in PARTS)
    return Splits(train, validation, test, scaler=scaler, source=str(source))


def _read_prepared(path: Path) -> dict[str, np.ndarray]:
    parts = {}
    try:
        with h5py.File(path) as file:
            for part in PARTS:
                parts[part] = np.empty(file[part].shape, np.float32)
                file[part].read_direct(parts[part])
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise ValueError(f"{path} is damaged, or not the authors' file: {error}") from None
    widths = {x.shape[1:] for x in parts.values()}
    if widths != {(SIDE * SIDE - 1,)}:
        raise ValueError(
            f"{path} should hold rows of {SIDE * SIDE - 1} pixels, but they have shapes {widths}"
        )
    return parts


def _draw(folder: Path, rows: dict[str, int], rng: np.random.Generator) -> dict[str, np.ndarray]:
    found = [folder / inner for inner in ("images", "BSDS300/images") if (folder / inner).is_dir()]
    if not found:
        raise FileNotFoundError(
            f"{folder} has neither {PREPARED} nor images/; download the images with: "
            f"tfp-maf download bsds300 --to {folder}"
        )
    train, test = (sorted((found[0] / part).glob("*.jpg")) for part in ("train", "test"))
    if len(train) < 2 or not test:
        counts = f"{len(train)} train/*.jpg and {len(test)} test/*.jpg"
        raise FileNotFoundError(f"{found[0]} has {counts}, too few for all three parts")
    n_validation = max(1, round(len(train) * VALIDATION_IMAGES))
    images = {"train": train[:-n_validation], "validation": train[-n_validation:], "test": test}
    return {part: patches(images[part], rows[part], rng) for part in PARTS}


def patches(paths: Sequence[Path], count: int, rng: np.random.Generator) -> np.ndarray:
    """Draw ``count`` patches ``[count, 63]`` in random order.

    The numbers of patches per image differ by at most one.
    """
    x = np.empty([count, SIDE * SIDE - 1], np.float32)
    places = rng.permutation(count)
    for path, of_image in zip(paths, np.array_split(places, len(paths)), strict=True):
        image = _grey(path)
        rows, columns = (rng.integers(0, size - SIDE + 1, len(of_image)) for size in image.shape)
        windows = np.lib.stride_tricks.sliding_window_view(image, (SIDE, SIDE))
        patch = windows[rows, columns].reshape(-1, SIDE * SIDE)
        patch = (patch + rng.random(patch.shape)) / LEVELS
        x[of_image] = (patch - patch.mean(axis=1, keepdims=True))[:, :-1]
    return x


def _grey(path: Path) -> np.ndarray:
    """Read an image's grey levels, 0 to 255, ``[height, width]``."""
    text_files.require_file(path)
    try:
        with Image.open(path) as image:
            grey = np.asarray(image.convert("L"), np.float64)
    except (UnidentifiedImageError, OSError) as error:
        raise ValueError(f"{path} is damaged, or not an image: {error}") from None
    if min(grey.shape) < SIDE:
        raise ValueError(f"{path} is smaller than {SIDE} x {SIDE} pixels")
    return grey
