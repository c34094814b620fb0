"""Console report of log-likelihoods, and their conversion to JSON values."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from tfp_maf.evaluation.likelihood import Evaluation
from tfp_maf.utils.console import say

TITLE_WIDTH = 45  # of the longest title, "full-covariance Gaussian of the numbers, test"
UNITS = "nats per event, columns standardised"


def report(name: str, evaluation: Evaluation) -> dict[str, Any]:
    """Print an evaluation, and return it as a dictionary of JSON values (None for NaN)."""
    say(
        f"  {name:{TITLE_WIDTH}} {evaluation.mean:10.3f}{_error(evaluation)}, median "
        f"{evaluation.median:.3f}, lowest {evaluation.lowest:.3f}"
    )
    values = dataclasses.asdict(evaluation)
    return {k: v if math.isfinite(v) else None for k, v in values.items()}


def _error(evaluation: Evaluation) -> str:
    """Return two standard errors in words, which a single row has not."""
    if evaluation.rows < 2:
        return " of 1 row"
    return f" ± {evaluation.two_standard_errors:.3f}"
