"""The paper's models, a builder each: thin wrappers around TFP's bijectors.

Papamakarios et al. 2017 (arXiv 1705.07057), section 3, 4 and appendix C. All of them also take a
condition: ``num_labels`` for labels ``0..num_labels - 1``, or ``condition_size`` for vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import tensorflow_probability as tfp

from tfp_maf import checks
from tfp_maf.batch_normalization import BatchNormalization, batch_normalization_layer
from tfp_maf.conditions import Conditioning
from tfp_maf.coupling import CouplingNetwork
from tfp_maf.flow import Flow
from tfp_maf.gaussian import LinearConditionals
from tfp_maf.layers import ShiftAndLogScale, kernel_masks
from tfp_maf.mixture import MixtureMade, MixtureParameters
from tfp_maf.splines import SMALLEST_BIN, AutoregressiveSplines, CouplingSplines

tfb = tfp.bijectors

# A whole stack may scale by at most e^30 (1e13): squared, a row 1e6 standard deviations out
# then still fits float32.
LOG_SCALE_BUDGET = 30.0

Dtype = Literal["float32", "float64"]
Bound = float | Literal["auto"] | None


def build_maf(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "tanh",
    batch_norm: bool = True,
    order: Literal["paper", "post"] = "paper",
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A masked autoregressive flow (Papamakarios et al. 2017, section 3).

    Each layer is, from noise ``u`` to data ``x``,
    ``x_i = u_i exp(log_scale_i) + shift_i``, both functions of ``x_1..x_{i-1}``
    (equation 3), followed by batch normalisation and, but for the last, a
    reversal of the columns.

    Args:
        event_size: number of columns, D.
        num_layers: number of autoregressive layers, 5 or 10 in the paper.
        hidden_units: sizes of each network's hidden layers.
        activation: a Keras activation's name; the paper: tanh for GAS, relu elsewhere.
        batch_norm: whether batch normalisation follows each layer.
        order: ``"paper"``: the data meet the first layer, in the columns' own
            order, and batch normalisation comes after it on the way to the noise.
            ``"post"``: the post's list, reversed, so that the data meet batch
            normalisation first.
        log_scale_bound: each layer's log scale stays within plus or minus this
            many nats; ``"auto"`` is ``min(8, 30 / num_layers)``; None is no bound.
        condition_size: length of the vectors that the density is conditional on.
        num_labels: number of labels that it is conditional on.
        seed: of the initial weights.
        dtype: of weights, inputs and outputs.

    Returns:
        A :class:`Flow`, all its variables built.

    Raises:
        ValueError: an argument out of its range; names it.
    """
    arguments = _checked(locals())
    rng = np.random.default_rng(seed)
    bijectors, masks = _autoregressive_layers(arguments, rng)
    if order == "post":
        bijectors.reverse()
    return _flow("build_maf", bijectors, arguments, masks=masks)


