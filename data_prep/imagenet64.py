"""ImageNet in 64 x 64 pixels: 1.28 million colour images of 1,000 classes.

Chrabaszcz, Loshchilov and Hutter 2017 (arXiv 1707.08819) shrank ImageNet's images; its site offers
ten training batches and one for validation, as NumPy archives (``train_data_batch_1.npz``) or as
pickles without an ending, to those who have an account. Most papers about densities used van den
Oord's older reduction (2016a, arXiv 1601.06759), smoothed otherwise: bits per dimension on one are
not comparable with those on the other.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import image_batches, pickles, text_files
from tfp_maf.data_prep.images import ImageSpace
from tfp_maf.data_prep.levels import LevelSpace, image_splits
from tfp_maf.data_prep.splits import Labels, Splits

BATCHES = 10
TRAIN = tuple(f"train_data_batch_{i}" for i in range(1, BATCHES + 1))
TEST = "val_data"
ENDINGS = (".npz", "")
SPACE = ImageSpace(shape=(64, 64, 3), alpha=0.05)
PIXELS = 64 * 64 * 3
NUM_LABELS = 1000
VALIDATION = 10_000


def load(folder: str | Path, *, seed: int = 42) -> Splits:
    """Load the images, dequantised and in logit space as those of CIFAR-10 are.

    Those training batches are read that the folder has, so that fewer fit a smaller machine: an
    image takes 49 KB of memory, all of them 65 GB, and 350 KB each while ``fit`` checks them. The
    last 10,000 of their images, or the last tenth of fewer, are the validation set. The published
    validation images are the test set, as in papers.

    Args:
        folder: Folder that contains the batches, or the folders that they were unpacked to.
        seed: Seed of the dequantisation noise.

    Returns:
        Rows of 12,288 values, with labels from 0 to 999; 1,271,167 / 10,000 / 50,000 rows from the
        complete data set.

    Raises:
        OSError: If there is no training batch, or no validation images.
        ValueError: If a batch is damaged.
    """
    rng = np.random.RandomState(seed)

    def convert(levels: np.ndarray, rows: np.ndarray) -> None:
        SPACE.to_logits(levels, rng, out=rows)

    parts, labels, source = _read_parts(Path(folder), convert)
    return image_splits(parts, labels, space=SPACE, source=source)


def load_levels(folder: str | Path) -> Splits:
    """Load the images as levels 0 to 255, for models of levels; otherwise as :func:`load`."""
    parts, labels, source = _read_parts(Path(folder), lambda levels, rows: np.copyto(rows, levels))
    space = LevelSpace(shape=SPACE.shape, levels=256)
    return image_splits(parts, labels, space=space, source=source)


def _read_parts(
    folder: Path, convert: Callable[[np.ndarray, np.ndarray], None]
) -> tuple[list[np.ndarray], Labels, str]:
    """Read training, validation and test rows ``[N, 12288]``, the labels, and what was read.

    Args:
        folder: See :func:`load`.
        convert: Writes levels as float32 rows to its second argument.
    """
    folders = [folder, *sorted(path for path in folder.glob("*") if path.is_dir())]
    paths = [_path(folders, name) for name in TRAIN]
    found = [path for path in paths if path is not None]
    test = _path(folders, TEST)
    if not found or test is None:
        missing = [TEST] * (test is None) + [f"{TRAIN[0]} or any other of {BATCHES}"] * (not found)
        raise FileNotFoundError(
            f"{folder} has no {' and no '.join(missing)} (.npz, or a pickle without an ending); "
            f"ImageNet's site offers them to those who have an account"
        )
    batches, (test_images, test_labels) = [_read(path) for path in found], _read(test)
    count = sum(len(images) for images, _ in batches)
    if count < 2:
        raise ValueError(
            f"{found[0]} has one image: one to train on and one to validate are needed"
        )
    rows = np.empty([count, PIXELS], np.float32)
    labels = np.concatenate([of_batch for _, of_batch in batches])
    start = 0
    while batches:  # let go of each batch once its rows are written
        images, _ = batches.pop(0)
        convert(images, rows[start : start + len(images)])
        start += len(images)
    test_rows = np.empty(test_images.shape, np.float32)
    convert(test_images, test_rows)
    n_train = count - min(VALIDATION, max(1, count // 10))
    of_parts = Labels(labels[:n_train], labels[n_train:], test_labels, NUM_LABELS)
    source = str(folder)
    if len(found) < BATCHES:
        source += f", {len(found)} of {BATCHES} training batches"
    return [rows[:n_train], rows[n_train:], test_rows], of_parts, source


def _path(folders: list[Path], name: str) -> Path | None:
    """Return the path of a batch in the first of the folders that has it, or None."""
    paths = [inner / f"{name}{ending}" for inner in folders for ending in ENDINGS]
    return next((path for path in paths if path.is_file()), None)


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a batch's levels, 0 to 255, ``[N, 12288]`` and labels, from 0, ``[N]``."""
    text_files.require_file(path)
    batch = _archive(path) if path.suffix == ".npz" else pickles.read(path)
    return image_batches.checked_batch(
        batch, path, shape=SPACE.shape, first_label=1, num_labels=NUM_LABELS
    )


def _archive(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in ("data", "labels") if name in archive}
    except MemoryError as error:
        raise ValueError(f"{path} does not fit into memory; use fewer batches: {error}") from None
    except Exception as error:  # a damaged archive may raise anything
        raise ValueError(f"{path} is damaged, or not of arrays; unpack it again: {error}") from None
