"""Without the folder ``tfp_maf/xla`` everything but speed stays."""

import subprocess
import sys

import pytest

CODE = """
import sys
sys.modules["tfp_maf.xla"] = None  # as if the folder were not there
import numpy as np, tempfile, tfp_maf
x = np.random.default_rng(0).normal(size=[300, 3]).astype(np.float32)
for build, options in [(tfp_maf.build_maf, {}), (tfp_maf.build_realnvp, {})]:
    flow = build(3, num_layers=2, hidden_units=(8,), num_labels=2, **options)
    assert flow.compiled is None
    labels = np.arange(300) % 2
    history = tfp_maf.fit(
        flow, x[:200], x[200:], train_condition=labels[:200], validation_condition=labels[200:],
        learning_rate=1e-2, max_epochs=2, progress=False,
    )
    assert history.epochs == 2
    np.testing.assert_allclose(
        flow.log_prob(x, labels), flow.given(labels).log_prob(x), rtol=1e-4, atol=1e-4
    )
    samples = flow.sample(20, condition=1, seed=3)
    assert np.isfinite(samples).all()
    with tempfile.TemporaryDirectory() as folder:
        flow.save(folder)
        again = tfp_maf.load_flow(folder)
        np.testing.assert_array_equal(again.log_prob(x, labels), flow.log_prob(x, labels))
print(not any(name.startswith("tfp_maf.xla.") for name in sys.modules))
"""


@pytest.mark.slow
def test_all_but_speed_stays():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.split()[-1] == "True"
