"""Builder of the model of a table's categories: probabilities in place of densities."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfp_maf.distributions.categories import CategoricalMade, CategoryLogits
from tfp_maf.flows.conditioning import Conditioning
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.parts import Dtype
from tfp_maf.utils.checks import check_activation, check_one_of, check_positive_integer


def build_categories(
    sizes: Sequence[int],
    *,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "relu",
    condition_size: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a MADE of categories; ``log_prob`` is the logarithm of a probability.

    It is a flow without bijectors: its events are codes ``[..., C]``, the numbers ``0..K_i - 1`` of
    the categories, and it must be trained with ``standardise=False``.

    Args:
        sizes: number of categories of each column, K_i.
        hidden_units, activation, condition_size, seed, dtype: as in :func:`build_maf`.

    Returns:
        A :class:`Flow` of C columns.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    for name, counts in [("sizes", sizes), ("hidden_units", hidden_units)]:
        for count in counts:
            check_positive_integer(name, count)
    check_activation(activation, name="activation")
    check_one_of("dtype", dtype, ("float32", "float64"))
    arguments = {
        "sizes": np.asarray(sizes).tolist(),
        "hidden_units": np.asarray(hidden_units).tolist(),
        "activation": activation,
        "condition_size": int(condition_size),
        "seed": int(seed),
        "dtype": dtype,
    }
    logits = CategoryLogits(
        arguments["sizes"],
        hidden_units=arguments["hidden_units"],
        activation=activation,
        condition_size=condition_size,
        rng=np.random.default_rng(seed),
        dtype=dtype,
    )
    return Flow(
        len(arguments["sizes"]),
        [],
        builder="build_categories",
        arguments=arguments,
        masks=logits.masks,
        base=CategoricalMade(logits, dtype=dtype),
        conditioning=Conditioning(condition_size),
        row_by_row=True,
        dtype=dtype,
    )
