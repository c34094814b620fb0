"""tfp_maf's flows, trained by ``fit``; see time_to_quality.py."""

from __future__ import annotations

from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread

import numpy as np

import tfp_maf


def scores(case: dict) -> Iterator[float]:
    """Validation scores, epoch by epoch."""
    import tf_keras

    with np.load(case["rows"]) as rows:
        train, validation = rows["train"], rows["validation"]
    arguments = {"num_layers": case["layers"], "hidden_units": case.get("hidden", (100, 100))}
    if "batch_norm" in case:
        arguments["batch_norm"] = case["batch_norm"]
    flow = getattr(tfp_maf, case["builder"])(train.shape[1], **arguments)
    steps = case["epochs"] * (len(train) // case["batch"])
    warm_up = steps // 20
    rate = tf_keras.optimizers.schedules.CosineDecay(
        0.0, steps - warm_up, warmup_target=case["rate"], warmup_steps=warm_up
    )
    found: SimpleQueue = SimpleQueue()

    def fit() -> None:
        tfp_maf.fit(
            flow,
            train,
            validation,
            standardise=False,
            learning_rate=rate,
            clip_norm=1.0,
            batch_size=case["batch"],
            max_epochs=case["epochs"],
            patience=case["epochs"],
            progress=False,
            on_epoch=lambda history: found.put(history.validation[-1]),
        )

    # ``fit`` calls back, a generator is asked: a thread is between them.
    Thread(target=fit, daemon=True).start()
    for _ in range(case["epochs"]):
        yield found.get()
