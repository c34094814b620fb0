"""Batches of colour images, levels and labels, as CIFAR-10 and the smaller ImageNet have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tfp_maf.data_prep import text_files


def checked_batch(
    batch: Any, path: Path, *, shape: tuple[int, ...], first_label: int, num_labels: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a batch's levels, 0 to 255, ``[N, D]``, and labels ``[N]``, counted from 0.

    Args:
        batch: what the file holds: a mapping with ``data`` and ``labels``.
        path: of the file, for messages.
        shape: height, width and number of colours of an image, D values in all.
        first_label: label of the first class in the file.
        num_labels: number of classes.

    Raises:
        ValueError: If it is something else; the message names ``path``.
    """
    height, width, colours = shape
    try:
        with text_files.named(path):  # lists of unequal lengths are no arrays
            images, labels = np.asarray(batch["data"]), np.asarray(batch["labels"])
    except (KeyError, TypeError, IndexError):
        raise ValueError(f"{path} is not a batch of images: it lacks data or labels") from None
    size = height * width * colours
    if images.ndim != 2 or images.shape[1] != size or images.dtype != np.uint8:
        raise ValueError(
            f"{path} should hold images of shape [N, {size}] in bytes, {height} x {width} pixels "
            f"of {colours} colours, but has {images.dtype} {list(images.shape)}"
        )
    if not len(images):
        raise ValueError(f"{path} has no images")
    last_label = first_label + num_labels - 1
    if (
        labels.shape != images.shape[:1]
        or labels.dtype.kind not in "iu"
        or not (labels.min() >= first_label and labels.max() <= last_label)
    ):
        raise ValueError(
            f"{path} should hold a label from {first_label} to {last_label} for each of its "
            f"{len(images)} images"
        )
    return images, labels.astype(np.int64) - first_label
