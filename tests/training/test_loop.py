import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tf_keras
from rows import chain_rows

import tfp_maf
from tfp_maf.training import data, loop, state

X, _ = chain_rows(600, 3, seed=0)
TRAIN, VALIDATION = X[:500], X[500:]


def small(**options):
    return tfp_maf.build_maf(3, num_layers=2, hidden_units=[8], **options)


def quick_fit(flow, train=TRAIN, validation=VALIDATION, **options):
    options = {"learning_rate": 5e-3, "batch_size": 50, "max_epochs": 3} | options
    return tfp_maf.fit(flow, train, validation, progress=False, **options)


def by_hand(flow, *, learning_rate, batch_size, steps, l2, seed):
    """The same steps, written out, one at a time and eagerly."""
    optimizer = tf_keras.optimizers.Adam(learning_rate, jit_compile=False)
    rows = TRAIN[np.random.default_rng(seed).permutation(len(TRAIN))]
    gammas = {id(variable) for variable in flow.gammas.values()}
    for step in range(steps):
        batch = rows[step * batch_size : (step + 1) * batch_size]
        with tf.GradientTape() as tape:
            log_prob = tf.reduce_mean(flow.training_distribution.log_prob(batch))
            squares = sum(
                tf.reduce_sum((tf.math.log(v) if id(v) in gammas else v) ** 2)
                for v in flow.trainable_variables
            )
            loss = -log_prob + l2 / 2 * squares
        gradients = tape.gradient(loss, flow.trainable_variables)
        pairs = zip(gradients, flow.trainable_variables, strict=True)
        optimizer.apply_gradients((g, v) for g, v in pairs)


