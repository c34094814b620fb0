"""The post's loop, against plain TensorFlow written out."""

import dataclasses
import json
import re

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from commands import fails, tfp_maf_command
from rows import chain_rows

import tfp_maf
from tfp_maf.data_prep import gas, simulate
from tfp_maf.experiments import post, settings
from tfp_maf.experiments.post import train_as_the_post
from tfp_maf.training.loop import TrainingDiverged

POST = ["train", "gas", "--recipe", "post"]
SMALL = ["--num-layers", "2", "--hidden-units", "8,8"]
LINE = re.compile(r"Epoch (\d+) : Batch (\d+): (-?[\d.]+) --- test: (-?[\d.]+)")


def small_flow():
    return tfp_maf.build_maf(
        3, num_layers=2, hidden_units=(8,), order="post", log_scale_bound=None, seed=1
    )


def eager_lines(flow, train, test, *, learning_rate, batch_size, epochs):
    """The post's loop as it stands, one step after the other."""
    optimizer = tf_keras.optimizers.legacy.Adam(learning_rate)
    distribution, lines = flow.training_distribution, []
    for epoch in range(1, epochs + 1):
        total, batches = 0.0, tf.data.Dataset.from_tensor_slices(train)
        batches = batches.batch(batch_size, drop_remainder=True)
        for num_batches, batch in enumerate(batches, start=1):
            with tf.GradientTape() as tape:
                loss = -tf.reduce_mean(distribution.log_prob(batch))
            variables = flow.trainable_variables
            optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
            total += float(tf.reduce_mean(distribution.log_prob(tf.identity(batch))))
            if num_batches % post.EVERY == 1:
                score = float(tf.reduce_mean(distribution.log_prob(test)))
                lines.append([epoch, num_batches, total / num_batches, score])
    return lines


def test_lines_are_those_of_the_posts_loop(monkeypatch):
    monkeypatch.setattr(post, "EVERY", 10)
    x, _ = chain_rows(600, 3, seed=0)
    train, test = x[:225], x[225:]  # 11 batches of 20; five rows are left
    options = {"learning_rate": 1e-3, "batch_size": 20, "epochs": 2}
    printed = []
    flow = small_flow()
    history = train_as_the_post(flow, train, test, line=printed.append, **options)
    lines = [[float(value) for value in LINE.fullmatch(line).groups()] for line in printed]
    expected = eager_lines(small_flow(), train, test, **options)
    assert [line[:2] for line in lines] == [[1, 1], [1, 11], [2, 1], [2, 11]]
    np.testing.assert_allclose(lines, expected, atol=2e-3)
    assert history.epochs == history.best_epoch == 2
    assert history.train == pytest.approx([lines[1][2], lines[3][2]], abs=1e-5)
    assert history.validation == pytest.approx([lines[1][3], lines[3][3]], abs=1e-5)
    assert history.stopped == "max_epochs"
    # In evaluation mode, by the statistics of all training rows.
    assert tfp_maf.evaluate(flow, test).mean == pytest.approx(history.validation[-1], abs=0.2)


def test_masks_hold():
    x, _ = chain_rows(400, 3, seed=0)
    flow = small_flow()
    train_as_the_post(flow, x[:200], x[200:], batch_size=20, epochs=1, line=lambda _: None)
    for variable in flow.trainable_variables:
        mask = flow.masks.get(variable.ref())
        if mask is not None:
            assert (variable.numpy()[mask == 0] == 0).all()


def test_divergence_restores_the_last_epoch():
    x, _ = chain_rows(400, 3, seed=0)
    flow = small_flow()
    with pytest.raises(TrainingDiverged, match="not finite at epoch 1"):
        train_as_the_post(flow, x[:200], x[200:], learning_rate=1e30, line=lambda _: None)
    assert np.isfinite(flow.log_prob(x[200:])).all()


def test_too_few_rows():
    with pytest.raises(ValueError, match="5 rows, fewer than batch_size=100"):
        train_as_the_post(small_flow(), np.zeros([5, 3], np.float32), np.zeros([5, 3], np.float32))


def test_an_interrupt_keeps_what_was_learnt():
    x, _ = chain_rows(400, 3, seed=0)

    def interrupt(_):
        raise KeyboardInterrupt

    history = train_as_the_post(small_flow(), x[:200], x[200:], line=interrupt)
    assert history.stopped == "interrupted"
    assert history.epochs == 0


@pytest.mark.slow
def test_the_command(tmp_path, capsys):
    """It prints the post's lines; the run folder is like any other."""
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=2000)
    arguments = [*POST, "--data", path, "--out", tmp_path / "r", *SMALL, "--max-epochs", 2]
    assert tfp_maf_command(*arguments) == 0
    out = capsys.readouterr().out
    assert [line[:2] for line in LINE.findall(out)] == [("1", "1"), ("2", "1")]
    assert "cut short" not in out
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["recipe"] == "post"
    assert config["model"]["maf"]["order"] == "post"
    assert config["scaler"]["columns"] == list(gas.POST_COLUMNS)
    assert config["data"]["rows"] == {"train": 1000, "validation": 1000, "test": 1000}
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["epochs"] == metrics["best_epoch"] == 2
    assert tfp_maf_command("evaluate", tmp_path / "r") == 0
    assert f"{metrics['test']['mean']:.3f}" in capsys.readouterr().out


def test_settings_are_the_posts():
    ours = settings.GAS_AS_THE_POST
    assert (ours.num_layers, ours.hidden_units, ours.activation) == (10, (100, 100), "tanh")
    assert (ours.learning_rate, ours.batch_size, ours.max_epochs) == (1e-4, 100, 10)
    assert ours.model["order"] == "post"
    assert dataclasses.replace(ours, num_layers=2).model["num_layers"] == 2


@pytest.mark.parametrize(
    "arguments", [["--resume"], ["--patience", 3], ["--distribute"], ["--tensorboard"]]
)
def test_options_that_the_post_has_not(tmp_path, capsys, arguments):
    line = fails(capsys, *POST, *arguments, "--out", tmp_path / "r")
    assert f"{arguments[0]} does not apply to `train gas --recipe post`" in line
    assert not (tmp_path / "r").exists()


def test_recipes_of_others(tmp_path, capsys):
    assert "--recipe aligned applies to `train audio` only" in fails(
        capsys, "train", "gas", "--recipe", "aligned"
    )
    assert "--recipe applies to `train audio` only" in fails(
        capsys, "train", "power", "--recipe", "post"
    )


def test_a_run_cut_short_says_by_what(tmp_path, capsys):
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=1500)
    arguments = ["train", "gas", "--data", path, *SMALL, "--max-epochs", 1]
    assert tfp_maf_command(*arguments, "--out", tmp_path / "r") == 0
    assert "cut short by --max-epochs 1, before the stopping rule" in capsys.readouterr().out
