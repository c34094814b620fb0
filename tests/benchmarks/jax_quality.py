"""The MAF in plain JAX and flowjax's, trained with a schedule; see time_to_quality.py."""

from __future__ import annotations

from collections.abc import Iterator

import jax.numpy as jnp
import numpy as np
from jax_flows import FlowJax, PlainJax
from schedule import rates


def scores(case: dict) -> Iterator[float]:
    """Validation scores, epoch by epoch."""
    with np.load(case["rows"]) as rows:
        train, validation = rows["train"], rows["validation"]
    batch = case["batch"]
    an_epoch = len(train) // batch
    case = case | {"features": train.shape[1], "steps": an_epoch}
    by_step = jnp.asarray(rates(case, case["epochs"] * an_epoch), jnp.float32)
    make = {"jax": PlainJax, "flowjax": FlowJax}[case["library"]]
    flow = make(case, rate=lambda step: by_step[step.astype(int)], clip_norm=1.0)
    rng = np.random.default_rng(0)
    for _ in range(case["epochs"]):
        shuffled = train[rng.permutation(len(train))[: an_epoch * batch]]
        flow.set_rows(shuffled)
        flow.train(an_epoch)
        yield flow.score(train, validation)
