import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from commands import fails, tfp_maf_command
from rows import chain_rows, wait_for

import tfp_maf
from tfp_maf.data_prep import gas, simulate
from tfp_maf.experiments import settings
from tfp_maf.training import state

QUICK = ["--num-layers", "2", "--hidden-units", "8,8", "--max-epochs", "2"]
SCALE, OFFSET = np.array([3.0, 0.01, 50.0]), np.array([1.0, -7.0, 1e3])


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """A CSV of 600 rows of three columns in units of their own."""
    x, _ = chain_rows(600, 3, seed=0)
    path = tmp_path_factory.mktemp("table") / "rows.csv"
    pd.DataFrame(x * SCALE + OFFSET, columns=["a", "b", "c"]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table, tmp_path_factory):
    """A run trained on it."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    assert tfp_maf_command("train", table, "--out", folder, "--seed", 3, *QUICK) == 0
    return folder


def test_train_writes_the_run_folder(run):
    names = {path.name for path in run.iterdir()}
    assert names >= {"config.json", "metrics.json", "history.csv", "checkpoints", "model", "plots"}
    plots = {path.name for path in (run / "plots").iterdir()}
    assert plots == {"learning_curve.png", "samples.png", "noise.png"}
    assert list(pd.read_csv(run / "history.csv")["epoch"]) == [1, 2]


def test_metrics_hold_what_users_count_on(run, table):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["experiment"] == "table"
    assert metrics["data"] == {
        "source": str(table),
        "simulated": False,
        "rows": {"train": 486, "validation": 54, "test": 60},
    }
    assert metrics["seed"] == 3
    assert metrics["epochs"] == 2
    assert metrics["train_seconds"] > 0
    assert "tensorflow" in metrics["versions"]
    assert "milliseconds_per_step" in metrics
    for values in [
        metrics["untrained"],
        metrics["validation"],
        metrics["test"],
        metrics["baselines"]["gaussian"],
        metrics["baselines"]["gaussian_mixture"],
    ]:
        assert np.isfinite([values["mean"], values["two_standard_errors"]]).all()


def test_train_prints_baselines_untrained_and_trained(table, tmp_path, capsys):
    assert tfp_maf_command("train", table, "--out", tmp_path / "r", *QUICK) == 0
    out = capsys.readouterr().out
    order = [
        "standard normal, train",
        "standard normal, test",
        "Gaussian, test",
        "untrained",
        "mixture of",
        "trained model",
    ]
    places = [out.index(name) for name in order]
    assert places == sorted(places)


def test_quiet_and_json(table, tmp_path, capfd):
    assert tfp_maf_command("train", table, "--out", tmp_path / "q", "--quiet", *QUICK) == 0
    assert capfd.readouterr() == ("", "")
    assert tfp_maf_command("train", table, "--out", tmp_path / "j", "--json", *QUICK) == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert json.loads(out) == json.loads((tmp_path / "j" / "metrics.json").read_text())


def test_logs_for_tensorboard(table, tmp_path):
    assert tfp_maf_command("train", table, "--out", tmp_path / "r", "--tensorboard", *QUICK) == 0
    (path,) = (tmp_path / "r" / "tensorboard").iterdir()
    scalars, images = {}, 0
    for event in tf.compat.v1.train.summary_iterator(str(path)):
        for value in event.summary.value:
            if value.metadata.plugin_data.plugin_name == "scalars":
                scalars.setdefault(value.tag, []).append(float(tf.make_ndarray(value.tensor)))
            images += value.metadata.plugin_data.plugin_name == "images"
    history = pd.read_csv(tmp_path / "r" / "history.csv")
    np.testing.assert_allclose(scalars["log-likelihood/validation"], history["validation"], 1e-5)
    np.testing.assert_allclose(scalars["log-likelihood/train"], history["train"], 1e-5)
    assert images == 1


def test_scores_are_in_order_and_in_the_users_units(run, table, tmp_path, capsys):
    shuffled = pd.read_csv(table).iloc[[5, 3, 8]][["c", "a", "b"]]
    shuffled.to_csv(tmp_path / "some.csv", index=False)
    assert tfp_maf_command("score", run, tmp_path / "some.csv", "-o", tmp_path / "s.csv") == 0
    scores = pd.read_csv(tmp_path / "s.csv")
    assert list(scores.columns) == ["log_prob"]
    config = json.loads((run / "config.json").read_text())["scaler"]
    z = (pd.read_csv(table).to_numpy()[[5, 3, 8]] - config["mean"]) / config["scale"]
    expected = tfp_maf.load_flow(run).log_prob(z).numpy() - np.log(config["scale"]).sum()
    np.testing.assert_allclose(scores["log_prob"], expected, atol=1e-4)


def test_anomalies_are_the_rows_that_do_not_belong(run, table, tmp_path, capsys):
    rows = pd.read_csv(table)[:100].copy()
    rows.loc[[7, 40], "b"] += 100 * SCALE[1]
    rows.to_csv(tmp_path / "rows.csv", index=False)
    out = tmp_path / "found.csv"
    command = ["anomalies", run, tmp_path / "rows.csv", "--false-alarms", 0.05]
    assert tfp_maf_command(*command, "-o", out) == 0
    printed = capsys.readouterr().out
    found = pd.read_csv(out)
    blamed = [f"surprise_{name}" for name in "abc"]
    assert list(found.columns) == ["log_prob", "anomaly", *blamed]
    assert (found.loc[[7, 40], blamed].idxmin(axis=1) != "surprise_c").all()
    assert out.with_suffix(".png").stat().st_size > 5000
    assert found["anomaly"].to_numpy()[[7, 40]].tolist() == [1, 1]
    assert found["anomaly"].mean() < 0.2
    assert f"{found['anomaly'].sum()} of 100 rows" in printed
    first = [line.split()[1] for line in printed.splitlines() if line.startswith("row")][:2]
    assert set(first) == {"8", "41"}  # counted from 1
    assert tfp_maf_command("score", run, tmp_path / "rows.csv", "-o", tmp_path / "s.csv") == 0
    np.testing.assert_allclose(pd.read_csv(tmp_path / "s.csv")["log_prob"], found["log_prob"])


def test_anomalies_uses_the_rarest_rate_that_held_out_rows_tell(run, table, capsys):
    assert tfp_maf_command("anomalies", run, table, "--false-alarms", 0.001) == 0
    said = capsys.readouterr().out
    assert "114 held-out rows can't tell a false-alarm rate of 0.10%: the rarest" in said
    assert "false-alarm rate 0.87%" in said


def test_how_well_labelled_anomalies_are_found_is_told(run, table, tmp_path, capsys):
    frame = pd.read_csv(table).assign(bad=0)
    frame.loc[::50, "a"] += 30 * SCALE[0]
    frame.loc[::50, "bad"] = 1
    frame.to_csv(tmp_path / "x.csv", index=False)
    assert tfp_maf_command("evaluate", run, tmp_path / "x.csv", "--labels", "bad") == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("12 of 600 rows are anomalies" in line for line in lines)
    for name in ("this model", "Mahalanobis distance", "isolation forest", "local outlier factor"):
        (line,) = [line for line in lines if line.strip().startswith(name)]
        auc, precision = map(float, line.split()[-2:])
        assert 0.9 < auc <= 1
        assert 0 < precision <= 1
    assert "has no column 'z'" in fails(
        capsys, "evaluate", run, tmp_path / "x.csv", "--labels", "z"
    )
    line = fails(capsys, "evaluate", run, tmp_path / "x.csv", "--labels", "b")
    assert "different values, not two" in line
    assert "--labels needs DATA" in fails(capsys, "evaluate", run, "--labels", "bad")


def test_samples_have_the_header_and_the_units(run, table, tmp_path):
    out = tmp_path / "samples.csv"
    assert tfp_maf_command("sample", run, "-n", 2000, "--seed", 1, "-o", out) == 0
    samples, data = pd.read_csv(out), pd.read_csv(table)
    assert list(samples.columns) == ["a", "b", "c"]
    assert len(samples) == 2000
    np.testing.assert_allclose((samples.mean() - data.mean()) / data.std(), 0, atol=0.5)
    again = tmp_path / "again.csv"
    assert tfp_maf_command("sample", run, "-n", 2000, "--seed", 1, "-o", again) == 0
    assert out.read_bytes() == again.read_bytes()


def test_evaluate_repeats_trains_figure(run, capsys):
    assert tfp_maf_command("evaluate", run) == 0
    mean = json.loads((run / "metrics.json").read_text())["test"]["mean"]
    assert f"{mean:.3f}" in capsys.readouterr().out


def test_evaluate_a_table(run, table, capsys):
    assert tfp_maf_command("evaluate", run, table) == 0
    assert "600 rows of" in capsys.readouterr().out


def test_plot_draws_again(run):
    for path in (run / "plots").iterdir():
        path.unlink()
    assert tfp_maf_command("plot", run) == 0
    assert len(list((run / "plots").iterdir())) == 3


@pytest.mark.slow
def test_gas_without_the_file_is_simulated_and_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfp_maf.experiments.datasets.STAND_IN_ROWS", 2000)
    assert tfp_maf_command("train", "gas", *QUICK) == 0
    out = capsys.readouterr().out
    assert sum("simulated stand-in" in line for line in out.splitlines()) == 1
    metrics = json.loads((tmp_path / "runs" / "gas" / "metrics.json").read_text())
    assert metrics["data"]["simulated"] is True
    assert tfp_maf_command("evaluate", "runs/gas") == 0


def test_gas_with_a_file(tmp_path):
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=1500)
    assert tfp_maf_command("train", "gas", "--data", path, "--out", tmp_path / "r", *QUICK) == 0
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["data"]["source"] == str(path)


@pytest.mark.slow
def test_power_on_the_real_file(real_data, tmp_path, monkeypatch):
    """The Gaussian's figure, a check of the preparation; training itself takes minutes."""
    quick = dataclasses.replace(settings.POWER, mixture_components=2)  # its 100 take a minute
    monkeypatch.setitem(settings.EXPERIMENTS, "power", quick)
    small = ["--num-layers", 2, "--hidden-units", 32, "--max-epochs", 1]
    arguments = ["--data", real_data / "power", "--out", tmp_path / "r"]
    assert tfp_maf_command("train", "power", *arguments, *small) == 0
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert metrics["baselines"]["gaussian"]["mean"] == pytest.approx(-7.84, abs=0.01)
    assert metrics["test"]["mean"] > -5


