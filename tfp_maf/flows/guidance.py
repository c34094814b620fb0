"""Guidance and denoising of a flow's samples.

Both are those of Zhai et al. 2024 (TarFlow, arXiv 2412.06329). A flow is trained on data with
noise, ``fit(..., input_noise=s)``, which makes it smooth between the data; its samples have that
noise too, and one step along the gradient of its density takes it off again (Tweedie's formula)::

    x = y + s^2 grad log p(y)

Guidance moves each layer's shift and log scale away from those without a label. A flow learns what
"without a label" is from rows whose label was dropped::

    labels = drop_labels(labels, label=10, share=0.1, seed=0)  # 10 digits, and "any"
    flow = build_tarflow((28, 28), num_labels=11)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from tfp_maf.bijectors.attention import AttentionLayer
from tfp_maf.flows.flow import Flow
from tfp_maf.utils.checks import check_positive


def denoised(flow: Flow, x: Any, noise: float, *, condition: Any = None) -> np.ndarray:
    """Return rows ``[N, D]`` without the noise that a flow was trained with.

    Args:
        flow: trained with ``input_noise=noise``.
        x: its samples, ``[N, D]``, or other rows with such noise.
        noise: its standard deviation, in units of the flow's standardised columns.
        condition: for a conditional flow, see :meth:`Flow.log_prob`.

    Raises:
        ValueError: If the flow models levels, the noise is negative, or rows or condition are
            invalid.
    """
    check_positive("noise", noise, or_zero=True)
    if flow.is_of_levels:
        raise ValueError(f"denoising is for densities; {flow.builder} models levels")
    rows = tf.constant(flow.joined_rows(x, condition))
    with tf.GradientTape() as tape:
        tape.watch(rows)
        log_prob = flow.tfp_log_prob(rows)
    z, _ = flow.split(rows)
    score, _ = flow.split(tape.gradient(log_prob, rows))
    return flow.rows.to_data(z + noise**2 * score).numpy()


def guided_sample(
    flow: Flow, condition: Any, *, against: Any, weight: float, seed: int
) -> np.ndarray:
    """Draw one event ``[N, D]`` for each condition, moved away from another condition.

    In each layer ``values + w (values - values_against)`` replaces shift and log scale, with a
    weight w that grows from patch to patch.

    Args:
        flow: from :func:`build_tarflow`, conditional.
        condition: labels ``[N]`` or vectors ``[N, C]``.
        against: one condition, such as the label of rows whose label was dropped.
        weight: of the last patch; 0 draws what :meth:`Flow.sample` draws.
        seed: of the noise.

    Raises:
        ValueError: If the flow has no attention layers or no condition, or the weight is negative.
    """
    check_positive("weight", weight, or_zero=True)
    if not any(isinstance(bijector, AttentionLayer) for bijector in flow.bijectors):
        raise ValueError(f"guidance is for flows from build_tarflow, not {flow.builder}")
    if not flow.conditioning.size:
        raise ValueError("guidance needs a conditional flow: build it with num_labels")
    if np.ndim(condition) != (1 if flow.conditioning.num_labels else 2):
        raise ValueError(f"condition must give one for each sample, got {condition!r}")
    shape = (len(condition),)
    given, other = (
        tf.constant(flow.rows.condition_arrays(values, shape)) for values in (condition, against)
    )
    drawn = np.random.default_rng(seed).standard_normal([*shape, flow.event_size])

    @tf.function
    def data(x: tf.Tensor) -> tf.Tensor:
        for bijector in reversed(flow.bijectors):
            if isinstance(bijector, AttentionLayer):
                x = bijector.network.from_noise(x, given, against=other, weight=weight)
            else:
                x = bijector.forward(x)
        return x

    return flow.rows.to_data(data(tf.constant(drawn, flow.dtype))).numpy()


def drop_labels(labels: np.ndarray, *, label: int, share: float, seed: int) -> np.ndarray:
    """Return labels ``[N]``, a share of them replaced by the label that means any.

    Args:
        labels: below ``label``.
        label: what replaces them; the flow has ``num_labels = label + 1``.
        share: probability of replacing each.
        seed: of the choice.

    Raises:
        ValueError: If the share is not a probability, or a label is out of range.
    """
    labels = np.asarray(labels)
    if not 0 <= share <= 1:
        raise ValueError(f"share must be between 0 and 1, got {share!r}")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be integers, got {labels.dtype}")
    if labels.size and not 0 <= labels.min() <= labels.max() < label:
        bad = labels.max() if labels.max() >= label else labels.min()
        raise ValueError(f"labels must be at least 0 and below {label}, which means any: got {bad}")
    dropped = np.random.default_rng(seed).random(labels.shape) < share
    return np.where(dropped, label, labels.astype(np.int64))  # a small type may not hold it