@pytest.mark.parametrize("jit_compile", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_an_epoch_is_that_of_a_loop_written_by_hand(jit_compile, batch_norm):
    ours, theirs = (small(dtype="float64", batch_norm=batch_norm) for _ in range(2))
    by_hand(theirs, learning_rate=5e-3, batch_size=50, steps=10, l2=1e-2, seed=7)
    quick_fit(ours, max_epochs=1, l2=1e-2, seed=7, jit_compile=jit_compile, standardise=False)
    compared = 0
    for one, other in zip(ours.trainable_variables, theirs.trainable_variables, strict=True):
        # Batch norm takes out what biases add, and beta starts where its gradient is zero: of
        # rounding errors Adam makes steps of full size.
        if not batch_norm or "kernel" in one.name or "gamma" in one.name:
            np.testing.assert_allclose(one, other, atol=1e-8)
            compared += 1
    assert compared >= 6


def test_clipping_is_to_the_norm_of_the_unmasked_gradients():
    ours, theirs = (small(dtype="float64", batch_norm=False) for _ in range(2))
    kept = [theirs.masks.get(v.ref(), 1.0) for v in theirs.trainable_variables]
    rows = TRAIN[np.random.default_rng(0).permutation(len(TRAIN))]
    optimizer = tf_keras.optimizers.Adam(5e-3, jit_compile=False)
    for step in range(10):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(theirs.log_prob(rows[step * 50 : (step + 1) * 50]))
        gradients = [
            mask * g
            for mask, g in zip(kept, tape.gradient(loss, theirs.trainable_variables), strict=True)
        ]
        gradients, norm = tf.clip_by_global_norm(gradients, 1e-3)
        assert norm > 1e-3
        optimizer.apply_gradients(zip(gradients, theirs.trainable_variables, strict=True))
    quick_fit(ours, max_epochs=1, l2=0, clip_norm=1e-3, standardise=False)
    for one, other in zip(ours.trainable_variables, theirs.trainable_variables, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-8)


def test_the_flow_ends_with_the_best_epochs_weights():
    flow = small()
    history = quick_fit(flow, max_epochs=30, learning_rate=0.05)
    assert history.best_epoch < history.epochs == 30  # overfitted, or the test shows nothing
    assert history.best_validation == max(history.validation)
    assert tfp_maf.evaluate(flow, VALIDATION).mean == pytest.approx(history.best_validation)


def test_validation_is_scored_with_the_whole_training_sets_statistics():
    flow = small()
    quick_fit(flow)
    before = flow.log_prob(VALIDATION).numpy()
    tfp_maf.set_batch_statistics(flow, TRAIN)
    np.testing.assert_array_equal(flow.log_prob(VALIDATION), before)


def test_history_is_a_frame():
    history = quick_fit(small())
    assert list(history.frame.columns) == ["epoch", "train", "validation", "seconds"]
    assert isinstance(history.frame, pd.DataFrame)
    assert len(history.frame) == history.epochs == 3
    assert (history.frame["seconds"].diff().dropna() > 0).all()
    assert history.stopped == "max_epochs"
    assert history.milliseconds_per_step > 0


def test_patience_ends_it(monkeypatch):
    scores = iter([0.0, 1.0, 3.0, 2.0, 2.5, 9.0])  # untrained, then by epoch
    monkeypatch.setattr(loop, "evaluate", lambda *_, **__: tfp_maf.Evaluation(next(scores), 0.0, 1))
    history = quick_fit(small(), max_epochs=10, patience=2)
    assert (history.stopped, history.epochs, history.best_epoch) == ("patience", 4, 2)


def test_the_learning_rate_is_halved_after_waiting(monkeypatch):
    scores = iter([0.0, 1.0] + 8 * [0.5])
    monkeypatch.setattr(loop, "evaluate", lambda *_, **__: tfp_maf.Evaluation(next(scores), 0.0, 1))
    made = []
    adam = tf_keras.optimizers.Adam
    monkeypatch.setattr(
        tf_keras.optimizers, "Adam", lambda *a, **k: made.append(adam(*a, **k)) or made[0]
    )
    quick_fit(small(), max_epochs=8, learning_rate=0.8e-3, halve_after=3)
    assert float(made[0].learning_rate) == pytest.approx(0.2e-3)  # after epochs 4 and 7


def test_the_same_seed_gives_the_same_flow():
    first, again, other = small(), small(), small()
    for flow, seed in [(first, 1), (again, 1), (other, 2)]:
        quick_fit(flow, seed=seed)
    np.testing.assert_array_equal(first.log_prob(X), again.log_prob(X))
    assert (first.log_prob(X).numpy() != other.log_prob(X).numpy()).all()


def test_divergence_says_where_and_restores_the_best():
    flow = small(batch_norm=False, log_scale_bound=None, activation="relu")
    with pytest.raises(tfp_maf.TrainingDiverged) as caught:
        quick_fit(flow, learning_rate=1e10, max_epochs=20)
    assert "not finite at epoch 1, step" in str(caught.value)
    assert "smaller learning_rate than 1e+10" in str(caught.value)
    assert caught.value.history.stopped == "diverged"
    assert np.isfinite(flow.log_prob(X)).all()
    mean = tfp_maf.evaluate(flow, VALIDATION).mean
    assert mean == pytest.approx(caught.value.history.best_validation)


def test_an_interrupt_keeps_the_best(monkeypatch):
    calls = []

    def interrupt_at_the_third(flow, x, **options):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return tfp_maf.evaluate(flow, x)

    monkeypatch.setattr(loop, "evaluate", interrupt_at_the_third)
    flow = small()
    history = quick_fit(flow)
    assert (history.stopped, history.epochs, history.best_epoch) == ("interrupted", 1, 1)
    assert tfp_maf.evaluate(flow, VALIDATION).mean == pytest.approx(history.best_validation)


@pytest.mark.parametrize("jit_compile", [True, False])
def test_resumed_training_is_that_without_a_stop(tmp_path, jit_compile, monkeypatch):
    monkeypatch.setattr(state, "KEEP_EVERY", 0.0)
    options = {"halve_after": 1, "learning_rate": 0.03, "jit_compile": jit_compile}
    options["standardise"] = False  # the best epoch then comes early enough
    whole, first, second = small(), small(), small()
    expected = quick_fit(whole, max_epochs=10, **options)
    stop = expected.best_epoch + 2  # by then the learning rate is halved, and must be so again
    assert stop < 10
    quick_fit(first, max_epochs=stop, checkpoint=tmp_path / "t.npz", **options)
    found = quick_fit(second, max_epochs=10, checkpoint=tmp_path / "t.npz", **options)
    assert (found.train, found.validation) == (expected.train, expected.validation)
    assert found.best_epoch == expected.best_epoch
    assert found.seconds == sorted(found.seconds)
    for one, other in zip(whole.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_interrupted_training_run_resumes(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "KEEP_EVERY", 0.0)
    whole, stopped = small(), small()
    expected = quick_fit(whole)

    def interrupt_at_the_third(flow, x, calls=[], **options):  # noqa: B006
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return tfp_maf.evaluate(flow, x)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "evaluate", interrupt_at_the_third)
        history = quick_fit(stopped, checkpoint=tmp_path / "t.npz")
    assert (history.stopped, history.epochs) == ("interrupted", 1)
    history = quick_fit(stopped, checkpoint=tmp_path / "t.npz")
    assert (history.stopped, history.validation) == ("max_epochs", expected.validation)
    np.testing.assert_array_equal(stopped.log_prob(X), whole.log_prob(X))


@pytest.mark.parametrize("kept", [2, 5, 6])
def test_a_training_run_stopped_within_an_epoch_resumes_there(tmp_path, monkeypatch, kept):
    """Stopped right after its n-th checkpoint, of four an epoch."""
    monkeypatch.setattr(state, "KEEP_EVERY", 0.0)
    monkeypatch.setattr(data, "STEPS_PER_CALL", len(TRAIN) // 100 // 4 + 1)
    whole, stopped = small(), small()
    options = {"input_noise": 0.1, "batch_size": 100}
    expected = quick_fit(whole, **options)
    keep = state.TrainingState.keep

    def keep_and_stop(self, path, calls=[], **at_once):  # noqa: B006
        keep(self, path, **at_once)
        calls.append(1)
        if len(calls) == kept:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(state.TrainingState, "keep", keep_and_stop)
        history = quick_fit(stopped, checkpoint=tmp_path / "t.npz", **options)
    assert history.stopped == "interrupted"
    history = quick_fit(stopped, checkpoint=tmp_path / "t.npz", **options)
    assert (history.train, history.validation) == (expected.train, expected.validation)
    np.testing.assert_array_equal(stopped.log_prob(X), whole.log_prob(X))


def test_input_noise_widens_the_density_and_leaves_the_rows_alone():
    # Without batch norm, whose statistics are those of the rows themselves.
    narrow, wide = (small(batch_norm=False) for _ in range(2))
    rows = TRAIN.copy()
    quick_fit(narrow, rows, max_epochs=30, learning_rate=0.02)
    quick_fit(wide, rows, VALIDATION * 2, max_epochs=30, learning_rate=0.02, input_noise=2.0)
    np.testing.assert_array_equal(rows, TRAIN)
    spread = [flow.sample(2000, seed=0).numpy().std() for flow in (narrow, wide)]
    assert spread[1] > 1.5 * spread[0]


def test_a_finished_training_run_is_not_repeated(tmp_path, monkeypatch):
    flow, again = small(), small()
    done = quick_fit(flow, checkpoint=tmp_path / "t.npz")
    monkeypatch.setattr(loop, "_epoch", None)
    history = quick_fit(again, checkpoint=tmp_path / "t.npz")
    assert history.validation == done.validation
    np.testing.assert_array_equal(flow.log_prob(X), again.log_prob(X))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "another seed"),
        ({"input_noise": 0.1}, "another input_noise"),
        ({"learning_rate": 1e-3}, "another learning_rate"),
        ({"train": TRAIN[::-1]}, "another train"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, change, message):
    quick_fit(small(), checkpoint=tmp_path / "t.npz")
    with pytest.raises(ValueError, match=message):
        quick_fit(small(), checkpoint=tmp_path / "t.npz", **change)


def test_a_checkpoint_of_another_flow_is_refused(tmp_path):
    quick_fit(small(), checkpoint=tmp_path / "t.npz")
    with pytest.raises(ValueError, match=r"another arguments: activation \(tanh, now relu\); rem"):
        quick_fit(small(activation="relu"), checkpoint=tmp_path / "t.npz")


def test_a_damaged_checkpoint_is_refused(tmp_path):
    path = tmp_path / "t.npz"
    quick_fit(small(), checkpoint=path)
    whole = path.read_bytes()
    for damaged in (whole[:-100], whole[: len(whole) // 2], b"", b"hello"):
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"t\.npz is (damaged|not of this training)"):
            quick_fit(small(), checkpoint=path)


def test_no_folder_for_a_checkpoint(tmp_path):
    with pytest.raises(OSError, match="no folder"):
        quick_fit(small(), checkpoint=tmp_path / "missing" / "t.npz")


def test_a_conditional_flow_needs_conditions():
    flow = tfp_maf.build_maf(3, num_layers=1, hidden_units=[8], num_labels=2)
    with pytest.raises(ValueError, match="train_condition must give labels"):
        quick_fit(flow)
    with pytest.raises(ValueError, match="validation_condition has label 5 at row 0"):
        quick_fit(flow, train_condition=np.zeros(500, int), validation_condition=np.full(100, 5))
    with pytest.raises(ValueError, match="without one"):
        quick_fit(small(), train_condition=np.zeros(500, int))


def test_each_epoch_can_be_looked_at():
    seen = []
    flow = small()
    history = quick_fit(
        flow,
        on_epoch=lambda h: seen.append((h.epochs, tfp_maf.evaluate(flow, VALIDATION).mean)),
    )
    assert [epoch for epoch, _ in seen] == [1, 2, 3]
    np.testing.assert_allclose([score for _, score in seen], history.validation)


def test_progress_goes_to_standard_error(capsys):
    tfp_maf.fit(small(), TRAIN, VALIDATION, batch_size=50, max_epochs=2)
    out, err = capsys.readouterr()
    assert out == ""
    assert "epoch 2.0/2" in err
    assert "train " in err
    assert "validation " in err


NAN = np.where(np.arange(3) == 1, np.nan, X[:100])


@pytest.mark.parametrize(
    ("train", "validation", "options", "message"),
    [
        (TRAIN[:40], VALIDATION, {}, "40 rows, fewer than batch_size=50"),
        (TRAIN, VALIDATION[:0], {}, "validation has no rows"),
        (TRAIN[:, :2], VALIDATION, {}, r"train must have shape \[N, 3\]"),
        (TRAIN, VALIDATION[:, :2], {}, r"validation must have shape \[N, 3\]"),
        (NAN, VALIDATION, {}, "train has nan at row 0, column 1"),
        (TRAIN, NAN, {}, "validation has nan at row 0, column 1"),
        (TRAIN, VALIDATION, {"batch_size": 1}, "no variance"),
        (TRAIN, VALIDATION, {"batch_size": 2.5}, "batch_size must be a positive integer"),
        (TRAIN, VALIDATION, {"max_epochs": 0}, "max_epochs"),
        (TRAIN, VALIDATION, {"patience": 0}, "patience"),
        (TRAIN, VALIDATION, {"halve_after": 0}, "halve_after"),
        (TRAIN, VALIDATION, {"learning_rate": 0}, "learning_rate"),
        (TRAIN, VALIDATION, {"learning_rate": float("nan")}, "learning_rate"),
        (TRAIN, VALIDATION, {"l2": -1}, "l2"),
        (TRAIN, VALIDATION, {"clip_norm": 0}, "clip_norm"),
        (TRAIN, VALIDATION, {"input_noise": -0.1}, "input_noise"),
    ],
)
def test_invalid_data_and_options_are_refused(train, validation, options, message):
    with pytest.raises(ValueError, match=message):
        quick_fit(small(), train, validation, **options)


@pytest.mark.parametrize("support", [None, [tfp_maf.Support(low=0), None]])
def test_training_and_validation_scores_are_in_the_same_units(support):
    rng = np.random.default_rng(0)
    x = np.exp(rng.normal(-6, 0.5, [2000, 2]))
    flow = tfp_maf.build_maf(2, num_layers=1, hidden_units=(8,), batch_norm=False, support=support)
    history = tfp_maf.fit(flow, x, x[:500], learning_rate=1e-5, max_epochs=1, progress=False)
    assert history.train[0] == pytest.approx(tfp_maf.evaluate(flow, x).mean, abs=0.1)
