"""Images as the paper models them, with dequantised pixels in logit space.

Papamakarios et al. 2017 (arXiv 1705.07057), section 4.3 and appendices D and E: grey levels are
dequantised by uniform noise of one level, which makes their density finite, scaled away from 0 and
1 by ``alpha``, and mapped to the real line by the logit::

    y = (level + noise) / 256,    x = logit(alpha + (1 - 2 alpha) y)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

LEVELS = 256
ROWS_AT_ONCE = 1_000  # in float64, of which a large image's row takes 98 KB


@dataclass(frozen=True)
class ImageSpace:
    """Mapping between grey levels and the logits that a flow models.

    Attributes:
        shape: Shape of an image: height and width, then 3 for colour images. A row of pixels
            holds the colours one after the other: all red values, then green, then blue.
        alpha: Constant in the formula above.
    """

    shape: tuple[int, ...]
    alpha: float

    def to_logits(
        self, levels: np.ndarray, rng: np.random.RandomState, *, out: np.ndarray | None = None
    ) -> np.ndarray:
        """Map grey levels 0 to 255, ``[N, D]``, to dequantised float32 logits ``[N, D]``.

        The noise is drawn from ``rng``. The logits are written to ``out`` if it is given.
        """
        x = np.empty(levels.shape, np.float32) if out is None else out
        # The authors draw all the noise at once; drawing it row by row gives the same values.
        for row, level in zip(x, levels, strict=True):
            y = self.alpha + (1 - 2 * self.alpha) * (level + rng.rand(levels.shape[1])) / LEVELS
            row[:] = np.log(y) - np.log1p(-y)
        return x

    def to_pixels(self, x: np.ndarray) -> np.ndarray:
        """Map logits ``[N, D]`` to images ``[N, *shape]`` with values between 0 and 1."""
        y = (_sigmoid(x) - self.alpha) / (1 - 2 * self.alpha)
        y = np.clip(y, 0, 1)
        if len(self.shape) == 2:
            return y.reshape(-1, *self.shape)
        height, width, colours = self.shape
        return y.reshape(-1, colours, height, width).transpose(0, 2, 3, 1)

    def bits_per_dimension(self, log_prob: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Convert ``log p(x)`` in nats, ``[N]``, to bits per pixel and colour, ``[N]``.

        ``b = -log p(x) / (D log 2) - log2(1 - 2 alpha) + 8
        + 1/D sum_i [log2 sigma(x_i) + log2(1 - sigma(x_i))]`` (appendix E, equation 27).

        Args:
            log_prob: Log density of the rows in logit space.
            x: Rows ``[N, D]`` in logit space.
        """
        x = np.asarray(x)
        jacobian = np.empty(len(x))
        for start in range(0, len(x), ROWS_AT_ONCE):
            distance = np.abs(np.asarray(x[start : start + ROWS_AT_ONCE], np.float64))
            # log sigma(x) + log(1 - sigma(x)), computed so that exp cannot overflow.
            of_pixels = -(distance + 2 * np.log1p(np.exp(-distance)))
            jacobian[start : start + len(distance)] = of_pixels.mean(axis=1) / np.log(2)
        nats = np.asarray(log_prob, np.float64) / x.shape[1]
        return -nats / np.log(2) - np.log2(1 - 2 * self.alpha) + np.log2(LEVELS) + jacobian


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(x, np.float64)))
