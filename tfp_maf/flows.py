"""Flows: stacks of TFP bijectors between noise and data.

``x = f(u)`` with ``u ~ N(0, I)``, so that
``log p(x) = log N(f^-1(x)) + log |det d f^-1 / dx|`` (Papamakarios et al. 2017,
arXiv 1705.07057, section 2.2).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import tensorflow as tf
import tensorflow_probability as tfp
from tensorflow.python.eager import record

from tfp_maf import checks
from tfp_maf.batch_normalization import BatchNormalization, batch_normalization_layer
from tfp_maf.compiled import CompiledByRows, layer_inverses
from tfp_maf.layers import ShiftAndLogScale, autoregressive_network, kernel_masks
from tfp_maf.sampling import noise_to_data
from tfp_maf.stack import log_prob, read_stack

tfb, tfd = tfp.bijectors, tfp.distributions

# A whole stack may scale by at most e^30 (1e13): squared, a row 1e6 standard deviations out
# then still fits float32.
LOG_SCALE_BUDGET = 30.0
SAMPLE_CHUNK = 10_000


class Flow(tf.Module):
    """A density over events ``[D]`` with exact ``log_prob`` and ``sample``.

    Attributes:
        distribution: ``tfd.TransformedDistribution`` for evaluation; batch norm uses its
            stored statistics.
        training_distribution: the same layers and variables; batch norm uses the batch's
            statistics.
        masks: for each masked kernel, by ``variable.ref()``, its mask ``[n_in, n_out]``.
        builder, arguments: the ``build_*`` function's name and what it was given.

    Args:
        bijectors: in the order of ``tfb.Chain``: the first is nearest to the data.
    """

    def __init__(
        self,
        event_size: int,
        bijectors: Sequence[Any],
        *,
        builder: str,
        arguments: dict[str, Any],
        masks: dict[Any, np.ndarray],
        dtype: str = "float32",
    ):
        super().__init__()
        self.event_size, self.dtype = event_size, dtype
        self.builder = builder
        # tf.Module would wrap a plain dict in a type of its own, which json does not take.
        self.arguments = MappingProxyType(dict(arguments))
        self.masks = masks
        base = tfd.MultivariateNormalDiag(loc=tf.zeros([event_size], dtype))
        self.distribution = tfd.TransformedDistribution(base, tfb.Chain(list(bijectors)))
        self.training_distribution = tfd.TransformedDistribution(
            base, tfb.Chain([_training_view(bijector) for bijector in bijectors])
        )
        rows = tf.TensorSpec([None, event_size], dtype)
        # Of TFP's bijectors, for any number of rows: what is exported.
        self._log_prob = tf.function(self.distribution.log_prob, input_signature=[rows])
        self._noise = tf.function(self.distribution.bijector.inverse, input_signature=[rows])
        self._data = tf.function(self.distribution.bijector.forward, input_signature=[rows])
        self._sample = tf.function(
            lambda n, seed: self.distribution.sample(n, seed=seed),
            input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([2], tf.int32)],
        )
        # The same arithmetic for XLA, where the bijectors are those it is written out for.
        self.layers = read_stack(bijectors, masks)
        self._fast_log_prob, self._fast_data = self._log_prob, self._data
        if self.layers is None:
            self.inverses = [tf.function(b.inverse, input_signature=[rows]) for b in bijectors]
        else:
            layers = self.layers
            self.inverses = layer_inverses(layers)
            self._fast_log_prob = CompiledByRows(lambda x: log_prob(layers, x))
            self._fast_data = CompiledByRows(noise_to_data(layers, masks))

    @property
    def bijectors(self) -> list[Any]:
        """From the data to the noise, as evaluation uses them."""
        return list(self.distribution.bijector.bijectors)

    def log_prob(self, x: Any, *, first_row: int = 0) -> tf.Tensor:
        """``log p(x)`` in nats, ``[N, D]`` to ``[N]``.

        Args:
            x: rows in the units that the flow was trained on.
            first_row: number of the first one, for messages.

        Raises:
            ValueError: not of shape ``[N, D]``, or NaN or infinite.
        """
        rows = checks.rows(x, self.event_size, dtype=self.dtype, first_row=first_row)
        # Inside a tf.function the number of rows may be unknown.
        if tf.is_tensor(rows) or len(rows) == 0:
            return self._log_prob(rows)
        return self._fast_log_prob(rows)

    def noise(self, x: Any) -> tf.Tensor:
        """``u = f^-1(x)``, ``[N, D]`` to ``[N, D]``: standard normal if the flow fits."""
        return self._noise(checks.rows(x, self.event_size, dtype=self.dtype))

    def sample(self, n: int, *, seed: int | None = None) -> tf.Tensor:
        """Draws ``[n, D]``; the same seed gives the same rows, fewer of them the first ones.

        Raises:
            ValueError: ``n`` below 1.
        """
        if n < 1:
            raise ValueError(f"n must be at least 1, got {n}")
        rng = np.random.default_rng(seed)
        # The one-pass way has no gradient.
        gradients = not tf.executing_eagerly() or record.could_possibly_record()
        data = self._data if gradients else self._fast_data
        chunks = []
        for start in range(0, n, SAMPLE_CHUNK):
            noise = rng.standard_normal([min(SAMPLE_CHUNK, n - start), self.event_size])
            chunks.append(data(tf.constant(noise, self.dtype)))
        return chunks[0] if len(chunks) == 1 else tf.concat(chunks, axis=0)

    @property
    def functions(self) -> tuple[Any, Any, Any]:
        """``log_prob``, ``noise`` and ``sample(n, seed [2])`` as ``tf.function``, for export."""
        return self._log_prob, self._noise, self._sample

    @property
    def gammas(self) -> dict[Any, tf.Variable]:
        """The scale of each batch normalisation, by ``variable.ref()``."""
        norms = [b.batchnorm for b in self.bijectors if isinstance(b, BatchNormalization)]
        return {norm.gamma.ref(): norm.gamma for norm in norms}

    @property
    def has_batch_norm(self) -> bool:
        """Whether any layer is a batch normalisation."""
        return bool(self.gammas)

    def get_weights(self) -> list[np.ndarray]:
        """A copy of all variables, batch norm's statistics included."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[np.ndarray]) -> None:
        """Puts back what :meth:`get_weights` gave."""
        for variable, value in zip(self.variables, weights, strict=True):
            variable.assign(value)

    def save(self, folder: str | Path) -> None:
        """Writes a TensorFlow SavedModel and what :func:`tfp_maf.load_flow` needs to rebuild.

        Raises:
            OSError: the folder can't be written.
        """
        from tfp_maf.saving import save_flow

        save_flow(self, folder)


