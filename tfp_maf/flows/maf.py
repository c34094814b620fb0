"""The paper's models, a builder each: thin wrappers around TFP's bijectors.

Papamakarios et al. 2017 (arXiv 1705.07057), section 3, 4 and appendix C. All of them also take a
condition: ``num_labels`` for labels ``0..num_labels - 1``, or ``condition_size`` for vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import tensorflow_probability as tfp

from tfp_maf.bijectors.coupling import CouplingNetwork
from tfp_maf.bijectors.spline import AutoregressiveSplines, CouplingSplines
from tfp_maf.flows.flow import Flow
from tfp_maf.flows.gaussian import LinearConditionals
from tfp_maf.flows.parts import (
    after_layer,
    autoregressive_layers,
    checked,
    coupling_layers,
    log_scale_bound_of,
    make_flow,
    mixture_base,
    network_options,
)
from tfp_maf.networks.made import kernel_masks

tfb = tfp.bijectors

Dtype = Literal["float32", "float64"]
Bound = float | Literal["auto"] | None


def build_maf(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "tanh",
    batch_norm: bool = True,
    permute: bool = True,
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
        permute: whether the columns are reversed between layers; without it, all see them in
            one order, and ``x_1`` stays Gaussian but for its scale.
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
    arguments = checked(locals())
    rng = np.random.default_rng(seed)
    bijectors, masks = autoregressive_layers(arguments, rng)
    if order == "post":
        bijectors.reverse()
    return make_flow("build_maf", bijectors, arguments, masks=masks)


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
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A MADE with Gaussian conditionals: a MAF of one layer without batch normalisation.

    Args as :func:`build_maf`'s.
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
    seed: int = 0,
    dtype: Dtype = "float32",
) -> Flow:
    """A MADE whose conditionals are mixtures of Gaussians (section 4, "MADE MoG").

    Args as :func:`build_maf`'s; ``components`` of each mixture, 10 in the paper.
    """
    arguments = checked(locals())
    masks: dict[Any, np.ndarray] = {}
    base = mixture_base(arguments, np.random.default_rng(seed), masks)
    return make_flow("build_made_mog", [], arguments, masks=masks, base=base)


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
    arguments = checked(locals())
    rng = np.random.default_rng(seed)

    def coupling(n_in: int, n_out: int) -> Any:
        network = CouplingNetwork(
            n_in,
            n_out,
            bound=log_scale_bound_of(arguments),
            scale_activation=scale_activation,
            shift_activation=shift_activation,
            **network_options(arguments, rng),
        )
        return {"shift_and_log_scale_fn": network}

    return make_flow("build_realnvp", coupling_layers(arguments, coupling), arguments)


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
    arguments = checked(locals())
    rng = np.random.default_rng(seed)
    options: dict[str, Any] = {"bins": bins, "bound": bound, "activation": activation}
    if coupling:

        def splines(n_in: int, n_out: int) -> Any:
            both = options | network_options(arguments, rng)
            return {"bijector_fn": CouplingSplines(n_in, n_out, **both)}

        return make_flow("build_nsf", coupling_layers(arguments, splines), arguments)
    bijectors, masks = [], {}
    for layer in range(num_layers):
        network = AutoregressiveSplines(event_size, **options, **network_options(arguments, rng))
        masks.update(kernel_masks(network.network))
        bijectors.append(tfb.MaskedAutoregressiveFlow(bijector_fn=network))
        bijectors += after_layer(arguments, is_last=layer == num_layers - 1)
    return make_flow("build_nsf", bijectors, arguments, masks=masks)


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
    arguments = checked(locals())
    linear = LinearConditionals(
        event_size,
        condition_size=condition_size + num_labels,
        adds_one=not num_labels,
        rng=np.random.default_rng(seed),
        dtype=dtype,
    )
    masks = {linear.weights.ref(): linear.mask}
    bijectors = [tfb.MaskedAutoregressiveFlow(linear)]
    return make_flow("build_gaussian", bijectors, arguments, masks=masks)


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
