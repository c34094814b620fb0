"""Batch normalisation's statistics from one pass over the whole training set."""

from __future__ import annotations

import numpy as np

from tfp_maf import checks
from tfp_maf.batch_normalization import BatchNormalization
from tfp_maf.flows import Flow

CHUNK = 10_000


def set_batch_statistics(flow: Flow, x: np.ndarray, *, chunk_size: int = CHUNK) -> None:
    """Gives each batch normalisation the mean and variance of all of ``x`` (paper, appendix B).

    Layer by layer from the data to the noise, so that each sees ``x`` as the
    layers before it, their statistics already set, pass it on. The result is
    that of one training-mode pass with all of ``x`` as one batch, in the memory
    of one chunk of activations and a copy of ``x``.

    Args:
        flow: any; one without batch normalisation is left as it is.
        x: the training rows ``[N, D]``.
        chunk_size: rows a network sees at once.

    Raises:
        ValueError: not of shape ``[N, D]``, or NaN or infinite.
    """
    x = checks.rows(x, flow.event_size, dtype=flow.dtype)
    is_norm = [isinstance(bijector, BatchNormalization) for bijector in flow.bijectors]
    for left, (bijector, inverse) in enumerate(zip(flow.bijectors, flow.inverses, strict=True)):
        if not any(is_norm[left:]):
            return
        if isinstance(bijector, BatchNormalization):
            bijector.set_statistics(
                x.mean(axis=0, dtype=np.float64), x.var(axis=0, dtype=np.float64)
            )
        x = np.concatenate(
            [inverse(x[start : start + chunk_size]) for start in range(0, len(x), chunk_size)]
        )