def _training_view(bijector: Any) -> Any:
    if isinstance(bijector, BatchNormalization):
        return BatchNormalization(bijector.batchnorm, training=True)
    return bijector


def build_maf(
    event_size: int,
    *,
    num_layers: int = 5,
    hidden_units: Sequence[int] = (100, 100),
    activation: str = "tanh",
    batch_norm: bool = True,
    order: Literal["paper", "post"] = "paper",
    log_scale_bound: float | Literal["auto"] | None = "auto",
    seed: int = 0,
    dtype: Literal["float32", "float64"] = "float32",
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
        seed: of the initial weights.
        dtype: of weights, inputs and outputs.

    Returns:
        A :class:`Flow`, all its variables built.

    Raises:
        ValueError: an argument out of its range; names it.
    """
    arguments = dict(locals(), hidden_units=list(hidden_units))
    for name, value in [("event_size", event_size), ("num_layers", num_layers)]:
        checks.positive_integer(name, value)
    for units in hidden_units:
        checks.positive_integer("hidden_units", units)
    checks.one_of("order", order, ("paper", "post"))
    checks.one_of("dtype", dtype, ("float32", "float64"))
    checks.activation(activation)
    if log_scale_bound == "auto":
        log_scale_bound = min(8.0, LOG_SCALE_BUDGET / num_layers)
    elif log_scale_bound is not None:
        checks.positive("log_scale_bound", log_scale_bound)

    rng = np.random.default_rng(seed)
    masks: dict[Any, np.ndarray] = {}
    bijectors: list[Any] = []
    for layer in range(num_layers):
        network = autoregressive_network(
            event_size, hidden_units=hidden_units, activation=activation, rng=rng, dtype=dtype
        )
        masks.update(kernel_masks(network))
        shift_and_log_scale = ShiftAndLogScale(network, log_scale_bound, activation=activation)
        bijectors.append(tfb.MaskedAutoregressiveFlow(shift_and_log_scale))
        if batch_norm:
            norm = batch_normalization_layer(dtype=dtype)
            norm.build([None, event_size])
            bijectors.append(BatchNormalization(norm, training=False))
        if layer < num_layers - 1:
            bijectors.append(tfb.Permute(list(reversed(range(event_size)))))
    if order == "post":
        bijectors.reverse()
    return Flow(
        event_size, bijectors, builder="build_maf", arguments=arguments, masks=masks, dtype=dtype
    )


# What a saved flow is rebuilt by.
BUILDERS = {"build_maf": build_maf}