BAD_TABLES = {
    "empty": ("", "is empty"),
    "truncated": ("a,b\n" + "1,2\n3,1\n" * 20 + "7", "last line is cut short"),
    "uneven": ("a,b\n" + "1,2\n3,1\n" * 20 + "1,2,3\n" + "1,3\n" * 20, "row 41 has 3"),
    "text": (
        "a,b\n" + "".join(f"x{n},y{n}\n" for n in range(40)),
        "no column is left to model (column 'a' left out: it has 40 different texts in 40 rows",
    ),
    "missing": ("a,b\n" + "?,NA\n" * 20 + "1,1\n", "1 row is too few"),
    "constant": ("a,b\n" + "1,2\n" * 20, "no column is left to model"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_a_bad_table_is_one_line_and_no_run(name, tmp_path, capsys):
    text, message = BAD_TABLES[name]
    path = tmp_path / "bad.csv"
    path.write_text(text)
    line = fails(capsys, "train", path, "--out", tmp_path / "r")
    assert message in line
    assert not (tmp_path / "r").exists()


def test_rows_are_weighted_by_a_column(tmp_path, capsys):
    x, _ = chain_rows(600, 2, seed=0)
    frame = pd.DataFrame(x, columns=["a", "b"]).assign(w=np.arange(600) % 3)
    frame.to_csv(tmp_path / "x.csv", index=False)
    train = ["train", tmp_path / "x.csv", "--out", tmp_path / "r", "--weight", "w", *QUICK]
    assert tfp_maf_command(*train) == 0
    assert "column 'w' weighs the training rows" in capsys.readouterr().out
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["scaler"]["columns"] == ["a", "b"]
    assert tfp_maf_command("evaluate", tmp_path / "r") == 0
    arguments = ["train", tmp_path / "x.csv", "--out", tmp_path / "q", "--weight", "v"]
    assert "no column 'v' of weights" in fails(capsys, *arguments)
    frame.assign(w=-1.0).to_csv(tmp_path / "y.csv", index=False)
    line = fails(capsys, "train", tmp_path / "y.csv", "--out", tmp_path / "s", "--weight", "w")
    assert "row 1, column 'w': -1 is a negative weight" in line


def test_options_of_reading_are_kept_for_new_files(tmp_path, capsys):
    x, _ = chain_rows(600, 2, seed=0)
    frame = pd.DataFrame(x.round(4), columns=["a", "b"]).assign(c=1.0, day="Monday")
    frame.loc[3, "a"] = -999
    frame.to_csv(tmp_path / "x.txt", sep="!", decimal=",", index=False, encoding="utf-16")
    reading = ["--separator", "!", "--decimal", ",", "--na", "-999", "--drop", "c,day"]
    train = ["train", tmp_path / "x.txt", "--out", tmp_path / "r", *reading, *QUICK]
    assert tfp_maf_command(*train) == 0
    assert "1 of 600 rows left out: values are missing in 'a' (1)" in capsys.readouterr().out
    config = json.loads((tmp_path / "r" / "config.json").read_text())
    assert config["scaler"]["columns"] == ["a", "b"]
    assert config["reading"]["separator"] == "!"
    assert config["reading"]["na"] == ["-999"]
    assert tfp_maf_command("evaluate", tmp_path / "r") == 0
    score = ["score", tmp_path / "r", tmp_path / "x.txt", "-o", tmp_path / "s.csv"]
    assert tfp_maf_command(*score) == 0
    said = capsys.readouterr().out
    assert "1 of 600 rows" in said
    assert "row 4, column 'a': the value is missing" in said
    scores = pd.read_csv(tmp_path / "s.csv")
    assert list(np.flatnonzero(scores["log_prob"].isna())) == [3]
    assert scores["reason"][3] == "column 'a': the value is missing"
    (tmp_path / "new.csv").write_text("b!a\n1,5!2\n")
    score[2] = tmp_path / "new.csv"
    assert tfp_maf_command(*score) == 0
    assert len(pd.read_csv(tmp_path / "s.csv")) == 1
    line = fails(capsys, *train, "--resume", "--na", "-1")
    assert "was trained with reading {'na': ['-999']}, not {'na': ['-999', '-1']}" in line


def test_wrong_options_of_reading_are_one_line(table, tmp_path, capsys):
    out = ["--out", tmp_path / "r"]
    assert "separator 'ab' is not" in fails(capsys, "train", table, *out, "--separator", "ab")
    assert "no column 'x', 'y' to use" in fails(capsys, "train", table, *out, "--columns", "x,y")
    assert "are for tables only" in fails(capsys, "train", "gas", *out, "--na", "0")
    assert "--encoding does not apply" in fails(capsys, "train", "audio", "--encoding", "utf-8")


def test_missing_file(tmp_path, capsys):
    assert "no such file" in fails(capsys, "train", tmp_path / "no.csv", "--out", tmp_path / "r")
    assert not (tmp_path / "r").exists()
    assert "neither an experiment" in fails(capsys, "train", "gaz")


def test_another_experiments_format(tmp_path, capsys):
    path = simulate.write_ethylene_co(tmp_path / gas.FILE, rows=50)
    line = fails(capsys, "train", "power", "--data", path, "--out", tmp_path / "r")
    assert "is not UCI's household_power_consumption.txt" in line


def test_out_that_can_not_be_used(table, run, tmp_path, capsys):
    assert "is not empty" in fails(capsys, "train", table, "--out", run)
    file = tmp_path / "file"
    file.write_text("")
    assert "is a file" in fails(capsys, "train", table, "--out", file)
    assert "can't make" in fails(capsys, "train", table, "--out", file / "below")
    assert "can't write" in fails(capsys, "sample", run, "-o", tmp_path / "no" / "s.csv")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_unwritable_out(table, tmp_path, capsys):
    tmp_path.chmod(0o500)
    assert "can't make" in fails(capsys, "train", table, "--out", tmp_path / "r")


def test_wrong_width_at_score(run, table, tmp_path, capsys):
    frame = pd.read_csv(table)
    for name, other in [("few", frame[["a", "b"]]), ("many", frame.assign(d=1.0))]:
        other.to_csv(tmp_path / f"{name}.csv", index=False)
    out = tmp_path / "s.csv"
    assert "has no column 'c'" in fails(capsys, "score", run, tmp_path / "few.csv", "-o", out)
    np.save(tmp_path / "x.npy", np.zeros([3, 2]))
    assert "has 2 columns" in fails(capsys, "score", run, tmp_path / "x.npy", "-o", out)
    assert not out.exists()
    assert tfp_maf_command("score", run, tmp_path / "many.csv", "-o", out) == 0
    assert "ignored columns that the model does not know: 'd'" in capsys.readouterr().out
    assert len(pd.read_csv(out)) == 600


def test_rows_too_far_out_to_score_are_named(run, table, tmp_path, capsys):
    frame = pd.concat([pd.read_csv(table)] * 20, ignore_index=True)
    out = tmp_path / "s.csv"
    for value, message in [
        (1e300, "row 10501, column 'a': too far from the training data for float32"),
        (1e37, "row 10501, too far from the training data: log_prob is -inf in float32"),
    ]:
        frame.loc[10_500, "a"] = value
        frame.to_csv(tmp_path / "far.csv", index=False)
        for command in (["score", run, tmp_path / "far.csv", "-o", out], ["evaluate", run]):
            command = command if command[0] == "score" else [*command, tmp_path / "far.csv"]
            assert tfp_maf_command(*command) == 0
            said = capsys.readouterr().out
            assert message in said
            assert "1 of 12000 rows" in said
        scores = pd.read_csv(out)
        assert list(np.flatnonzero(scores["log_prob"].isna())) == [10_500]


def test_a_scaler_that_is_not_the_models_is_refused(run, table, tmp_path, capsys):
    broken = shutil.copytree(run, tmp_path / "r")
    config = json.loads((broken / "config.json").read_text())
    config["scaler"]["mean"][0] += 1e-9
    (broken / "config.json").write_text(json.dumps(config))
    commands = (
        ("sample", broken, "-o", tmp_path / "s"),
        ("score", broken, table, "-o", tmp_path / "s"),
    )
    for command in commands:
        assert "is of another run than its config.json" in fails(capsys, *command)
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("key", ["data", "drop", "left_out", "seed", "scaler"])
def test_a_config_without_a_key_is_damaged(run, table, tmp_path, capsys, key):
    broken = shutil.copytree(run, tmp_path / "broken")
    config = json.loads((broken / "config.json").read_text())
    del config[key]
    (broken / "config.json").write_text(json.dumps(config))
    assert "config.json is damaged" in fails(capsys, "evaluate", broken)
    assert "config.json is damaged" in fails(capsys, "score", broken, table, "-o", tmp_path / "s")


def test_a_corrupt_run(run, table, tmp_path, capsys):
    assert "is not a run" in fails(capsys, "evaluate", tmp_path)
    broken = shutil.copytree(run, tmp_path / "broken")
    (broken / "model" / "flow.json").write_text("[]")
    assert "is damaged" in fails(capsys, "score", broken, table, "-o", tmp_path / "s.csv")
    (broken / "config.json").write_text("{")
    assert "config.json is damaged" in fails(capsys, "evaluate", broken)


def test_divergence_is_one_line(table, tmp_path, capsys, monkeypatch):
    def diverge(flow, *_, **__):
        history = tfp_maf.History(untrained=0.0, stopped="diverged")
        raise tfp_maf.TrainingDiverged("the loss is not finite at epoch 1, step 2 of 4", history)

    monkeypatch.setattr("tfp_maf.experiments.train.fit", diverge)
    assert "epoch 1, step 2" in fails(capsys, "train", table, "--out", tmp_path / "r", *QUICK)


def test_options_are_checked(table, tmp_path, capsys):
    assert "not a list of integers such as 100,100" in fails(
        capsys, "train", table, "--hidden-units", "ten"
    )
    for rate in ("nan", "inf", "0"):
        line = fails(capsys, "train", table, "--learning-rate", rate)
        assert "finite number above 0" in line
    assert "--seed" in fails(capsys, "train", table, "--seed", "-1")
    out = ["--out", tmp_path / "r"]
    assert "activation must be" in fails(capsys, "train", table, *out, "--activation", "x")
    assert not (tmp_path / "r").exists()
    assert "--drop is for tables" in fails(capsys, "train", "gas", *out, "--drop", "X4")


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_a_kill_keep_the_best_and_say_so(table, tmp_path, sent):
    arguments = [
        "train",
        str(table),
        "--out",
        str(tmp_path / "r"),
        *QUICK[:4],
        "--patience",
        "9999",
    ]
    process = subprocess.Popen(
        [sys.executable, "-m", "tfp_maf", *arguments, "--max-epochs", "100000"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # A shell's background jobs ignore Ctrl-C, and so would their children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        wait_for(tmp_path / "r" / "checkpoints" / "maf.npz", process)
        process.send_signal(sent)
        out, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "stopped: interrupted" in out
    assert "--resume continues" in out
    assert tfp_maf_command("evaluate", tmp_path / "r") == 0


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on(table, tmp_path, monkeypatch):
    """Killed after its checkpoint of the second epoch, it ends as if it had not been."""
    monkeypatch.setattr(state, "KEEP_EVERY", 0.0)
    options = [*QUICK[:4], "--max-epochs", 4]
    assert tfp_maf_command("train", table, "--out", tmp_path / "whole", *options) == 0
    keep = state.TrainingState.keep

    def keep_and_die(self, path, **at_once):
        keep(self, path, **at_once)
        if self.history.epochs == 2:
            raise SystemExit  # as little is tidied up

    with monkeypatch.context() as patch, pytest.raises(SystemExit):
        patch.setattr(state.TrainingState, "keep", keep_and_die)
        tfp_maf_command("train", table, "--out", tmp_path / "r", *options)
    assert not (tmp_path / "r" / "metrics.json").exists()
    assert tfp_maf_command("train", table, "--out", tmp_path / "r", "--resume", *options) == 0
    whole, resumed = (
        json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("whole", "r")
    )
    assert resumed["test"] == whole["test"]
    history = pd.read_csv(tmp_path / "r" / "history.csv")
    assert list(history["epoch"]) == [1, 2, 3, 4]


def test_resume_wants_the_same_training(run, table, tmp_path, capsys):
    again = shutil.copytree(run, tmp_path / "again")
    base = ["train", table, "--out", again, "--resume", *QUICK]
    assert "with seed 3, not 4" in fails(capsys, *base, "--seed", 4)
    line = fails(capsys, *base, "--seed", 3, "--learning-rate", 0.5)
    assert "learning_rate" in line
    (again / "checkpoints" / "maf.npz").unlink()
    assert "no checkpoint was written" in fails(capsys, *base, "--seed", 3)
    assert (again / "config.json").exists()
    assert "is not a run" in fails(capsys, "train", table, "--out", tmp_path / "no", "--resume")


@pytest.mark.slow
def test_training_goes_on_when_nobody_reads(table, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-m", "tfp_maf", "train", table, "--out", tmp_path / "r", *QUICK],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=120) == 0
    assert (tmp_path / "r" / "metrics.json").exists()


def test_the_module_is_the_command_and_keeps_standard_error_clean(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tfp_maf", "evaluate", str(tmp_path / "none")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith("tfp-maf: ")
