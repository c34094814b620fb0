"""The parts that the paper's models are made of, as the builders put them together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import tensorflow_probability as tfp

from tfp_maf.bijectors.batch_norm import BatchNormalization, batch_normalization_layer
from tfp_maf.bijectors.spline import SMALLEST_BIN
from tfp_maf.flows.conditioning import Conditioning
from tfp_maf.flows.flow import Flow
from tfp_maf.utils.checks import (
    check_activation,
    check_one_of,
    check_positive,
    check_positive_integer,
)

tfb = tfp.bijectors

Dtype = Literal["float32", "float64"]
Bound = float | Literal["auto"] | None

# A whole stack may scale by at most e^30 (1e13): squared, a row 1e6 standard deviations out
# then still fits float32.
LOG_SCALE_BUDGET = 30.0


def checked(arguments: dict[str, Any]) -> dict[str, Any]:
    """A builder's arguments, all in their ranges."""
    # JSON holds Python's numbers only.
    arguments = {n: v.item() if isinstance(v, np.generic) else v for n, v in arguments.items()}
    for name in ("event_size", "num_layers", "components", "bins", "params"):
        if arguments.get(name, 1) is not None:
            check_positive_integer(name, arguments.get(name, 1))
    if "hidden_units" in arguments:
        if np.ndim(arguments["hidden_units"]) != 1:
            raise ValueError(
                f"hidden_units must be like (100, 100), got {arguments['hidden_units']!r}"
            )
        arguments["hidden_units"] = np.asarray(arguments["hidden_units"]).tolist()
        for units in arguments["hidden_units"]:
            check_positive_integer("hidden_units", units)
    for name in ("activation", "scale_activation", "shift_activation"):
        if name in arguments:
            check_activation(arguments[name], name=name)
    check_one_of("dtype", arguments["dtype"], ("float32", "float64"))
    check_one_of("order", arguments.get("order", "paper"), ("paper", "post"))
    Conditioning(arguments["condition_size"], arguments["num_labels"])
    if "bound" in arguments:
        check_positive("bound", arguments["bound"])
        most = arguments["bound"] / SMALLEST_BIN  # half of what would leave no room
        if arguments["bins"] > most:
            raise ValueError(f"bins must be at most {most:.0f} within {arguments['bound']}")
    bound = arguments.get("log_scale_bound")
    if bound not in ("auto", None):
        check_positive("log_scale_bound", bound)
    return arguments


def log_scale_bound_of(arguments: dict[str, Any]) -> float | None:
    """A layer's, in nats; None is no bound."""
    if arguments["log_scale_bound"] == "auto":
        return min(8.0, LOG_SCALE_BUDGET / arguments.get("num_layers", 1))
    return arguments["log_scale_bound"]


def network_options(arguments: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """What every network is given."""
    return {
        "hidden_units": arguments["hidden_units"],
        "rng": rng,
        "dtype": arguments["dtype"],
        "condition_size": arguments["condition_size"] + arguments["num_labels"],
    }


def after_layer(arguments: dict[str, Any], *, is_last: bool) -> list[Any]:
    """Batch normalisation, and a reversal of the columns before the next layer."""
    if is_last or not arguments.get("permute", True):
        return batch_norm_of(arguments)
    reversal = tfb.Permute(list(reversed(range(arguments["event_size"]))))
    return [*batch_norm_of(arguments), reversal]


def batch_norm_of(arguments: dict[str, Any]) -> list[Any]:
    """A batch normalisation bijector, or none."""
    if not arguments["batch_norm"]:
        return []
    norm = batch_normalization_layer(dtype=arguments["dtype"])
    norm.build([None, arguments["event_size"]])
    return [BatchNormalization(norm, training=False)]


def coupling_layers(
    arguments: dict[str, Any], make: Callable[[int, int], dict[str, Any]]
) -> list[Any]:
    """Columns 1, 3, 5, ... move 0, 2, 4, ..., then the other way round, by turns.

    Args:
        make: (columns seen, columns moved) to ``tfb.RealNVP``'s keyword argument.
    """
    event_size = arguments["event_size"]
    if event_size < 2:
        raise ValueError("event_size must be at least 2: one column has no other to move it")
    odd, even = list(range(1, event_size, 2)), list(range(0, event_size, 2))
    # From noise to data, Permute gives x[i] = u[order[i]]: here the odd columns are put first.
    bijectors: list[Any] = [tfb.Permute(np.argsort(odd + even))]
    for layer in range(arguments["num_layers"]):
        seen, moved = (odd, even) if layer % 2 == 0 else (even, odd)
        masked = len(odd) if layer % 2 == 0 else -len(even)  # negative: the last ones
        bijectors.append(tfb.RealNVP(num_masked=masked, **make(len(seen), len(moved))))
        bijectors += batch_norm_of(arguments)
    return bijectors


def make_flow(
    builder: str,
    bijectors: list[Any],
    arguments: dict[str, Any],
    *,
    masks: dict[Any, np.ndarray] | None = None,
    base: Any = None,
) -> Flow:
    """The flow of these bijectors, from the data to the noise."""
    return Flow(
        arguments["event_size"],
        bijectors,
        builder=builder,
        arguments=arguments,
        masks=masks or {},
        base=base,
        conditioning=Conditioning(arguments["condition_size"], arguments["num_labels"]),
        row_by_row=True,
        dtype=arguments["dtype"],
    )
