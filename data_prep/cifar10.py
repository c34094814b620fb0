"""CIFAR-10 data of the paper: 60,000 colour images of 32 x 32 pixels in ten classes.

Krizhevsky 2009 published six batches, as pickles (``data_batch_1``, also in the archive of the
paper's authors) or as binary files (``data_batch_1.bin``, with one byte per image for the label and
3,072 for red, green and blue). They are prepared as in Papamakarios et al. 2017 (arXiv 1705.07057),
appendix D, and in the authors' code.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import image_batches, pickles, text_files
from tfp_maf.data_prep.images import ImageSpace
from tfp_maf.data_prep.levels import LevelSpace, image_splits
from tfp_maf.data_prep.splits import Labels, Scaler, Splits

TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = "test_batch"
FOLDERS = ("", "cifar-10-batches-py", "cifar-10-batches-bin")
SPACE = ImageSpace(shape=(32, 32, 3), alpha=0.05)
PIXELS = 32 * 32 * 3
NUM_LABELS = 10


def load(folder: str | Path, *, seed: int = 42) -> Splits:
    """Load the images, dequantised and in logit space; not standardised, as in the paper.

    The last tenth of the training images is the validation set. The others are the training set,
    together with their mirror images (left to right).

    Args:
        folder: Folder that contains the batches, or the publisher's folder of batches.
        seed: Seed of the dequantisation noise; the authors use 42.

    Returns:
        Rows of 3,072 values, with labels; 90,000 / 5,000 / 10,000 rows from the complete data set.

    Raises:
        OSError: If a batch is missing.
        ValueError: If a batch is damaged or truncated.
    """
    levels, test_levels, labels = _read_parts(Path(folder))
    n_train = int(0.9 * len(levels))
    rng = np.random.RandomState(seed)
    train = np.empty([2 * n_train, PIXELS], np.float32)
    SPACE.to_logits(levels[:n_train], rng, out=train[:n_train])
    _mirror(train)
    places = itertools.product(("red", "green", "blue"), range(32), range(32))
    columns = [f"{colour}_{row}_{column}" for colour, row, column in places]
    return Splits(
        train=train,
        validation=SPACE.to_logits(levels[n_train:], rng),
        test=SPACE.to_logits(test_levels, rng),
        scaler=Scaler(tuple(columns), np.zeros(PIXELS), np.ones(PIXELS)),
        source=str(folder),
        labels=labels,
        space=SPACE,
    )


def load_levels(folder: str | Path) -> Splits:
    """Load the images as levels 0 to 255, for models of levels; otherwise as :func:`load`."""
    levels, test_levels, labels = _read_parts(Path(folder))
    n_train = int(0.9 * len(levels))
    train = np.empty([2 * n_train, PIXELS], np.float32)
    train[:n_train] = levels[:n_train]
    _mirror(train)
    space = LevelSpace(shape=SPACE.shape, levels=256)
    parts = [train, levels[n_train:], test_levels]
    return image_splits(parts, labels, space=space, source=str(folder))


def _mirror(train: np.ndarray) -> None:
    """Write the mirror images of the first half of the rows ``[2 N, 3072]`` to the second."""
    planes = train[: len(train) // 2].reshape(-1, 3, 32, 32)
    train[len(train) // 2 :].reshape(-1, 3, 32, 32)[:] = planes[..., ::-1]


def _read_parts(folder: Path) -> tuple[np.ndarray, np.ndarray, Labels]:
    """Read levels ``[N, 3072]`` of training (and validation) and test images, and the labels."""
    batches = [_read(_batch(folder, name)) for name in TRAIN]
    levels = np.concatenate([images for images, _ in batches])
    labels = np.concatenate([of_batch for _, of_batch in batches])
    test_levels, test_labels = _read(_batch(folder, TEST))
    n_train = int(0.9 * len(levels))
    of_parts = Labels(np.tile(labels[:n_train], 2), labels[n_train:], test_labels, NUM_LABELS)
    return levels, test_levels, of_parts


def _batch(folder: Path, name: str) -> Path:
    names = [f"{inner}/{name}{ending}" for inner in FOLDERS for ending in ("", ".bin")]
    return text_files.find(folder, [each.lstrip("/") for each in names])


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read a batch's levels, 0 to 255, ``[N, 3072]`` and labels ``[N]``."""
    text_files.require_file(path)
    batch = _binary(path) if path.suffix == ".bin" else pickles.read(path)
    return image_batches.checked_batch(
        batch, path, shape=SPACE.shape, first_label=0, num_labels=NUM_LABELS
    )


def _binary(path: Path) -> dict[str, np.ndarray]:
    data = np.fromfile(path, np.uint8)
    if len(data) % (PIXELS + 1):
        raise ValueError(f"{path} ends in the middle of an image (truncated); download it again")
    rows = data.reshape(-1, PIXELS + 1)
    return {"data": rows[:, 1:], "labels": rows[:, 0]}
