"""Builders of the paper's MADE and MAF models: thin wrappers around TFP's bijectors.

Papamakarios et al. 2017 (arXiv 1705.07057), sections 3, 4 and appendix C. All models also take a
condition: ``num_labels`` for labels ``0..num_labels - 1``, or ``condition_size`` for vectors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.bijectors.affine import ShiftAndLogScale
from tfp_maf.bijectors.attention import AttentionLayer, AttentionShiftAndLogScale
from tfp_maf.bijectors.elementwise import Elementwise
from tfp_maf.bijectors.spline import SplineOf
from tfp_maf.distributions.mixture import MixtureMade, MixtureParameters
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.parts import (
    Bound,
    Dtype,
    Supports,
    after_layer,
    checked,
    log_scale_bound_of,
    make_flow,
    network_options,
    rows_at_once,
)
from tfp_maf.networks.made import kernel_masks
from tfp_maf.utils.checks import check_one_of

tfb = tfp.bijectors

# Maps of a column other than the affine one: raw outputs to a bijector, with ``params``.
ELEMENTWISE: dict[str, Any] = {"spline": SplineOf(bins=8, bound=3.0)}


def build_maf(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "tanh",
    batch_norm: bool = True,
    permute: bool = True,
    order: Literal["paper", "post"] = "paper",
    bijector: Literal["affine", "spline"] | Callable[[tf.Tensor], Any] = "affine",
    params: int | None = None,
    network: Literal["made", "attention"] = "made",
    heads: int = 4,
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    support: Supports = None,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a masked autoregressive flow (Papamakarios et al. 2017, section 3).

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
        permute: whether the columns are reversed between layers; without it, all see them in
            one order, and ``x_1`` stays Gaussian but for its scale.
        order: ``"paper"``: the data meet the first layer, in the columns' own
            order, and batch normalisation comes after it on the way to the noise.
            ``"post"``: the post's list, reversed, so that the data meet batch
            normalisation first.
        bijector: the map of each column: ``"affine"``, equation 3; ``"spline"``, as in
            :func:`build_nsf`; or a function of yours, from a tensor of raw outputs
            ``[..., params]`` to a ``tfb.Bijector`` of ``[...]``, noise to data.
        params: raw outputs per column that such a function takes.
        network: ``"made"``; or ``"attention"``, a causal Transformer whose tokens are the columns,
            with one layer for each of ``hidden_units``, all of one width (see
            :mod:`tfp_maf.networks.transformer`). Its map is affine.
        heads: attention heads per layer, which divide its width.
        log_scale_bound: each layer's log scale stays within plus or minus this
            many nats; ``"auto"`` is ``min(8, 30 / num_layers)``; None is no bound.
        condition_size: length of the vectors that the density is conditional on.
        num_labels: number of labels that it is conditional on.
        support: for each column its range, such as ``tfp_maf.Support(low=0)``, or None.
        seed: of the initial weights.
        dtype: of weights, inputs and outputs.

    Returns:
        A :class:`Flow`, all its variables built.

    Raises:
        ValueError: If an argument is out of its range; the message names it.
    """
    arguments = checked(locals())
    rng = np.random.default_rng(seed)
    if event_size == 1 and bijector == "affine":
        warnings.warn(
            "a MAF of one column is a Gaussian at any depth, since nothing comes before the "
            'column: use build_nsf, build_made_mog or build_maf(1, bijector="spline")',
            stacklevel=2,
        )
    if callable(bijector) == (params is None):
        raise ValueError("give params with a bijector of your own, and only then")
    masks: dict[Any, np.ndarray] = {}
    check_one_of("network", network, ("made", "attention"))
    if network == "attention":
        if bijector != "affine":
            raise ValueError('network="attention" has affine maps only: leave out bijector')
        bijectors = attention_layers(arguments, rng)
    elif callable(bijector):
        bijectors, masks = autoregressive_layers(arguments, rng, bijector=bijector, params=params)
    else:
        check_one_of("bijector", bijector, ("affine", *ELEMENTWISE))
        elementwise = ELEMENTWISE.get(bijector)
        bijectors, masks = autoregressive_layers(arguments, rng, bijector=elementwise)
    if order == "post":
        bijectors.reverse()
    most_rows = rows_at_once(event_size) if network == "attention" else None
    return make_flow("build_maf", bijectors, arguments, masks=masks, most_rows=most_rows)


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
    support: Supports = None,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a MAF whose noise has the density of a MADE MoG (section 4, "MAF MoG").

    The arguments are those of :func:`build_maf`, and ``components``, the number of Gaussians in
    each mixture, 10 in the paper.
    """
    arguments = checked(locals())
    rng = np.random.default_rng(seed)
    bijectors, masks = autoregressive_layers(arguments, rng)
    # The order is reversed between layers, and before the base as well.
    bijectors.append(tfb.Permute(list(reversed(range(event_size)))))
    base = mixture_base(arguments, rng, masks)
    return make_flow("build_maf_mog", bijectors, arguments, masks=masks, base=base)


def build_made(
    event_size: int,
    *,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "relu",
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    support: Supports = None,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a MADE with Gaussian conditionals: a MAF of one layer without batch normalisation.

    The arguments are those of :func:`build_maf`.
    """
    arguments = checked(locals())
    layer = arguments | {"num_layers": 1, "batch_norm": False}
    bijectors, masks = autoregressive_layers(layer, np.random.default_rng(seed))
    return make_flow("build_made", bijectors, arguments, masks=masks)


