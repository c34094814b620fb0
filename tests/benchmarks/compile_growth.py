"""Compile time and program size by the number of layers: ``python compile_growth.py OUT``.

Writes ``OUT.json`` and ``OUT.png``. Seconds are CPU seconds of tracing and compilation together, so
that they count the same on a machine that others use, too; each number of layers has a process of
its own. The size is that of the optimised program, in instructions of XLA's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LAYERS = (1, 2, 5, 10, 20, 40)


def measure(num_layers: int, hidden: int = 100) -> dict[str, float]:
    """Measure the first training call and the first ``log_prob`` of a MAF on 8 features."""
    import time

    import numpy as np
    import tensorflow as tf
    import tf_keras

    import tfp_maf
    from tfp_maf.training.distributed import Workers
    from tfp_maf.training.objective import StepSettings
    from tfp_maf.training.steps import make_steps

    flow = tfp_maf.build_maf(8, num_layers=num_layers, hidden_units=(hidden, hidden))
    x = np.random.default_rng(0).normal(size=[100, 8]).astype(np.float32)
    optimizer = tf_keras.optimizers.Adam(1e-4, jit_compile=False)
    settings = StepSettings(100, 1e-6, False, True)
    steps = make_steps(flow, optimizer, settings, workers=Workers.of(None))
    result: dict[str, float] = {"num_layers": num_layers}
    began = time.process_time()
    steps.run(tf.constant(x), 1)
    result["train_cpu_s"] = time.process_time() - began
    began = time.process_time()
    flow.log_prob(x)
    result["log_prob_cpu_s"] = time.process_time() - began
    packed, program = flow.compiled.packed, flow.compiled.program
    compiled = tf.function(lambda *args: program.log_prob(*args), jit_compile=True)
    text = compiled.experimental_get_compiler_ir(tf.constant(x), *packed)(stage="optimized_hlo")
    result["log_prob_instructions"] = text.count(" = ")
    return result


def in_own_process(num_layers: int) -> dict[str, float]:
    """Measure in a process that has compiled nothing yet."""
    command = [sys.executable, __file__, "--measure", str(num_layers)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def plot(figures: list[dict[str, float]], out: Path) -> None:
    """Draw seconds and instructions against the number of layers."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    layers = [figure["num_layers"] for figure in figures]
    panels: list[tuple[Any, dict[str, str], str]] = [
        (
            axes[0],
            {"train_cpu_s": "first training call", "log_prob_cpu_s": "first log_prob"},
            "trace and compile, CPU s",
        ),
        (axes[1], {"log_prob_instructions": "log_prob"}, "instructions of the program"),
    ]
    for ax, lines, title in panels:
        for name, label in lines.items():
            ax.plot(layers, [figure[name] for figure in figures], marker="o", label=label)
        ax.set(xlabel="num_layers", ylabel=title, ylim=(0, None))
        ax.legend()
        ax.grid(alpha=0.3)
    fig.savefig(out, dpi=110)
    plt.close(fig)


def main(out: Path, layers: tuple[int, ...] = LAYERS) -> None:
    """Measure each number of layers, and write ``out.json`` and ``out.png``."""
    figures = [in_own_process(num_layers) for num_layers in layers]
    command = "python tests/benchmarks/compile_growth.py results/compile_growth"
    result = {"command": command, "figures": figures}
    out.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    plot(figures, out.with_suffix(".png"))


if __name__ == "__main__":
    if sys.argv[1] == "--measure":
        print(json.dumps(measure(int(sys.argv[2]))))
    else:
        main(Path(sys.argv[1]))
