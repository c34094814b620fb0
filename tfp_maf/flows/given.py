"""Conditional flows with the condition filled in, as plain ``tfd.Distribution`` objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
import tensorflow_probability as tfp

from tfp_maf.bijectors.attention import AttentionLayer
from tfp_maf.bijectors.coupling import real_nvp
from tfp_maf.distributions.autoregressive import Autoregressive

tfb, tfd = tfp.bijectors, tfp.distributions


class Given(tf.Module):
    """Network with its condition filled in; TFP passes all other arguments.

    Args:
        network: a network that takes ``condition`` by name.
        condition: ``[..., C]``.
    """

    def __init__(self, network: tf.Module, condition: tf.Tensor):
        super().__init__()
        self.network, self.condition = network, condition

    def __call__(self, *inputs: Any) -> Any:
        """Call the network with the condition."""
        return self.network(*inputs, condition=self.condition)

    def from_noise(self, u: tf.Tensor, _: None = None) -> tf.Tensor:
        """Return data for noise, as the network of an attention layer does, given the condition."""
        return self.network.from_noise(u, self.condition)


def given_condition(
    bijectors: Sequence[Any], base: Any, condition: tf.Tensor, *, event_size: int
) -> Any:
    """Return the distribution of events ``[D]`` given ``condition [..., C]``, of batch ``[...]``.

    Args:
        bijectors: from the data to the noise.
        base: the density of the noise.
        condition: the networks' input.
        event_size: D.
    """
    shape = tf.concat([tf.shape(condition)[:-1], [event_size]], axis=0)
    zero = tf.ensure_shape(tf.zeros(shape, condition.dtype), [*condition.shape[:-1], event_size])
    if isinstance(base, Autoregressive):
        base = base.given(condition)
    else:
        base = tfd.MultivariateNormalDiag(loc=zero)
    filled = [_filled(bijector, condition) for bijector in bijectors]
    # A shift by zero gives one event the batch shape of several conditions: a coupling layer would
    # join the part of it that it leaves alone, still one, to one other part for each condition.
    return tfd.TransformedDistribution(base, tfb.Chain([tfb.Shift(zero), *filled]))


def _filled(bijector: Any, condition: tf.Tensor) -> Any:
    networks = [m for m in bijector.submodules if getattr(m, "condition_size", 0)]
    if not networks:
        return bijector
    network = Given(networks[0], condition)
    if isinstance(bijector, AttentionLayer):
        return AttentionLayer(network)
    if isinstance(bijector, tfb.RealNVP):
        kind = "bijector_fn" if hasattr(networks[0], "bijector") else "shift_and_log_scale_fn"
        return real_nvp(bijector._input_depth, num_masked=bijector._masked_size, **{kind: network})
    if hasattr(networks[0], "bijector"):
        return tfb.MaskedAutoregressiveFlow(bijector_fn=network)
    return tfb.MaskedAutoregressiveFlow(network)
