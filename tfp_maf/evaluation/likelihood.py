"""The mean log-likelihood of a data set, with its error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from tfp_maf.flows.flow import Flow

CHUNK = 10_000


@dataclass(frozen=True)
class Evaluation:
    """A mean log-likelihood in nats an event, as the paper's tables give it.

    Attributes:
        mean: over the rows.
        two_standard_errors: ``2 * sd / sqrt(rows)``, the paper's error bars (section 4); NaN
            for a single row.
        rows: how many there were.
    """

    mean: float
    two_standard_errors: float
    rows: int

    @classmethod
    def of(cls, log_prob: np.ndarray) -> Evaluation:
        """Of the log-likelihoods ``[N]`` themselves."""
        log_prob = np.asarray(log_prob, np.float64)
        n = len(log_prob)
        error = 2 * log_prob.std(ddof=1) / np.sqrt(n) if n > 1 else float("nan")
        return cls(float(log_prob.mean()), float(error), n)

    def __str__(self) -> str:
        return f"{self.mean:.2f} ± {self.two_standard_errors:.2f} nats"


def log_prob(
    flow: Flow,
    x: Any,
    *,
    condition: Any = None,
    chunk_size: int = CHUNK,
    progress: bool = False,
) -> np.ndarray:
    """``log p(x)`` of rows ``[N, D]`` as float64 ``[N]``, ``chunk_size`` rows at a time.

    Memory stays that of one chunk: ``x`` may be a ``numpy.memmap``. With ``progress``, more
    than one chunk shows a bar, on standard error. ``condition`` is :meth:`Flow.log_prob`'s.

    Raises:
        ValueError: no rows, another width, or a value that is not finite; names the row.
    """
    if len(np.shape(x)) != 2 or len(x) == 0:
        raise ValueError(
            f"x must have shape [N, {flow.event_size}], at least one row, got {list(np.shape(x))}"
        )
    flow.conditioning.check_length(condition, len(x))
    result = np.empty(len(x), np.float64)
    starts = range(0, len(x), chunk_size)
    for start in tqdm(starts, unit="chunk", disable=not progress or len(starts) == 1):
        chunk = slice(start, start + chunk_size)
        given = flow.conditioning.chunk(condition, chunk)
        result[chunk] = flow.log_prob(x[chunk], given, first_row=start).numpy()
    return result


def evaluate(flow: Flow, x: Any, *, condition: Any = None, chunk_size: int = CHUNK) -> Evaluation:
    """Mean ± two standard errors of ``log p(x)`` over rows ``[N, D]``.

    Raises:
        ValueError: see :func:`log_prob`.
    """
    return Evaluation.of(log_prob(flow, x, condition=condition, chunk_size=chunk_size))
