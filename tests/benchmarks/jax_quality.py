"""The MAF in plain JAX and flowjax's, trained with a schedule; see time_to_quality.py."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax_flows import FlowJax, PlainJax


def schedule(case: dict, steps: int):
    """Learning rate by step, as the other libraries have it."""
    warm_up = steps // 20

    def rate(step: jax.Array) -> jax.Array:
        fall = 0.5 * (1 + jnp.cos(jnp.pi * (step - warm_up) / (steps - warm_up)))
        return case["rate"] * jnp.where(step < warm_up, step / warm_up, fall)

    return rate


def scores(case: dict) -> Iterator[float]:
    """Validation scores, epoch by epoch."""
    with np.load(case["rows"]) as rows:
        train, validation = rows["train"], rows["validation"]
    batch = case["batch"]
    an_epoch = len(train) // batch
    case = case | {"features": train.shape[1], "steps": an_epoch}
    rate = schedule(case, case["epochs"] * an_epoch)
    flow = {"jax": PlainJax, "flowjax": FlowJax}[case["library"]](case, rate=rate, clip_norm=1.0)
    rng = np.random.default_rng(0)
    for _ in range(case["epochs"]):
        shuffled = train[rng.permutation(len(train))[: an_epoch * batch]]
        flow.set_rows(shuffled)
        flow.train(an_epoch)
        yield flow.score(train, validation)
