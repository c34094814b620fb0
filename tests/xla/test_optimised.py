"""Compiled as users have it, with all of XLA's optimisations, the numbers are TFP's."""

import os
import subprocess
import sys

import pytest

CODE = """
import numpy as np, tensorflow as tf, tfp_maf
x = np.random.default_rng(0).normal(size=[300, 4]).astype(np.float32)
for build in (tfp_maf.build_maf, tfp_maf.build_maf_mog, tfp_maf.build_nsf):
    flow = build(4, num_layers=3, hidden_units=(16, 12))
    tfp_maf.fit(flow, x[:200], x[200:], learning_rate=1e-2, max_epochs=3, progress=False)
    theirs = flow.distribution.log_prob(x)
    np.testing.assert_allclose(flow.log_prob(x), theirs, rtol=1e-4, atol=1e-4)
    with tf.GradientTape():  # where gradients may be wanted, TFP's
        samples = flow.sample(50, seed=1)
    np.testing.assert_allclose(flow.sample(50, seed=1), samples, rtol=1e-3, atol=1e-3)
"""


@pytest.mark.slow
def test_optimised_programs_agree_with_tfp():
    environment = {name: v for name, v in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
