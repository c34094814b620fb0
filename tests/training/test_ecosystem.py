"""``fit`` with DataFrames, datasets, weights, optimizers and schedules; and a loop of one's own."""

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
import tf_keras
from rows import chain_rows

import tfp_maf

X, _ = chain_rows(1200, 3, seed=0)
TRAIN, VALIDATION = X[:1000], X[1000:]


def small(**options):
    return tfp_maf.build_maf(3, **({"num_layers": 2, "hidden_units": [8]} | options))


def quick_fit(flow, train=TRAIN, validation=VALIDATION, **options):
    options = {"learning_rate": 5e-3, "batch_size": 50, "max_epochs": 3} | options
    return tfp_maf.fit(flow, train, validation, progress=False, **options)


def test_a_share_is_held_out():
    flow = small()
    history = quick_fit(flow, X, 0.2)
    assert history.epochs == 3
    assert history.best_validation > history.untrained
    with pytest.raises(ValueError, match="share between 0 and 1"):
        quick_fit(small(), X, 1.5)
    with pytest.raises(ValueError, match="leaves one part empty"):
        quick_fit(small(), X[:60], 0.001)


def test_a_dataset_of_batches():
    dataset = tf.data.Dataset.from_tensor_slices(TRAIN).batch(64)
    flow, by_array = small(), small()
    history = quick_fit(flow, dataset, max_epochs=4)
    expected = quick_fit(by_array, max_epochs=4)
    assert len(history.train) == 4
    assert history.best_validation == pytest.approx(expected.best_validation, abs=0.2)
    np.testing.assert_allclose(
        flow.standardisation.loc, by_array.standardisation.loc, rtol=1e-6, atol=1e-7
    )


def test_a_dataset_of_events_and_labels():
    labels = (np.arange(1000) % 2).astype(np.int32)
    dataset = tf.data.Dataset.from_tensor_slices((TRAIN, labels))
    flow = small(num_labels=3)
    history = quick_fit(flow, dataset, validation_condition=np.zeros(200, int))
    assert history.best_validation > history.untrained
    np.testing.assert_array_equal(flow.rows.label_counts, [500, 500, 0])
    with pytest.raises(ValueError, match="holds its conditions"):
        quick_fit(small(num_labels=3), dataset, train_condition=labels)
    with pytest.raises(ValueError, match="give validation rows with a dataset"):
        quick_fit(small(num_labels=3), dataset, 0.1)
    with pytest.raises(ValueError, match="no rows"):
        quick_fit(small(num_labels=3), dataset.take(0), validation_condition=np.zeros(200, int))


def test_a_weight_of_two_is_a_row_twice():
    """Without batch norm, whose batches know no weights, and in whole batches of all rows."""
    rng = np.random.default_rng(0)
    counts = rng.integers(0, 3, 500)
    twice = np.repeat(TRAIN[:500], counts, axis=0)
    flows = [small(batch_norm=False), small(batch_norm=False)]
    options = {"max_epochs": 20, "l2": 0.0, "learning_rate": 1e-2}
    quick_fit(flows[0], TRAIN[:500], sample_weight=counts, batch_size=500, **options)
    quick_fit(flows[1], twice, batch_size=len(twice), **options)
    np.testing.assert_allclose(
        flows[0].log_prob(VALIDATION), flows[1].log_prob(VALIDATION), atol=2e-3
    )
    plain = small(batch_norm=False)
    quick_fit(plain, TRAIN[:500], batch_size=500, **options)
    assert np.abs(plain.log_prob(VALIDATION) - flows[0].log_prob(VALIDATION)).max() > 1e-2


def test_statistics_are_weighted():
    weights = np.linspace(0.1, 2, 1000)
    flow = small()
    quick_fit(flow, sample_weight=weights, max_epochs=1)
    loc = np.average(TRAIN, axis=0, weights=weights)
    np.testing.assert_allclose(flow.standardisation.loc, loc, rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(7), r"sample_weight must have shape \[1000\]"),
        (np.full(1000, -1.0), "sample_weight has -1.0 at row 0"),
        (np.zeros(1000), "all zero"),
    ],
)
def test_invalid_weights_are_refused(weights, message):
    with pytest.raises(ValueError, match=message):
        quick_fit(small(), sample_weight=weights)


def test_another_optimizer():
    flow = small()
    history = quick_fit(flow, optimizer=tf_keras.optimizers.SGD(1e-2, momentum=0.9))
    assert history.best_validation > history.untrained
    import keras

    with pytest.raises(ValueError, match="optimizer must be of tf_keras"):
        quick_fit(small(), optimizer=keras.optimizers.Adam(1e-3))
    with pytest.raises(ValueError, match="global_clipnorm itself"):
        quick_fit(small(), optimizer=tf_keras.optimizers.Adam(), clip_norm=1.0)


def test_adam_given_or_by_rate_is_one():
    first, second = small(), small()
    quick_fit(first, learning_rate=2e-3)
    quick_fit(second, optimizer=tf_keras.optimizers.Adam(2e-3))
    np.testing.assert_array_equal(first.log_prob(X), second.log_prob(X))


def test_a_schedule(tmp_path):
    schedule = tf_keras.optimizers.schedules.CosineDecay(1e-2, decay_steps=60)
    whole, resumed = small(), small()
    expected = quick_fit(whole, learning_rate=schedule)
    quick_fit(small(), learning_rate=schedule, max_epochs=1, checkpoint=tmp_path / "t.npz")
    found = quick_fit(resumed, learning_rate=schedule, checkpoint=tmp_path / "t.npz")
    assert found.validation == expected.validation
    with pytest.raises(ValueError, match="another learning_rate"):
        quick_fit(small(), learning_rate=1e-2, checkpoint=tmp_path / "t.npz")
    with pytest.raises(ValueError, match="halve_after"):
        quick_fit(small(), learning_rate=schedule, halve_after=2)


def test_a_refused_table_leaves_the_flow_as_it_was():
    flow = small()
    bad = TRAIN.copy()
    bad[3, 1] = np.nan
    with pytest.raises(ValueError, match="train has nan at row 3, column 1"):
        quick_fit(flow, bad)
    assert not flow.is_standardised


def test_a_frame_with_numbers_as_names():
    frame = pd.DataFrame(TRAIN)
    flow = small()
    quick_fit(flow, frame, pd.DataFrame(VALIDATION), max_epochs=1)
    assert flow.columns == ("0", "1", "2")
    assert flow.log_prob(frame[:5]).shape == [5]


def test_a_loop_of_ones_own_comes_as_far():
    flow, by_fit = small(), small()
    flow.standardise(TRAIN)
    optimizer = tf_keras.optimizers.Adam(5e-3)
    variables = flow.trainable_variables

    @tf.function(jit_compile=True)
    def step(batch):
        with tf.GradientTape() as tape:
            loss = -tf.reduce_mean(flow.training_distribution.log_prob(batch))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    optimizer.build(variables)
    for epoch in range(3):
        for batch in tf.data.Dataset.from_tensor_slices(TRAIN).shuffle(1000, seed=epoch).batch(50):
            step(batch)
    tfp_maf.set_batch_statistics(flow, TRAIN)
    quick_fit(by_fit)
    mean, expected = (tfp_maf.evaluate(f, VALIDATION).mean for f in (flow, by_fit))
    assert mean == pytest.approx(expected, abs=0.1)
