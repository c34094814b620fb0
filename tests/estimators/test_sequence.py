import numpy as np
import pytest

from tfp_maf.estimators.sequence import SequenceFlow

SMALL = {"num_layers": 2, "hidden_units": (16,), "activation": "tanh"}


def walks(n, *, seed=0, frames=6):
    """Two features a frame: x_t ~ N(.9 x_{t-1}, .5^2), from N(0, 1); and their log p."""
    noise = np.random.default_rng(seed).normal(size=[n, frames, 2])
    x = noise.copy()
    for t in range(1, frames):
        x[:, t] = 0.9 * x[:, t - 1] + 0.5 * noise[:, t]
    log_p = -0.5 * (noise**2).sum(axis=(1, 2)) - frames * np.log(2 * np.pi)
    return x, log_p - 2 * (frames - 1) * np.log(0.5)


@pytest.fixture(scope="module")
def trained():
    flow = SequenceFlow(6, 2, **SMALL)
    history = flow.fit(
        walks(1500)[0],
        walks(300, seed=1)[0],
        learning_rate=5e-3,
        batch_size=25,
        max_epochs=12,
        progress=False,
    )
    return flow, history


def test_it_learns_a_known_density(trained):
    flow, history = trained
    x, log_p = walks(500, seed=2)
    found = flow.log_prob(x)
    assert found.shape == (500,)
    assert found.mean() == pytest.approx(log_p.mean(), abs=0.35)
    assert np.corrcoef(found, log_p)[0, 1] > 0.95
    assert history.best_validation > history.untrained


def test_a_frame_does_not_see_the_future():
    flow = SequenceFlow(6, 2, **SMALL)
    x, _ = walks(5)
    before = flow.model.density.step_log_prob(flow._rows(x))
    for t in range(6):
        changed = x.copy()
        changed[:, t] += 1
        after = flow.model.density.step_log_prob(flow._rows(changed))
        np.testing.assert_array_equal((after != before).any(axis=0), np.arange(6) >= t)


def test_the_past_has_an_end():
    flow = SequenceFlow(6, 2, past=2, **SMALL)
    x, _ = walks(5)
    changed = x.copy()
    changed[:, 1] += 1
    parts = [flow.model.density.step_log_prob(flow._rows(each)) for each in (x, changed)]
    np.testing.assert_array_equal((parts[0] != parts[1]).any(axis=0), [0, 1, 1, 1, 0, 0])


def test_log_prob_is_that_of_a_conditional_flow(trained):
    flow, _ = trained
    x = walks(4, seed=3)[0].astype(np.float32)
    total = np.zeros(4)
    for t in range(6):
        seen = np.zeros([4, 5, 2], np.float32)
        seen[:, :t] = x[:, :t][:, ::-1]
        place = np.tile(np.eye(6, dtype=np.float32)[t], (4, 1))
        condition = np.concatenate([seen.reshape(4, -1), place], axis=1)
        total += flow.model.flow.log_prob(x[:, t], condition).numpy()
    np.testing.assert_allclose(flow.log_prob(x), total, atol=1e-4)


def test_a_saved_one_is_the_same(trained, tmp_path):
    flow, _ = trained
    flow.save(tmp_path / "s")
    loaded = SequenceFlow.load(tmp_path / "s")
    assert (loaded.frames, loaded.features) == (6, 2)
    x, _ = walks(4)
    np.testing.assert_allclose(loaded.log_prob(x), flow.log_prob(x), atol=1e-5)


def test_samples_are_like_the_data(trained):
    flow, _ = trained
    x = flow.sample(2000, seed=0)
    np.testing.assert_array_equal(x[:, 0], flow.sample(2000, seed=0)[:, 0])
    real, _ = walks(2000, seed=4)
    np.testing.assert_allclose(x.std(axis=0), real.std(axis=0), atol=0.15)
    step = [np.corrcoef(rows[:, 4, 0], rows[:, 5, 0])[0, 1] for rows in (x, real)]
    assert step[0] == pytest.approx(step[1], abs=0.08)


def test_bad_input():
    flow = SequenceFlow(6, 2, **SMALL)
    with pytest.raises(ValueError, match=r"shape \[N, 6, 2\], got \[3, 5, 2\]"):
        flow.log_prob(np.zeros([3, 5, 2]))
    with pytest.raises(ValueError, match="n must be a positive integer"):
        flow.sample(0)
    with pytest.raises(ValueError, match="past must be"):
        SequenceFlow(6, 2, past=0)
