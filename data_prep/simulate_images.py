"""Stand-in for CIFAR-10: colour images of ten shapes, in the published layout.

For trying code that reads and models CIFAR-10 without its files. Each class is a shape, in a random
colour, size and place, on a background that changes smoothly from one random colour to another;
light falls off, and the camera adds noise. Figures measured on it say nothing about CIFAR-10.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tfp_maf.data_prep.cifar10 import NUM_LABELS, TEST, TRAIN

SIDE = 32
NOISE = 4.0  # standard deviation, in levels
SHAPES = ("disc", "ring", "square", "frame", "diamond", "cross", "rows", "columns", "wedge", "dots")


def write_cifar10(folder: str | Path, *, images: int, seed: int = 0) -> Path:
    """Write six batches of images, as CIFAR-10's binary files, for :func:`cifar10.load`.

    Args:
        folder: Folder to write to; it is made where it is missing.
        images: Images per batch.
        seed: Seed of all that is random.

    Returns:
        The folder.

    Raises:
        ValueError: If the number of images is not positive.
        OSError: If the folder can't be written to.
    """
    if images < 1:
        raise ValueError(f"images must be at least 1, got {images}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for name in (*TRAIN, TEST):
        labels = rng.integers(0, NUM_LABELS, images)
        levels = np.stack([image_of(label, rng).transpose(2, 0, 1).ravel() for label in labels])
        rows = np.concatenate([labels[:, None].astype(np.uint8), levels], axis=1)
        (folder / f"{name}.bin").write_bytes(rows.tobytes())
    return folder


def image_of(label: int, rng: np.random.Generator) -> np.ndarray:
    """Return an image of the label's shape, levels ``[32, 32, 3]``."""
    corners = rng.uniform(0, 255, [3, 3])
    down, right = np.meshgrid(*[np.linspace(0, 1, SIDE)] * 2, indexing="ij")
    weights = np.stack([1 - (down + right) / 2, down / 2, right / 2], axis=-1)
    background = weights @ corners
    size = rng.uniform(6, 12)
    centre = rng.uniform(size, SIDE - size, 2)
    y, x = (np.indices([SIDE, SIDE]) + 0.5 - centre[:, None, None]) / size
    shade = 1 - 0.3 * np.clip((x + y) / 2, -1, 1)
    shape = shape_of(SHAPES[label], y, x)[..., None]
    # A colour far from the background's, so that the shape can be seen.
    colour = (background.mean(axis=(0, 1)) + rng.uniform(90, 165, 3)) % 255
    image = np.where(shape, colour * shade[..., None], background)
    image += rng.normal(0, NOISE, image.shape)
    return np.clip(image, 0, 255).round().astype(np.uint8)


def shape_of(name: str, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return whether points belong to a shape that fills the square from -1 to 1."""
    radius, reach = np.hypot(x, y), np.maximum(abs(x), abs(y))
    inside = reach < 1
    shapes = {
        "disc": radius < 1,
        "ring": (radius < 1) & (radius > 0.6),
        "square": inside,
        "frame": inside & (reach > 0.6),
        "diamond": abs(x) + abs(y) < 1,
        "cross": inside & (np.minimum(abs(x), abs(y)) < 0.3),
        "rows": inside & (np.floor((y + 1) * 2.5) % 2 == 0),
        "columns": inside & (np.floor((x + 1) * 2.5) % 2 == 0),
        "wedge": inside & (y > x),
        "dots": inside & (np.hypot((x + 1) % 1 - 0.5, (y + 1) % 1 - 0.5) < 0.4),
    }
    return shapes[name]
