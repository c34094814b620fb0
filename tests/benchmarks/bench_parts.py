"""tfp_maf's own parts, for pytest-benchmark: what a change costs shows against a stored run.

pip install -e '.[benchmark]'
pytest tests/benchmarks/bench_parts.py -n 0 --benchmark-autosave
pytest tests/benchmarks/bench_parts.py -n 0 --benchmark-compare --benchmark-compare-fail=min:20%
"""

import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfp_maf
from tfp_maf.training.distributed import Workers
from tfp_maf.training.objective import StepSettings
from tfp_maf.training.steps import make_steps

STEPS = 100


def rows(n, event_size=8):
    return np.random.default_rng(0).normal(size=[n, event_size]).astype(np.float32)


@pytest.fixture(scope="module")
def flow():
    flow = tfp_maf.build_maf(8, num_layers=10)
    tfp_maf.set_batch_statistics(flow, rows(1_000))
    return flow


@pytest.mark.parametrize("jit_compile", [True, False])
def bench_training_steps(benchmark, flow, jit_compile):
    optimizer = tf_keras.optimizers.Adam(1e-4, jit_compile=False)
    settings = StepSettings(100, 1e-6, jit_compile=jit_compile)
    steps = make_steps(flow, optimizer, settings, workers=Workers())
    data = tf.constant(rows(100 * STEPS))
    benchmark(lambda: float(steps.run(data, STEPS)[0]))


@pytest.mark.parametrize("n", [100, 10_000])
def bench_log_prob(benchmark, flow, n):
    x = rows(n)
    benchmark(lambda: flow.log_prob(x).numpy())


@pytest.mark.parametrize("n", [100, 10_000])
def bench_sample(benchmark, flow, n):
    benchmark(lambda: flow.sample(n, seed=0).numpy())


def bench_sample_many_features(benchmark):
    flow = tfp_maf.build_maf(784, num_layers=5, hidden_units=[512])
    benchmark(lambda: flow.sample(100, seed=0).numpy())


def bench_batch_statistics(benchmark, flow):
    x = rows(30_000)
    benchmark(lambda: tfp_maf.set_batch_statistics(flow, x))


def bench_evaluate(benchmark, flow):
    x = rows(30_000)
    benchmark(lambda: tfp_maf.evaluate(flow, x))


def bench_build(benchmark):
    benchmark.pedantic(lambda: tfp_maf.build_maf(8, num_layers=10), rounds=5, warmup_rounds=1)
