"""Program of a whole flow: equal layers are one body of a loop, weights are arguments.

A MAF repeats "autoregressive layer, batch normalisation, reversal". Written out, ten of them
take XLA ten times as long to compile as one; here the body is compiled once, and run ``repeats``
times over weights that are stacked along a first axis. A program holds no variables, so flows of
the same architecture share what is compiled for it (:mod:`tfp_maf.xla.compiled`).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.bijectors.affine import ShiftAndLogScale
from tfp_maf.bijectors.batch_norm import BatchNormalization
from tfp_maf.bijectors.coupling import CouplingNetwork
from tfp_maf.bijectors.elementwise import Elementwise
from tfp_maf.bijectors.spline import CouplingSplines
from tfp_maf.distributions.mixture import MixtureMade, pick, uniform
from tfp_maf.networks.dense import bounded
from tfp_maf.networks.made import MaskedParameters, kernel_masks
from tfp_maf.xla.gradients import Keep, as_it_is
from tfp_maf.xla.layers import (
    AffineCoupling,
    AffineLayer,
    CouplingLayer,
    ElementwiseCoupling,
    ElementwiseLayer,
    Layer,
    MaskedNetwork,
    Normalisation,
    Parts,
    Permutation,
)

tfb, tfd = tfp.bijectors, tfp.distributions

# Layers with their parts and statistics.
Dealt = Sequence[tuple[Layer, Any, Any]]

MOST_PERIOD = 6  # layers of a loop's body: two couplings, two normalisations, two permutations


class StandardNormal(Layer):
    """Standard normal density of the noise, ``N(0, I)``."""

    signature = "StandardNormal"

    def log_prob(self, u: tf.Tensor, condition: tf.Tensor | None, parts: Parts) -> tf.Tensor:
        """Return log-likelihoods ``[N]`` of noise ``[N, D]``."""
        normal = 0.5 * u**2 + tf.constant(0.5 * np.log(2 * np.pi), u.dtype)
        return -tf.reduce_sum(normal, axis=1)


class MixtureBase(MaskedNetwork):
    """Density of the noise :class:`~tfp_maf.distributions.mixture.MixtureMade`, a MADE MoG."""

    def __init__(self, distribution: MixtureMade, masks: dict[Any, np.ndarray]):
        super().__init__(distribution.mixtures, masks)
        self.components, self.bound = distribution.mixtures.components, distribution.mixtures.bound
        self.signature = (self.signature, self.components, self.bound)

    def log_prob(self, u: tf.Tensor, condition: tf.Tensor | None, parts: Parts) -> tf.Tensor:
        """Return log-likelihoods ``[N]`` of noise ``[N, D]`` given conditions ``[N, C]``."""
        outputs = self.outputs(u, condition, parts)
        logits, means, raw = tf.unstack(
            tf.reshape(outputs, [u.shape[0], 3, self.components, u.shape[1]]), axis=1
        )
        log_scales = bounded(raw, self.bound)
        deviations = (u[:, None] - means) * tf.exp(-log_scales)
        terms = logits - 0.5 * deviations**2 - log_scales
        # Both maxima are constants to the gradient, as in tf.reduce_logsumexp.
        log_p = tf.reduce_logsumexp(terms, axis=1) - tf.reduce_logsumexp(logits, axis=1)
        return tf.reduce_sum(log_p - tf.constant(0.5 * np.log(2 * np.pi), u.dtype), axis=1)

    def draw(self, outputs: tf.Tensor, noise: Sequence[tf.Tensor]) -> tf.Tensor:
        """Return some features ``[n, N]``, from the components that the noise picks.

        Args:
            outputs: logits, means and raw log deviations ``[n, 3K, N]``.
            noise: standard normal ``[n, N]``: deviations, and choices.
        """
        logits, means, raw = tf.split(outputs, 3, axis=1)
        chosen = uniform(noise[1])
        scale = tf.exp(bounded(pick(chosen, logits, raw, axis=1), self.bound))
        return pick(chosen, logits, means, axis=1) + scale * noise[0]


@dataclass(frozen=True)
class FlowProgram:
    """Arithmetic of a flow, from the data to the noise: ``head``, ``body`` repeated, ``tail``.

    Attributes:
        head, tail: layers that are run once.
        body: layers that are run ``repeats`` times.
        base: the density of the noise.
        event_size: D; the columns of a row after the first D are its condition.
    """

    head: Sequence[Layer]
    body: Sequence[Layer]
    repeats: int
    tail: Sequence[Layer]
    base: Any
    event_size: int

    @property
    def signature(self) -> Hashable:
        """Key of the compiled programs; equal for flows that differ in their weights only."""
        layers = [*self.head, "|", *self.body, self.repeats, *self.tail, "|", self.base]
        signatures = tuple(getattr(layer, "signature", layer) for layer in layers)
        return (signatures, self.event_size)

    @property
    def layers(self) -> list[Layer]:
        """All layers in the order in which data meet them, the loop written out."""
        return [*self.head, *(list(self.body) * self.repeats), *self.tail]

    @property
    def unrolled(self) -> FlowProgram:
        """Program with the same arithmetic, without a loop."""
        return FlowProgram(self.layers, [], 0, [], self.base, self.event_size)

    def split(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Split rows ``[N, D + C]`` into events and conditions, or None if unconditional."""
        has_condition = rows.shape[1] > self.event_size
        return rows[:, : self.event_size], rows[:, self.event_size :] if has_condition else None

    def deal(self, weights: Parts, statistics: Parts | None) -> tuple[Dealt, Dealt, Dealt, Parts]:
        """Return each layer of head, body and tail with its own tensors, and the base's.

        Args:
            weights: packed, as by :class:`tfp_maf.xla.packing.Packing`.
            statistics: packed, or None in training.
        """
        weights = list(weights)
        stored = None if statistics is None else list(statistics)

        def deal(layers: Sequence[Layer]) -> Dealt:
            dealt: list[tuple[Layer, Any, Any]] = []
            for layer in layers:
                parts = [weights.pop(0) for _ in range(part_count(layer))]
                own = None
                if stored is not None:
                    own = [stored.pop(0) for _ in range(layer.num_statistics)]
                dealt.append((layer, parts, own))
            return dealt

        return deal(self.head), deal(self.body), deal(self.tail), weights

    def log_prob(
        self, rows: tf.Tensor, weights: Parts, statistics: Parts | None = None
    ) -> tf.Tensor:
        """Return ``log p(x)`` in nats, ``[N]`` for rows ``[N, D + C]``: change of variables.

        Args:
            rows: events and their conditions, their number static.
            weights: packed, as by :class:`tfp_maf.xla.packing.Packing`.
            statistics: of batch normalisation, packed; None, in training, for the batch's own.
        """
        x, condition = self.split(rows)
        head, body, tail, of_base = self.deal(weights, statistics)
        x, total = run(head, x, condition)
        if self.repeats:

            def layers(i: tf.Tensor, x: tf.Tensor, own: list[tf.Tensor], keep: Keep) -> Any:
                parts = iter(own)
                of_layer = [
                    (layer, [next(parts) for _ in stacked], stored and [s[i] for s in stored])
                    for layer, stacked, stored in body
                ]
                return run(of_layer, x, condition, keep)

            stacked = [part for _, parts, _ in body for part in parts]
            widths = [width for layer in self.body for width in layer.widths]
            x, log_det = repeated(layers, x, stacked, repeats=self.repeats, widths=widths)
            total += log_det
        x, log_det = run(tail, x, condition)
        return total + log_det + self.base.log_prob(x, condition, of_base)