def build_maf_mog(
    event_size: int,
    *,
    num_layers: int = 5,
    components: int = 10,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "tanh",
    batch_norm: bool = True,
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A MAF whose noise has the density of a MADE MoG (section 4, "MAF MoG").

    Args as :func:`build_maf`'s; ``components`` of each mixture, 10 in the paper.
    """
    arguments = _checked(locals())
    rng = np.random.default_rng(seed)
    bijectors, masks = _autoregressive_layers(arguments, rng)
    # The order is reversed between layers, and before the base as well.
    bijectors.append(tfb.Permute(list(reversed(range(event_size)))))
    base = _mixture_base(arguments, rng, masks)
    return _flow("build_maf_mog", bijectors, arguments, masks=masks, base=base)


def build_made(
    event_size: int,
    *,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "relu",
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A MADE with Gaussian conditionals: a MAF of one layer without batch normalisation.

    Args as :func:`build_maf`'s.
    """
    arguments = _checked(locals())
    layer = arguments | {"num_layers": 1, "batch_norm": False}
    bijectors, masks = _autoregressive_layers(layer, np.random.default_rng(seed))
    return _flow("build_made", bijectors, arguments, masks=masks)


def build_made_mog(
    event_size: int,
    *,
    components: int = 10,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "relu",
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A MADE whose conditionals are mixtures of Gaussians (section 4, "MADE MoG").

    Args as :func:`build_maf`'s; ``components`` of each mixture, 10 in the paper.
    """
    arguments = _checked(locals())
    masks: dict[Any, np.ndarray] = {}
    base = _mixture_base(arguments, np.random.default_rng(seed), masks)
    return _flow("build_made_mog", [], arguments, masks=masks, base=base)


def build_realnvp(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (100, 100),
    scale_activation: str = "tanh",
    shift_activation: str = "relu",
    batch_norm: bool = True,
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Real NVP (Dinh et al. 2017, arXiv 1605.08803, section 3; the paper's section 3.3).

    Every other column moves the rest, by turns: ``x_moved = u exp(log_scale) + shift``, both
    functions of the columns kept, each layer followed by batch normalisation.

    Args as :func:`build_maf`'s, and a Keras activation's name for each of the two networks.
    """
    arguments = _checked(locals())
    rng = np.random.default_rng(seed)

    def coupling(n_in: int, n_out: int) -> Any:
        network = CouplingNetwork(
            n_in,
            n_out,
            bound=_log_scale_bound(arguments),
            scale_activation=scale_activation,
            shift_activation=shift_activation,
            **_network_options(arguments, rng),
        )
        return {"shift_and_log_scale_fn": network}

    return _flow("build_realnvp", _coupling_layers(arguments, coupling), arguments)


def build_nsf(
    event_size: int,
    *,
    coupling: bool = False,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "relu",
    batch_norm: bool = False,
    bins: int = 8,
    bound: float = 3.0,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A rational-quadratic neural spline flow (Durkan et al. 2019, arXiv 1906.04032).

    RQ-NSF (AR), or (C) with ``coupling``. Where the authors put residual networks and linear
    layers, this has plain masked or dense networks, and reverses or alternates the columns.

    Args as :func:`build_maf`'s, and

    Args:
        coupling: whether layers couple halves of the columns, as Real NVP's.
        bins: K, of each spline.
        bound: splines act between plus and minus this many standard deviations.
    """
    arguments = _checked(locals())
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {"bins": bins, "bound": bound, "activation": activation}
    if coupling:

        def splines(n_in: int, n_out: int) -> Any:
            network_options = options | _network_options(arguments, rng)
            return {"bijector_fn": CouplingSplines(n_in, n_out, **network_options)}

        return _flow("build_nsf", _coupling_layers(arguments, splines), arguments)
    bijectors, masks = [], {}
    for layer in range(num_layers):
        network = AutoregressiveSplines(event_size, **options, **_network_options(arguments, rng))
        masks.update(kernel_masks(network.network))
        bijectors.append(tfb.MaskedAutoregressiveFlow(bijector_fn=network))
        bijectors += _after_layer(arguments, is_last=layer == num_layers - 1)
    return _flow("build_nsf", bijectors, arguments, masks=masks)


def build_gaussian(
    event_size: int,
    *,
    condition_size: int = 0,
    num_labels: int = 0,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A full-covariance Gaussian, to be fitted by :func:`tfp_maf.fit_gaussian` or ``fit``.

    With labels, one for each label; given vectors, its parameters are linear in them.

    Args as :func:`build_maf`'s.
    """
    arguments = _checked(locals())
    linear = LinearConditionals(
        event_size,
        condition_size=condition_size + num_labels,
        adds_one=not num_labels,
        rng=np.random.default_rng(seed),
        dtype=dtype,
    )
    masks = {linear.weights.ref(): linear.mask}
    bijectors = [tfb.MaskedAutoregressiveFlow(linear)]
    return _flow("build_gaussian", bijectors, arguments, masks=masks)


def _checked(arguments: dict[str, Any]) -> dict[str, Any]:
    """A builder's arguments, all in their ranges."""
    arguments = dict(arguments)
    for name in ("event_size", "num_layers", "components", "bins"):
        if name in arguments:
            checks.positive_integer(name, arguments[name])
    if "hidden_units" in arguments:
        arguments["hidden_units"] = list(arguments["hidden_units"])
        for units in arguments["hidden_units"]:
            checks.positive_integer("hidden_units", units)
    for name in ("activation", "scale_activation", "shift_activation"):
        if name in arguments:
            checks.activation(arguments[name], name=name)
    checks.one_of("dtype", arguments["dtype"], ("float32", "float64"))
    checks.one_of("order", arguments.get("order", "paper"), ("paper", "post"))
    Conditioning(arguments["condition_size"], arguments["num_labels"])
    if "bound" in arguments:
        checks.positive("bound", arguments["bound"])
        most = int(2 * arguments["bound"] / SMALLEST_BIN)
        if arguments["bins"] > most // 2:
            raise ValueError(f"bins must be at most {most // 2} within {arguments['bound']}")
    bound = arguments.get("log_scale_bound")
    if bound not in ("auto", None):
        checks.positive("log_scale_bound", bound)
    return arguments


def _log_scale_bound(arguments: dict[str, Any]) -> float | None:
    if arguments["log_scale_bound"] == "auto":
        return min(8.0, LOG_SCALE_BUDGET / arguments.get("num_layers", 1))
    return arguments["log_scale_bound"]


def _network_options(arguments: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {
        "hidden_units": arguments["hidden_units"],
        "rng": rng,
        "dtype": arguments["dtype"],
        "condition_size": arguments["condition_size"] + arguments["num_labels"],
    }


def _autoregressive_layers(
    arguments: dict[str, Any], rng: np.random.Generator
) -> tuple[list[Any], dict[Any, np.ndarray]]:
    """The bijectors of a MAF in the paper's order, and their masks."""
    bijectors: list[Any] = []
    masks: dict[Any, np.ndarray] = {}
    for layer in range(arguments["num_layers"]):
        network = ShiftAndLogScale(
            arguments["event_size"],
            bound=_log_scale_bound(arguments),
            activation=arguments["activation"],
            **_network_options(arguments, rng),
        )
        masks.update(kernel_masks(network.network))
        bijectors.append(tfb.MaskedAutoregressiveFlow(network))
        bijectors += _after_layer(arguments, is_last=layer == arguments["num_layers"] - 1)
    return bijectors, masks


def _after_layer(arguments: dict[str, Any], *, is_last: bool) -> list[Any]:
    """Batch normalisation, and a reversal of the columns before the next layer."""
    reversal = tfb.Permute(list(reversed(range(arguments["event_size"]))))
    return _batch_norm(arguments) + ([] if is_last else [reversal])


def _batch_norm(arguments: dict[str, Any]) -> list[Any]:
    if not arguments["batch_norm"]:
        return []
    norm = batch_normalization_layer(dtype=arguments["dtype"])
    norm.build([None, arguments["event_size"]])
    return [BatchNormalization(norm, training=False)]


def _coupling_layers(arguments: dict[str, Any], make: Any) -> list[Any]:
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
        bijectors += _batch_norm(arguments)
    return bijectors


def _mixture_base(
    arguments: dict[str, Any], rng: np.random.Generator, masks: dict[Any, np.ndarray]
) -> MixtureMade:
    parameters = MixtureParameters(
        arguments["event_size"],
        components=arguments["components"],
        bound=_log_scale_bound(arguments | {"num_layers": 1}),
        activation=arguments["activation"],
        **_network_options(arguments, rng),
    )
    masks.update(kernel_masks(parameters.network))
    return MixtureMade(parameters, arguments["event_size"], dtype=arguments["dtype"])


def _flow(
    builder: str,
    bijectors: list[Any],
    arguments: dict[str, Any],
    *,
    masks: dict[Any, np.ndarray] | None = None,
    base: Any = None,
) -> Flow:
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


# What a saved flow is rebuilt by.
BUILDERS = {
    builder.__name__: builder
    for builder in (
        build_gaussian,
        build_made,
        build_made_mog,
        build_realnvp,
        build_maf,
        build_maf_mog,
        build_nsf,
    )
}
