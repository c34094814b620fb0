"""Flows that each released version saved load today, to the same numbers.

``python tests/flows/test_released.py`` adds that of the version at hand; run it once, on a release.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import tfp_maf

RELEASES = sorted((Path(__file__).parents[1] / "released").iterdir())


@pytest.mark.parametrize("folder", RELEASES, ids=lambda folder: folder.name)
def test_it_loads(folder):
    flow = tfp_maf.load_flow(folder)
    stored = json.loads((folder / "numbers.json").read_text())
    x = np.array(stored["x"], np.float32)
    served = tf.saved_model.load(str(folder / "model"))
    for log_prob in (flow.log_prob(x), served.log_prob(x)):
        np.testing.assert_allclose(log_prob, stored["log_prob"], atol=1e-5)
    np.testing.assert_allclose(flow.sample(5, seed=1), stored["sample"], atol=1e-5)


def test_the_version_at_hand_is_there():
    assert tfp_maf.__version__ in [folder.name for folder in RELEASES]


def main() -> None:
    """A small MAF with batch normalisation, barely trained."""
    x = np.random.default_rng(0).normal(size=[400, 3]).astype(np.float32)
    flow = tfp_maf.build_maf(3, num_layers=1, hidden_units=(8,), seed=7)
    tfp_maf.fit(flow, x[:300], x[300:], max_epochs=2, progress=False)
    folder = Path(__file__).parents[1] / "released" / tfp_maf.__version__
    flow.save(folder)
    numbers = {
        "x": x[:5].tolist(),
        "log_prob": flow.log_prob(x[:5]).numpy().tolist(),
        "sample": flow.sample(5, seed=1).numpy().tolist(),
    }
    (folder / "numbers.json").write_text(json.dumps(numbers) + "\n")


if __name__ == "__main__":
    main()
