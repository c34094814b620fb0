"""Seconds until POWER's subset reaches +1.0 on validation rows.

``python time_to_quality.py POWER_FOLDER OUT [MODEL] [MOST_SECONDS]`` writes ``OUT.json``: wall and
CPU seconds of the process, from its start, after each epoch, until the mean validation
log-likelihood is +1.0 nats (columns standardised) or the time is up. MODEL is maf (10 layers), the
default, maf_mog or nsf, with a learning rate of 1e-3 that falls to nothing along a cosine.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()
GOAL = 1.0
EPOCHS = 100
MODELS = {
    "maf": ("build_maf", {"num_layers": 10}),
    "maf_mog": ("build_maf_mog", {"num_layers": 5}),
    "nsf": ("build_nsf", {"num_layers": 5}),
}


class Reached(Exception):
    """The goal, or the end of the time."""


def measure(folder: str, model: str, most_seconds: float, batch_size: int = 100) -> dict:
    """Train one model, and return the seconds after each epoch."""
    import tf_keras

    import tfp_maf
    from tfp_maf.data_prep import power

    splits = power.load(folder)
    builder, arguments = MODELS[model]
    flow = getattr(tfp_maf, builder)(splits.train.shape[1], **arguments)
    steps = EPOCHS * (len(splits.train) // batch_size)
    epochs: list[dict[str, float]] = []

    def on_epoch(history: tfp_maf.History) -> None:
        score = history.validation[-1]
        seconds = time.perf_counter() - BEGAN
        epochs.append({"seconds": seconds, "cpu": time.process_time(), "validation": score})
        print(epochs[-1], flush=True)
        if score >= GOAL or seconds > most_seconds:
            raise Reached

    with contextlib.suppress(Reached):
        tfp_maf.fit(
            flow,
            splits.train,
            splits.validation,
            standardise=False,
            learning_rate=tf_keras.optimizers.schedules.CosineDecay(1e-3, steps),
            batch_size=batch_size,
            max_epochs=EPOCHS,
            patience=EPOCHS,
            progress=False,
            on_epoch=on_epoch,
        )
    is_reached = bool(epochs) and epochs[-1]["validation"] >= GOAL
    return {"model": model, "goal": GOAL, "is_reached": is_reached, "epochs": epochs}


if __name__ == "__main__":
    folder, out, *rest = sys.argv[1:]
    model, most = (*rest, *("maf", "600")[len(rest) :])
    result = measure(folder, model, float(most))
    Path(out).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
