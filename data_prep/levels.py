"""Images as models of levels take them: whole numbers 0 .. L - 1, without noise or logits.

The likelihood of such a model is a probability, and ``-log2 P(x) / D`` its bits per dimension.
Those of a density of dequantised pixels (:class:`tfp_maf.data_prep.images.ImageSpace`) are an upper
bound of the bits of the probabilities that the density implies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tfp_maf.data_prep.images import ImageSpace
from tfp_maf.data_prep.splits import Labels, Scaler, Splits


@dataclass(frozen=True)
class LevelSpace:
    """Meaning of rows of levels.

    Attributes:
        shape: Shape of an image: height and width, then 3 for colour images. A row of levels holds
            the colours one after the other: all red values, then green, then blue.
        levels: Number of levels, L.
    """

    shape: tuple[int, ...]
    levels: int

    def to_pixels(self, x: np.ndarray) -> np.ndarray:
        """Map levels ``[N, D]`` to images ``[N, *shape]`` with values between 0 and 1."""
        y = np.asarray(x, np.float64) / (self.levels - 1)
        if len(self.shape) == 2:
            return y.reshape(-1, *self.shape)
        height, width, colours = self.shape
        return y.reshape(-1, colours, height, width).transpose(0, 2, 3, 1)

    def bits_per_dimension(self, log_prob: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Convert ``log P(x)`` in nats, ``[N]``, to bits per pixel and colour, ``[N]``."""
        return -np.asarray(log_prob, np.float64) / (np.shape(x)[1] * np.log(2))


def image_splits(
    parts: Sequence[np.ndarray],
    labels: Labels,
    *,
    space: LevelSpace | ImageSpace,
    source: str,
    intensities: np.ndarray | None = None,
) -> Splits:
    """Return the splits of training, validation and test rows of images, not standardised."""
    train, validation, test = (np.asarray(part, np.float32) for part in parts)
    columns = tuple(f"value_{i}" for i in range(train.shape[1]))
    return Splits(
        train=train,
        validation=validation,
        test=test,
        scaler=Scaler(columns, np.zeros(len(columns)), np.ones(len(columns))),
        source=source,
        labels=labels,
        space=space,
        intensities=intensities,
    )


def binarise(intensities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw each pixel white with the probability of its intensity, 0 .. 1; float32 zeros and ones.

    Salakhutdinov and Murray 2008, "On the quantitative analysis of deep belief networks".
    """
    return (rng.random(intensities.shape, dtype=np.float32) < intensities).astype(np.float32)
