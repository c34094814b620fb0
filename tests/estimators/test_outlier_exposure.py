import numpy as np
import pytest

import tfp_maf
from tfp_maf.estimators.outlier_exposure import expose

RNG = np.random.default_rng(0)


def classes(n):
    """Two classes whose rows are apart by a little in one of four columns."""
    labels = RNG.integers(0, 2, n)
    x = RNG.normal(size=[n, 4])
    x[:, 2] += 0.8 * labels
    return x.astype(np.float32), labels


def objective(flow, x, labels, weight):
    own = flow.log_prob(x, labels).numpy()
    other = flow.log_prob(x, 1 - labels).numpy()
    return np.mean(own / 4 - weight * np.log1p(np.exp(other - own)))


def test_classes_are_told_apart_better_and_it_stays_a_density():
    x, labels = classes(600)
    v, v_labels = classes(300)
    flow = tfp_maf.build_maf(4, num_layers=2, hidden_units=(16,), num_labels=2, batch_norm=False)
    options = {"train_condition": labels, "validation_condition": v_labels, "progress": False}
    tfp_maf.fit(flow, x, v, max_epochs=1, standardise=False, **options)
    before = objective(flow, v, v_labels, 2.0)
    scores = expose(
        flow, x, labels, v, v_labels, weight=2.0, epochs=3, learning_rate=3e-3, progress=False
    )
    assert scores[0] == pytest.approx(before, abs=1e-4)
    assert max(scores) > before + 0.01
    assert objective(flow, v, v_labels, 2.0) == pytest.approx(max(scores), abs=1e-4)
    for variable in flow.trainable_variables:  # masked weights stay zero
        mask = flow.masks.get(variable.ref())
        if mask is not None:
            assert np.abs(variable.numpy() * (1 - mask)).max() == 0
    jacobian = np.stack(  # of one event: lower triangular up to the order of columns
        [(flow.noise(v[:1] + step, v_labels[:1]) - flow.noise(v[:1], v_labels[:1]))[0] / 1e-2
         for step in 1e-2 * np.eye(4, dtype=np.float32)]
    )  # fmt: skip
    assert np.isfinite(jacobian).all()
    assert np.abs(np.linalg.det(jacobian)) > 0


def test_it_ends_with_the_best_weights():
    x, labels = classes(200)
    flow = tfp_maf.build_maf(4, num_layers=1, hidden_units=(8,), num_labels=2, batch_norm=False)
    scores = expose(flow, x, labels, x, labels, epochs=2, learning_rate=50.0, progress=False)
    assert max(scores) == scores[0]  # such steps destroy it
    assert objective(flow, x, labels, 1.0) == pytest.approx(scores[0], abs=1e-4)


def test_errors():
    flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=(4,))
    with pytest.raises(ValueError, match="num_labels of 2 or more"):
        expose(flow, np.zeros([4, 2]), [0] * 4, np.zeros([4, 2]), [0] * 4)