def build_made_mog(
    event_size: int,
    *,
    components: int = 10,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "relu",
    log_scale_bound: Bound = "auto",
    condition_size: int = 0,
    num_labels: int = 0,
    support: Supports = None,
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """Build a MADE whose conditionals are mixtures of Gaussians (section 4, "MADE MoG").

    The arguments are those of :func:`build_maf`, and ``components``, the number of Gaussians in
    each mixture, 10 in the paper.
    """
    arguments = checked(locals())
    masks: dict[Any, np.ndarray] = {}
    base = mixture_base(arguments, np.random.default_rng(seed), masks)
    return make_flow("build_made_mog", [], arguments, masks=masks, base=base)


def autoregressive_layers(
    arguments: dict[str, Any],
    rng: np.random.Generator,
    *,
    bijector: Callable[[tf.Tensor], Any] | None = None,
    params: int | None = None,
) -> tuple[list[Any], dict[Any, np.ndarray]]:
    """Return the bijectors of a MAF in the paper's order, and their masks.

    Args:
        arguments: those of the builder.
        rng: of the initial weights.
        bijector: the map of each column, from raw outputs; None is affine.
        params: raw outputs per column; those that ``bijector`` names by default.
    """
    bijectors: list[Any] = []
    masks: dict[Any, np.ndarray] = {}
    for layer in range(arguments["num_layers"]):
        options = {"activation": arguments["activation"], **network_options(arguments, rng)}
        network: ShiftAndLogScale | Elementwise
        if bijector is None:
            bound = log_scale_bound_of(arguments)
            network = ShiftAndLogScale(arguments["event_size"], bound=bound, **options)
            bijectors.append(tfb.MaskedAutoregressiveFlow(network))
        else:
            size = getattr(bijector, "params", 0) if params is None else params
            network = Elementwise(
                arguments["event_size"], bijector=bijector, params=size, **options
            )
            bijectors.append(tfb.MaskedAutoregressiveFlow(bijector_fn=network))
        masks.update(kernel_masks(network.network))
        bijectors += after_layer(arguments, is_last=layer == arguments["num_layers"] - 1)
    return bijectors, masks


def attention_layers(arguments: dict[str, Any], rng: np.random.Generator) -> list[Any]:
    """Return the bijectors of a MAF whose networks are causal Transformers over the columns.

    Raises:
        ValueError: If the layers are not of one width.
    """
    event_size, widths = arguments["event_size"], arguments["hidden_units"]
    if len(set(widths)) != 1:
        raise ValueError(
            f"attention needs layers of one width, such as hidden_units=(64, 64), got {widths}"
        )
    bijectors: list[Any] = []
    for layer in range(arguments["num_layers"]):
        network = AttentionShiftAndLogScale(
            event_size,
            tokens=event_size,
            bound=log_scale_bound_of(arguments),
            condition_size=arguments["condition_size"] + arguments["num_labels"],
            widths=widths,
            heads=arguments["heads"],
            activation=arguments["activation"],
            rng=rng,
            dtype=arguments["dtype"],
        )
        bijectors.append(AttentionLayer(network))
        bijectors += after_layer(arguments, is_last=layer == arguments["num_layers"] - 1)
    return bijectors


def mixture_base(
    arguments: dict[str, Any], rng: np.random.Generator, masks: dict[Any, np.ndarray]
) -> MixtureMade:
    """Return a MADE MoG as the density of the noise, and add its masks to ``masks``."""
    parameters = MixtureParameters(
        arguments["event_size"],
        components=arguments["components"],
        bound=log_scale_bound_of(arguments | {"num_layers": 1}),
        activation=arguments["activation"],
        **network_options(arguments, rng),
    )
    masks.update(kernel_masks(parameters.network))
    return MixtureMade(parameters, arguments["event_size"], dtype=arguments["dtype"])
