"""Tables in time order, from the command line."""

import json

import numpy as np
import pandas as pd
import pytest
from commands import fails, tfp_maf_command

from tfp_maf.cli import options
from tfp_maf.networks.past import ENCODERS
from tfp_maf.time_series.flow import CONDITIONALS

QUICK = ["--hidden-units", 8, "--num-layers", 1, "--max-epochs", 2, "--past", 6, "--model", "maf",
         "--encoder", "window"]  # fmt: skip


def series(n=600, seed=0):
    """Hours of a wave with noise: a temperature, a count, and a price known beforehand."""
    rng = np.random.default_rng(seed)
    hours = pd.date_range("2024-02-01", periods=n, freq="h")
    wave = np.sin(2 * np.pi * np.arange(n) / 24)
    return pd.DataFrame(
        {
            "hour": hours,
            "temperature": 12 + 5 * wave + rng.normal(size=n) * 0.3,
            "visits": rng.poisson(3 + 2 * wave),
            "price": 1.0 + (np.arange(n) % 7),
        }
    )


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("time") / "hours.csv"
    series().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table):
    folder = table.parent / "run"
    assert tfp_maf_command("train", table, "--time", "hour", "--given", "price", "--out", folder,
                           "--quiet", *QUICK) == 0  # fmt: skip
    return folder


def test_the_run_has_all_its_files(run):
    config = json.loads((run / "config.json").read_text())
    assert config["time"]["modelled"] == ["temperature", "visits"]
    assert config["time"]["resolution"] == [0, 1]
    assert config["data"]["rows"] == {"train": 480, "validation": 60, "test": 60}
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["baselines"]["vector_autoregression"]["rows"] == 60
    assert metrics["test"]["rows"] == 60
    assert {path.name for path in (run / "plots").iterdir()} == {
        "learning_curve.png", "likelihood.png", "fan.png"
    }  # fmt: skip
    steps = pd.read_csv(run / "steps.csv")
    assert steps["part"].tolist() == ["validation"] * 60 + ["test"] * 60
    test = steps.loc[steps["part"] == "test", "log_prob"]
    assert test.mean() == pytest.approx(metrics["test"]["mean"])


def test_scores_are_those_of_training_whatever_follows(run, table, tmp_path):
    out = tmp_path / "scores.csv"
    assert tfp_maf_command("score", run, table, "-o", out) == 0
    scores = pd.read_csv(out)
    assert len(scores) == 600
    steps = pd.read_csv(run / "steps.csv")
    np.testing.assert_allclose(scores["log_prob"].tail(120), steps["log_prob"], atol=1e-4)
    shorter = tmp_path / "shorter.csv"
    changed = series().head(550)
    changed.loc[549, "temperature"] = 40
    changed.to_csv(shorter, index=False)
    assert tfp_maf_command("score", run, shorter, "-o", out) == 0
    again = pd.read_csv(out)["log_prob"].to_numpy()
    np.testing.assert_allclose(again[:549], scores["log_prob"].head(549), atol=1e-4)
    assert again[549] < scores["log_prob"][549] - 10


def test_evaluate_prints_both_parts(run, capsys):
    assert tfp_maf_command("evaluate", run) == 0
    printed = capsys.readouterr().out
    metrics = json.loads((run / "metrics.json").read_text())
    assert f"{metrics['test']['mean']:.3f}" in printed and "validation" in printed


def test_forecasts_need_what_is_given_and_then_go_on(run, table, tmp_path, capsys):
    out = tmp_path / "paths.parquet"
    line = fails(capsys, "forecast", run, "--steps", 5, "-o", out)
    assert "price for 0 steps after the last value, but 5 are to be forecast" in line
    more = pd.concat([series(), series(606).tail(6)[["hour", "price"]]])
    with_price = tmp_path / "more.csv"
    more.to_csv(with_price, index=False)
    arguments = ["forecast", run, with_price, "--steps", 5, "--paths", 7, "-o"]
    assert tfp_maf_command(*arguments, out) == 0
    paths = pd.read_parquet(out)
    assert paths.columns.tolist() == ["time", "path", "temperature", "visits"]
    assert len(paths) == 35 and paths["path"].nunique() == 7
    assert paths["time"].min() == pd.Timestamp("2024-02-26 00:00")
    assert (paths["visits"] == paths["visits"].round()).all()
    table_out = tmp_path / "q.csv"
    assert tfp_maf_command(*arguments, table_out, "--quantiles", "0.1,0.9") == 0
    found = pd.read_csv(table_out)
    assert len(found) == 5
    of_paths = paths.groupby("time")["temperature"].quantile(0.9).to_numpy()
    np.testing.assert_allclose(found["temperature_0.9"], of_paths, rtol=1e-5)


def test_anomalies_in_time(run, tmp_path, capsys):
    frame = series()
    frame.loc[300, "temperature"] += 30
    frame.loc[400:430, "temperature"] = 12.0  # the sensor is stuck
    broken, out = tmp_path / "broken.csv", tmp_path / "a.csv"
    frame.to_csv(broken, index=False)
    arguments = ["anomalies", run, broken, "--false-alarms", 0.02, "--window", 8, "-o", out]
    assert tfp_maf_command(*arguments) == 0
    found = pd.read_csv(out)
    assert found["anomaly"][300] == 1
    assert found["anomaly"].mean() < 0.2
    printed = capsys.readouterr().out
    assert "2024-02-13 12:00:00" in printed  # hour 300
    assert "expect false alarms as on the test part after the validation part alone" in printed


