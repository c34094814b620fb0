"""What a training step costs alone, and shared by two processes on this machine.

    python tests/benchmarks/machines.py

Each process has one core. Writes ``results/machines.json`` and prints it as a table.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from clusters import tf_configs

# Features, layers, hidden units, batch.
SIZES = [
    (8, 10, (100, 100), 100),
    (8, 10, (100, 100), 1_000),
    (784, 5, (512,), 100),
    (784, 5, (512,), 1_000),
]
STEPS = {100: 100, 1_000: 20}  # an epoch
EPOCHS = 3
FLAG = "--worker"


def measure(features: int, layers: int, hidden: list[int], batch: int) -> None:
    """Prints milliseconds a step and the number of parameters; shared where TF_CONFIG is set."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    import tfp_maf
    from tfp_maf.training.distributed import strategy_here

    strategy = strategy_here() if "TF_CONFIG" in os.environ else None
    x = np.random.default_rng(0).normal(size=[batch * STEPS[batch], features]).astype(np.float32)
    flow = tfp_maf.build_maf(features, num_layers=layers, hidden_units=tuple(hidden))
    history = tfp_maf.fit(
        flow, x, x[:100], batch_size=batch, max_epochs=EPOCHS, strategy=strategy, progress=False
    )
    parameters = sum(int(np.prod(v.shape)) for v in flow.trainable_variables)
    print(json.dumps([history.milliseconds_per_step, parameters]))


def start(size: tuple, core: int, config: str | None) -> subprocess.Popen:
    """A process on a core of its own."""
    environment = dict(os.environ, CUDA_VISIBLE_DEVICES="", TF_CPP_MIN_LOG_LEVEL="3")
    environment.pop("TF_CONFIG", None)
    if config is not None:
        environment["TF_CONFIG"] = config
    command = ["taskset", "-c", str(core), sys.executable, __file__, FLAG, json.dumps(size)]
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )


def result(process: subprocess.Popen) -> list:
    """What it printed."""
    out, _ = process.communicate()
    return json.loads(out.decode().splitlines()[-1])


def together(size: tuple) -> float:
    """Milliseconds a step of two processes."""
    processes = [start(size, core, config) for core, config in enumerate(tf_configs(2))]
    return max(result(process)[0] for process in processes)


def main() -> None:
    """Prints and writes the table."""
    from tfp_maf.data_prep.files import write_json
    from tfp_maf.experiments.run import versions

    rows = []
    print("| features | layers | hidden | batch | parameters | alone, ms | two, ms |")
    print("|---" * 7 + "|")
    for size in SIZES:
        alone, parameters = result(start(size, 0, None))
        both = together(size)
        features, layers, hidden, batch = size
        rows.append(
            {
                "features": features,
                "layers": layers,
                "hidden_units": hidden,
                "batch_size": batch,
                "parameters": parameters,
                "alone_ms": alone,
                "two_ms": both,
            }
        )
        print(
            f"| {features} | {layers} | {list(hidden)} | {batch:,} | {parameters:,} "
            f"| {alone:.2f} | {both:.2f} |",
            flush=True,
        )
        write_json(Path("results/machines.json"), {"versions": versions(), "rows": rows})


if __name__ == "__main__":
    if FLAG in sys.argv:
        measure(*json.loads(sys.argv[-1]))
    else:
        main()