def run(
    layers: Dealt, x: tf.Tensor, condition: tf.Tensor | None, keep: Keep = as_it_is
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return noise ``[N, D]`` and the log-determinant ``[N]`` of layers, one after the other."""
    total = tf.zeros([x.shape[0]], x.dtype)
    for layer, parts, statistics in layers:
        x, log_det = layer.inverse(x, condition, parts, statistics, keep)
        total += log_det
    return x, total


def part_count(layer: Layer) -> int:
    """Return the number of a layer's weight parts."""
    extra = sum(b.count - 1 for b in layer.blocks) if isinstance(layer, MaskedNetwork) else 0
    return len(layer.weight_shapes) + extra


def repeated(
    body: Callable[[tf.Tensor, tf.Tensor, list[tf.Tensor], Keep], tuple[tf.Tensor, tf.Tensor]],
    x: tf.Tensor,
    stacked: Sequence[tf.Tensor],
    *,
    repeats: int,
    widths: Sequence[int],
) -> tuple[tf.Tensor, tf.Tensor]:
    """Run ``x, log_det_i = body(i, x, [w[i] for w in stacked], keep)`` for each i; sum log_dets.

    The gradient is written by hand. It keeps what each layer hands to ``keep``, tensors of
    ``widths`` columns, and runs the body again on the way back with these in place of its matrix
    products, which XLA then leaves out. Automatic differentiation of a loop would keep every
    tensor, and add a whole stack of zeros per layer to the weights' gradients.
    """

    @tf.custom_gradient
    def loop(x: tf.Tensor, *stacked: tf.Tensor) -> Any:
        shapes = [x.shape, *([x.shape[0], width] for width in widths)]
        arrays = [tf.TensorArray(x.dtype, repeats, element_shape=shape) for shape in shapes]

        def step(i: tf.Tensor, x: tf.Tensor, total: tf.Tensor, *arrays: tf.TensorArray) -> Any:
            kept = [x]

            def keep(values: tf.Tensor) -> tf.Tensor:
                kept.append(values)
                return values

            x, log_det = body(i, x, [w[i] for w in stacked], keep)
            written = [array.write(i, v) for array, v in zip(arrays, kept, strict=True)]
            return [i + 1, x, total + log_det, *written]

        start = [tf.constant(0), x, tf.zeros([x.shape[0]], x.dtype), *arrays]
        _, u, total, *arrays = tf.while_loop(
            lambda i, *_: i < repeats, step, start, maximum_iterations=repeats
        )

        def gradient(du: tf.Tensor, dtotal: tf.Tensor) -> Any:
            inputs, *kept = [array.stack() for array in arrays]
            gradients = [
                tf.TensorArray(w.dtype, repeats, element_shape=w.shape[1:]) for w in stacked
            ]

            def back(i: tf.Tensor, du: tf.Tensor, *gradients: tf.TensorArray) -> Any:
                of_layer = [inputs[i], *(w[i] for w in stacked)]
                known = iter([values[i] for values in kept])
                with tf.GradientTape() as tape:
                    tape.watch(of_layer)
                    outputs = body(i, of_layer[0], of_layer[1:], lambda _: next(known))
                dx, *slopes = tape.gradient(
                    outputs,
                    of_layer,
                    output_gradients=[du, dtotal],
                    unconnected_gradients=tf.UnconnectedGradients.ZERO,
                )
                pairs = zip(gradients, slopes, strict=True)
                return [i - 1, dx, *(array.write(i, slope) for array, slope in pairs)]

            _, dx, *gradients = tf.while_loop(
                lambda i, *_: i >= 0,
                back,
                [tf.constant(repeats - 1), du, *gradients],
                maximum_iterations=repeats,
            )
            return (dx, *(array.stack() for array in gradients))

        return (u, total), gradient

    return loop(x, *stacked)


@dataclass(frozen=True)
class Variables:
    """Variables of a layer: those trained, and stored statistics."""

    trained: Sequence[Any] = ()
    statistics: Sequence[Any] = ()


def modules_of(bijector: Any, kind: type) -> list[Any]:
    """Return the networks of a kind that a bijector holds."""
    return [module for module in bijector.submodules if isinstance(module, kind)]


def as_layer(bijector: Any, masks: dict[Any, np.ndarray]) -> tuple[Layer, Variables] | None:
    """Return the bijector as a layer, or None if it is not supported."""
    if isinstance(bijector, tfb.MaskedAutoregressiveFlow):
        networks = modules_of(bijector, MaskedParameters)
        if len(networks) != 1 or not _has_our_masks(networks[0].network, masks):
            return None
        variables = Variables(MaskedNetwork.variables_of(networks[0]))
        if isinstance(networks[0], ShiftAndLogScale):
            return AffineLayer(networks[0], masks), variables
        if isinstance(networks[0], Elementwise):
            return ElementwiseLayer(networks[0], masks), variables
    if isinstance(bijector, tfb.RealNVP):
        for network in modules_of(bijector, CouplingNetwork):
            nets = [network.shift, network.log_scale]
            return AffineCoupling(bijector, network), Variables(CouplingLayer.variables_of(nets))
        for network in modules_of(bijector, CouplingSplines):
            trained = CouplingLayer.variables_of([network.network])
            return ElementwiseCoupling(bijector, network), Variables(trained)
    if isinstance(bijector, BatchNormalization):
        layer = bijector.batchnorm
        if layer.center and layer.scale and layer.built:
            stored = [layer.moving_mean, layer.moving_variance]
            return Normalisation(bijector), Variables([layer.gamma, layer.beta], stored)
    if isinstance(bijector, tfb.Permute):
        return Permutation(np.argsort(tf.get_static_value(bijector.permutation))), Variables()
    return None


def _has_our_masks(network: Any, masks: dict[Any, np.ndarray]) -> bool:
    expected = kernel_masks(network)
    return all(ref in masks and (masks[ref] == mask).all() for ref, mask in expected.items())


def read_program(
    bijectors: Sequence[Any], base: Any, masks: dict[Any, np.ndarray], *, event_size: int
) -> tuple[FlowProgram, list[Variables]] | None:
    """Return the program of these bijectors, from the data to the noise, and its variables.

    The variables are those of :attr:`FlowProgram.layers`, then the base's. None means that a
    bijector or the base is of a kind whose arithmetic is not written out.
    """
    pairs = [as_layer(bijector, masks) for bijector in bijectors]
    if any(pair is None for pair in pairs):
        return None
    of_base: tuple[Any, Variables]
    if isinstance(base, MixtureMade):
        of_base = MixtureBase(base, masks), Variables(MaskedNetwork.variables_of(base.mixtures))
    elif isinstance(base, tfd.MultivariateNormalDiag):
        of_base = StandardNormal(), Variables()
    else:
        return None
    layers = [pair[0] for pair in pairs if pair is not None]
    variables = [pair[1] for pair in pairs if pair is not None]
    # The last layer of a MAF has no reversal after it: with one, and another that undoes it, the
    # last layer is like all before it.
    reversals = [layer for layer in layers if isinstance(layer, Permutation)]
    candidates = [(layers, variables)]
    if reversals and not isinstance(layers[-1], Permutation):
        undone = [reversals[-1], reversals[-1].opposite]
        candidates.append(([*layers, *undone], [*variables, Variables(), Variables()]))
    ways = [
        (_compiled_layers(of[0], head, period, repeats), head, period, repeats, i)
        for i, of in enumerate(candidates)
        for head, period, repeats in loops_of([layer.signature for layer in of[0]])
    ]
    _, head, period, repeats, chosen = min(ways, default=((0, 0), 0, 0, 0, 0))
    layers, variables = candidates[chosen]
    stop = head + period * repeats
    program = FlowProgram(
        layers[:head], layers[head : head + period], repeats, layers[stop:], of_base[0], event_size
    )
    return program, [*variables, of_base[1]]


def _compiled_layers(
    layers: Sequence[Layer], head: int, period: int, repeats: int
) -> tuple[int, int]:
    """Return the number of layers that are compiled: those with weights, and all."""
    left = [*layers[: head + period], *layers[head + period * repeats :]]
    return sum(bool(layer.weight_shapes) for layer in left), len(left)


def loops_of(signatures: Sequence[Hashable]) -> list[tuple[int, int, int]]:
    """Return each way to read a sequence as ``head``, ``period`` items ``repeats`` times, a tail.

    At least two repeats; head of at most one item.
    """
    found = []
    for head in (0, 1):
        for period in range(1, MOST_PERIOD + 1):
            repeats = 1
            while (
                signatures[head + repeats * period : head + (repeats + 1) * period]
                == signatures[head : head + period]
                and len(signatures) >= head + (repeats + 1) * period
            ):
                repeats += 1
            if repeats > 1:
                found.append((head, period, repeats))
    return found