def test_a_rate_that_few_windows_cannot_tell_is_raised(run, table, capsys):
    assert tfp_maf_command("anomalies", run, table, "--window", 40) == 0
    printed = capsys.readouterr().out
    assert "82 held-out windows of 40 steps can't tell a false-alarm rate of 1.00%" in printed
    assert "an anomaly beyond a share of 1.20%" in printed
    assert "no 500 held-out steps in a row" in fails(
        capsys, "anomalies", run, table, "--window", 500
    )


def test_plot_redraws(run):
    (run / "plots" / "fan.png").unlink()
    assert tfp_maf_command("plot", run) == 0
    assert (run / "plots" / "fan.png").stat().st_size > 5000


def test_the_report_has_figures_and_the_least_likely_steps(run, tmp_path, capsys):
    assert tfp_maf_command("report", run, "-o", tmp_path / "page.html") == 0
    page = (tmp_path / "page.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    steps = pd.read_csv(run / "steps.csv")
    assert steps.loc[steps["log_prob"].idxmin(), "time"] in page
    assert "temperature, visits" in page and "vector autoregression" in page
    assert "no folder" in fails(capsys, "report", run, "-o", tmp_path / "no" / "page.html")


def test_training_is_resumed(tmp_path, capsys):
    path, folder = tmp_path / "h.csv", tmp_path / "r"
    series(200).to_csv(path, index=False)
    arguments = ["train", path, "--time", "hour", "--out", folder, "--quiet", *QUICK]
    assert tfp_maf_command(*arguments) == 0
    assert tfp_maf_command(*arguments, "--resume", "--max-epochs", 3) == 0
    assert json.loads((folder / "metrics.json").read_text())["epochs"] == 3
    line = fails(capsys, *arguments, "--resume", "--past", 7)
    assert "is not of this training run" in line


def test_several_series_without_what_is_given(tmp_path):
    parts = [series(120, seed=i).assign(place=name) for i, name in enumerate(["a", "b"])]
    path, out = tmp_path / "two.csv", tmp_path / "q.csv"
    pd.concat(parts).to_csv(path, index=False)
    arguments = ["train", path, "--time", "hour", "--series", "place", "--drop", "price"]
    assert tfp_maf_command(*arguments, "--out", tmp_path / "r", "--quiet", *QUICK) == 0
    forecast = ["forecast", tmp_path / "r", "--steps", 3, "--paths", 20, "--quantiles", "0.5"]
    assert tfp_maf_command(*forecast, "-o", out) == 0
    assert pd.read_csv(out)["place"].tolist() == ["a"] * 3 + ["b"] * 3


def test_rows_in_order_short_series_and_what_is_said_of_them(tmp_path, capsys):
    rng = np.random.default_rng(0)
    parts = []
    for place, rows in (("a", 90), ("b", 12)):
        x = np.cumsum(rng.normal(size=[rows, 2]), axis=0)
        parts.append(pd.DataFrame(x, columns=["x", "y"]).assign(place=place))
    path, folder = tmp_path / "ordered.csv", tmp_path / "r"
    pd.concat(parts).to_csv(path, index=False)
    arguments = ["train", path, "--time", "order", "--series", "place", "--out", folder]
    assert tfp_maf_command(*arguments, *QUICK) == 0
    printed = capsys.readouterr().out
    assert "rows are taken in time order, one step apart" in printed
    assert "the vector autoregression is better than the model" in printed
    out = tmp_path / "q.csv"
    assert tfp_maf_command("forecast", folder, "--steps", 4, "--quantiles", "0.5", "-o", out) == 0
    assert pd.read_csv(out)["time"].tolist() == [90, 91, 92, 93, 12, 13, 14, 15]
    assert tfp_maf_command("score", folder, path, "-o", out) == 0
    scores = pd.read_csv(out)
    assert scores["log_prob"].isna().to_numpy().nonzero()[0].tolist() == [0, 90]
    assert "the first step of each series has no past, and no score" in capsys.readouterr().out


def test_wrong_options(run, table, tmp_path, capsys):
    train = ["train", table, "--out", tmp_path / "r", "--quiet"]
    assert "no column 'when' of times" in fails(capsys, *train, "--time", "when")
    assert not (tmp_path / "r").exists()
    assert "--past needs --time" in fails(capsys, *train, "--past", 5)
    assert "--model gaussian needs --time" in fails(capsys, *train, "--model", "gaussian")
    line = fails(capsys, *train, "--time", "hour", "--model", "made_mog")
    assert "--model with --time is one of maf_mog, maf, nsf, gaussian" in line
    assert "--weight does not apply with --time" in fails(
        capsys, *train, "--time", "hour", "--weight", "price"
    )
    out = tmp_path / "x.csv"
    assert "sample does not know" in fails(capsys, "sample", run, "-o", out).replace(
        "which sample does not know", "sample does not know"
    )
    assert "is a run of time series" in fails(capsys, "fill", run, table, "-o", out)
    assert "is not a run of time series" in fails(capsys, "forecast", tmp_path, "-o", out)


def test_names_are_the_librarys():
    assert set(options.TIME_MODELS) == set(CONDITIONALS)
    assert set(options.ENCODERS) == set(ENCODERS)
