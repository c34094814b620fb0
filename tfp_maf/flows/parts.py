"""Parts shared by the builders of the paper's models: argument checks, options, layer stacks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow_probability as tfp

from tfp_maf.bijectors.batch_norm import BatchNormalization, batch_normalization_layer
from tfp_maf.bijectors.coupling import real_nvp
from tfp_maf.bijectors.spline import SMALLEST_BIN
from tfp_maf.bijectors.support import Support
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
Supports = Sequence[Support | None] | None
Bound = float | Literal["auto"] | None

# Arguments that are positive integers.
INTEGERS = (
    *("event_size", "num_layers", "components", "bins", "params"),
    *("patch", "num_blocks", "layers", "width", "heads"),
)

# A whole stack may scale by at most e^30 (1e13): squared, a row 1e6 standard deviations out
# then still fits float32.
LOG_SCALE_BUDGET = 30.0


def checked(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return a builder's arguments, all in their ranges.

    Raises:
        ValueError: If one is out of its range; the message names it.
    """
    # JSON holds Python's numbers only.
    arguments = {n: v.item() if isinstance(v, np.generic) else v for n, v in arguments.items()}
    for name in INTEGERS:
        if arguments.get(name, 1) is not None:
            check_positive_integer(name, arguments.get(name, 1))
    if "image_shape" in arguments:
        shape = arguments["image_shape"] = np.asarray(arguments["image_shape"]).tolist()
        if not isinstance(shape, list) or len(shape) not in (2, 3):
            raise ValueError(f"image_shape must be like (28, 28) or (32, 32, 3), got {shape!r}")
        for size in shape:
            check_positive_integer("image_shape", size)
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
    if arguments.get("support") is not None:
        supports = [Support.of(value) for value in arguments["support"]]
        if len(supports) != arguments["event_size"]:
            raise ValueError(
                f"support must have one entry for each of {arguments['event_size']} columns, got "
                f"{len(supports)}"
            )
        arguments["support"] = [None if s is None else s.to_json() for s in supports]
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
    """Return the bound of each layer's log_scale, in nats; None is no bound."""
    if arguments["log_scale_bound"] == "auto":
        return min(8.0, LOG_SCALE_BUDGET / arguments.get("num_layers", 1))
    return arguments["log_scale_bound"]


def network_options(arguments: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """Return the options that all networks of a flow share."""
    return {
        "hidden_units": arguments["hidden_units"],
        "rng": rng,
        "dtype": arguments["dtype"],
        "condition_size": arguments["condition_size"] + arguments["num_labels"],
    }


def after_layer(arguments: dict[str, Any], *, is_last: bool) -> list[Any]:
    """Return the bijectors after a layer: batch normalisation, and a reversal of the columns."""
    if is_last or not arguments.get("permute", True):
        return batch_norm_of(arguments)
    reversal = tfb.Permute(list(reversed(range(arguments["event_size"]))))
    return [*batch_norm_of(arguments), reversal]


def batch_norm_of(arguments: dict[str, Any]) -> list[Any]:
    """Return a list of one batch normalisation bijector, empty if the flow has none."""
    if not arguments["batch_norm"]:
        return []
    norm = batch_normalization_layer(dtype=arguments["dtype"])
    norm.build([None, arguments["event_size"]])
    return [BatchNormalization(norm, training=False)]


def coupling_layers(
    arguments: dict[str, Any], make: Callable[[int, int], dict[str, Any]]
) -> list[Any]:
    """Return coupling layers: columns 1, 3, ... move 0, 2, ..., then vice versa, alternately.

    Args:
        arguments: those of the builder.
        make: function of the numbers of columns seen and moved, which returns a keyword argument
            of ``tfb.RealNVP``.

    Raises:
        ValueError: If there is only one column.
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
        bijectors.append(real_nvp(event_size, num_masked=masked, **make(len(seen), len(moved))))
        bijectors += batch_norm_of(arguments)
    return bijectors


def rows_at_once(tokens: int) -> int:
    """Return how many rows of so many tokens are scored at once.

    More of them would outgrow the processor's caches.
    """
    return 1_000 if tokens <= 16 else 100


def make_flow(
    builder: str,
    bijectors: list[Any],
    arguments: dict[str, Any],
    *,
    masks: dict[Any, np.ndarray] | None = None,
    base: Any = None,
    most_rows: int | None = None,
) -> Flow:
    """Return the flow of these bijectors, given in order from the data to the noise.

    ``most_rows`` are scored at once; None is as many as :class:`Flow` takes by default.
    """
    given = arguments.get("support")
    return Flow(
        arguments["event_size"],
        bijectors,
        builder=builder,
        arguments=arguments,
        masks=masks or {},
        base=base,
        conditioning=Conditioning(arguments["condition_size"], arguments["num_labels"]),
        row_by_row=True,
        **({} if most_rows is None else {"most_rows": most_rows}),
        support=None if given is None else [Support.of(value) for value in given],
        dtype=arguments["dtype"],
    )
