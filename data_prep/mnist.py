"""MNIST data of the paper: 70,000 handwritten digits of 28 x 28 grey levels.

LeCun, Cortes and Burges published four files in the IDX format, gzipped or not: a big-endian header
of magic number and sizes, then one byte per value. They are prepared as in Papamakarios et al. 2017
(arXiv 1705.07057), appendix D.5, and in the authors' code.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import pickles, text_files
from tfp_maf.data_prep.images import ImageSpace
from tfp_maf.data_prep.levels import LevelSpace, binarise, image_splits
from tfp_maf.data_prep.splits import Labels, Scaler, Splits

FILES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
SPACE = ImageSpace(shape=(28, 28), alpha=1e-6)
NUM_LABELS = 10
BINARISATION_SEED = 20_080_708  # any number will do; another one gives another data set
UNSIGNED_BYTE = 8  # the IDX code for this type of values
GZIP = b"\x1f\x8b"
PREPARED = "mnist.pkl.gz"


def load(folder: str | Path, *, seed: int = 42) -> Splits:
    """Load the digits, dequantised and in logit space; not standardised, as in the paper.

    The last sixth of the published training images is the validation set.

    Args:
        folder: Folder that contains the four files, gzipped or not, or the authors'
            ``mnist.pkl.gz``.
        seed: Seed of the dequantisation noise; the authors use 42.

    Returns:
        Rows of 784 pixels, with labels; 50,000 / 10,000 / 10,000 rows from the complete data set.

    Raises:
        OSError: If a file is missing.
        ValueError: If a file is damaged or truncated, or the numbers of images and labels
            differ.
    """
    rng = np.random.RandomState(seed)
    parts, labels = _read_parts(Path(folder))
    columns = [f"pixel_{row}_{column}" for row in range(28) for column in range(28)]
    train, validation, test = (SPACE.to_logits(images, rng) for images in parts)
    return Splits(
        train=train,
        validation=validation,
        test=test,
        scaler=Scaler(tuple(columns), np.zeros(len(columns)), np.ones(len(columns))),
        source=str(folder),
        labels=labels,
        space=SPACE,
    )


def load_levels(folder: str | Path) -> Splits:
    """Load the digits as levels 0 to 255, for models of levels; otherwise as :func:`load`."""
    parts, labels = _read_parts(Path(folder))
    space = LevelSpace(shape=SPACE.shape, levels=256)
    return image_splits(parts, labels, space=space, source=str(folder))


def load_binary(folder: str | Path, *, seed: int = BINARISATION_SEED) -> Splits:
    """Load the digits in black and white, each pixel drawn once by its intensity, level / 255.

    The published figures of "binarised MNIST" are for one such drawing, by Larochelle and Murray
    2011; this is another one, which ``seed`` makes.

    Args:
        folder: As of :func:`load`.
        seed: Seed of the binarisation.

    Returns:
        Rows of 784 zeros and ones; ``intensities`` has the training images before.
    """
    parts, labels = _read_parts(Path(folder))
    intensities = [images.astype(np.float32) / 255 for images in parts]
    rng = np.random.default_rng(seed)
    return image_splits(
        [binarise(part, rng) for part in intensities],
        labels,
        space=LevelSpace(shape=SPACE.shape, levels=2),
        source=f"{folder}, binarised with seed {seed}",
        intensities=intensities[0],
    )


def _read_parts(folder: Path) -> tuple[list[np.ndarray], Labels]:
    """Read levels ``[N, 784]`` of training, validation and test images, and their labels."""
    if (folder / PREPARED).is_file():
        (images, labels), (test_images, test_labels) = _read_prepared(folder / PREPARED)
    else:
        images, labels = _read_pair(folder, "train")
        test_images, test_labels = _read_pair(folder, "test")
    n_validation = len(images) // 6
    if n_validation < 1 or len(test_images) < 1:
        raise ValueError(
            f"{folder} has {len(images)} training and {len(test_images)} test images, too few to "
            f"split"
        )
    n = len(images) - n_validation
    of_parts = Labels(labels[:n], labels[n:], test_labels, count=NUM_LABELS)
    return [images[:n], images[n:], test_images], of_parts


def read_idx(path: Path, *, dimensions: int) -> np.ndarray:
    """Read an IDX file of unsigned bytes, gzipped or not.

    Raises:
        OSError: If the file is missing.
        ValueError: If the file does not have ``dimensions`` dimensions, or is shorter or longer
            than its header says.
    """
    text_files.require_file(path)
    data = path.read_bytes()
    if data[:2] == GZIP:
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError, zlib.error):
            raise ValueError(
                f"{path} is a damaged or truncated gzip file; download it again"
            ) from None
    header = 4 + 4 * dimensions
    if len(data) < header or data[:4] != bytes([0, 0, UNSIGNED_BYTE, dimensions]):
        raise ValueError(f"{path} is not an IDX file of bytes in {dimensions} dimensions")
    sizes = [int(size) for size in np.frombuffer(data, ">u4", dimensions, offset=4)]
    expected = header + int(np.prod(sizes, dtype=object))
    if len(data) != expected:
        raise ValueError(
            f"{path} should hold {expected} bytes for {' x '.join(map(str, sizes))} values, but "
            f"has {len(data)}; download it again"
        )
    return np.frombuffer(data, np.uint8, offset=header).reshape(sizes)


def _read_prepared(path: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read images ``[N, 784]`` and labels ``[N]``: those for training and validation, then test."""
    try:
        with gzip.open(path) as file:
            parts = pickles.load(file, path)
        pairs = [(np.asarray(x), np.asarray(labels)) for x, labels in parts]
    except (OSError, EOFError, zlib.error, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged ({error}); download it again") from None
    if len(pairs) != 3 or any(x.shape != (len(labels), 784) for x, labels in pairs):
        raise ValueError(f"{path} should hold three pairs of images and labels")
    if any(x.min(initial=0) < 0 or x.max(initial=0) >= 1 for x, _ in pairs):
        raise ValueError(f"{path} should hold grey levels between 0 and 1")
    if any(labels.min(initial=0) < 0 or labels.max(initial=0) > 9 for _, labels in pairs):
        raise ValueError(f"{path} has labels that are not digits")
    # The file holds grey levels divided by 256.
    levels = [(np.rint(x * 256).astype(np.uint8), labels.astype(np.int64)) for x, labels in pairs]
    (train, validation), test = levels[:2], levels[2]
    joined = [np.concatenate(both) for both in zip(train, validation, strict=True)]
    return [(joined[0], joined[1]), test]


def _read_pair(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Read images ``[N, 784]`` and labels ``[N]`` of one part, ``"train"`` or ``"test"``."""
    paths = []
    for name in FILES[part]:
        found = [p for p in (folder / name, folder / f"{name}.gz") if p.is_file()]
        if not found:
            raise FileNotFoundError(
                f"{folder / name}(.gz): no such file; download it with: "
                f"tfp-maf download mnist --to {folder}"
            )
        paths.append(found[0])
    images, labels = read_idx(paths[0], dimensions=3), read_idx(paths[1], dimensions=1)
    if images.shape[1:] != SPACE.shape:
        raise ValueError(f"{paths[0]} has images of shape {images.shape[1:]}, not {SPACE.shape}")
    if len(images) != len(labels):
        raise ValueError(f"{paths[1]} has {len(labels)} labels for {len(images)} images")
    if len(labels) and labels.max() >= NUM_LABELS:
        row = int(np.argmax(labels >= NUM_LABELS))
        raise ValueError(f"{paths[1]}: label {labels[row]} at image {row + 1} is not a digit")
    return images.reshape(len(images), -1), labels.astype(np.int64)
