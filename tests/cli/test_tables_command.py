"""Tables with columns of every kind, from the command line."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from commands import fails, tfp_maf_command

DOLLARS = r"\$\d{1,3}(,\d{3})*\.\d\d"
QUICK = ["--hidden-units", 8, "--max-epochs", 1, "--quiet"]


def people(n, seed=0):
    rng = np.random.default_rng(seed)
    city = rng.choice(["Bern", "Graz", "Ulm"], n)
    frame = pd.DataFrame(
        {
            "city": city,
            "age": rng.integers(18, 90, n),
            "pay": [f"${pay:,.2f}" for pay in np.exp(rng.normal(8 + (city == "Bern"), 0.5))],
            "since": (pd.Timestamp("2022-01-03") + pd.to_timedelta(rng.integers(0, 700, n), "D")),
            "member": rng.random(n) < 0.4,
            "country": "EU",
        }
    )
    frame["since"] = frame["since"].dt.strftime("%d.%m.%Y")
    frame["pay"] = frame["pay"].mask(rng.random(n) < 0.2)
    return frame


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("people") / "people.csv"
    people(500).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def run(table):
    """All models that suit the table, averaged."""
    folder = table.parent / "run"
    assert tfp_maf_command("train", table, "--out", folder, *QUICK) == 0
    return folder


def test_models_are_averaged_and_described(run):
    metrics = json.loads((run / "metrics.json").read_text())
    weights = {name: value["weight"] for name, value in metrics["models"].items()}
    assert set(weights) == {"made_mog", "made_mog_noisy", "maf_mog", "maf", "nsf"}
    assert sum(weights.values()) == pytest.approx(1)
    assert metrics["heaviest_model"] == max(weights, key=lambda name: weights[name])
    test = metrics["test"]
    assert test["lowest"] <= test["median"]
    parts = [value["mean"] for value in metrics["test_parts"].values()]
    assert sum(parts) == pytest.approx(test["mean"], abs=1e-6)
    assert metrics["baselines"]["gaussian_mixture"]["components"] >= 1
    config = json.loads((run / "config.json").read_text())
    kinds = {column["name"]: column["kind"] for column in config["described"]["columns"]}
    assert kinds == {
        "city": "category",
        "age": "number",
        "pay": "number",
        "since": "date",
        "member": "category",
    }
    assert set(pd.read_csv(run / "history.csv")["model"]) == {"categories", *weights}
    assert {path.name for path in (run / "plots").iterdir()} >= {"samples.png", "noise.png"}


def test_samples_look_like_the_table(run, table, tmp_path):
    out = tmp_path / "x.parquet"
    assert tfp_maf_command("sample", run, "-n", 300, "-o", out) == 0
    drawn, frame = pd.read_parquet(out), pd.read_csv(table)
    assert list(drawn.columns) == list(frame.columns)
    assert set(drawn["city"]) <= set(frame["city"])
    assert drawn["age"].between(frame["age"].min(), frame["age"].max()).all()
    assert drawn["age"].dtype.kind == "i"
    assert drawn["member"].dtype == bool
    assert (drawn["country"] == "EU").all()
    assert pd.to_datetime(drawn["since"], format="%d.%m.%Y").notna().all()
    assert 0 < drawn["pay"].isna().mean() < 1
    assert drawn["pay"].dropna().str.fullmatch(DOLLARS).all()


def test_a_row_without_a_score_says_why_and_ends_nothing(run, table, tmp_path, capsys):
    frame = pd.read_csv(table).head(60).assign(extra=1)
    frame.loc[2, "city"] = "Rom"
    frame.loc[5, "age"] = None
    frame.to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "s.csv"
    assert tfp_maf_command("anomalies", run, tmp_path / "new.csv", "-o", out) == 0
    said = capsys.readouterr().out
    found = pd.read_csv(out)
    assert list(np.flatnonzero(found["log_prob"].isna())) == [2, 5]
    assert found["reason"][2] == "column 'city': unknown category 'Rom'"
    assert found["reason"][5] == "column 'age': the value is missing"
    assert list(found["anomaly"][[2, 5]]) == [1, 0]  # what was never seen is one
    assert "ignored columns that the model does not know: 'extra'" in said
    assert np.isfinite(
        found.loc[0, [c for c in found if c.startswith("surprise_")]].astype(float)
    ).all()


def test_missing_cells_are_filled(run, table, tmp_path):
    frame = pd.read_csv(table).head(20)
    frame["city"] = frame["city"].mask(np.arange(20) % 2 == 0)
    frame.loc[3, ["age", "since"]] = None
    frame.to_csv(tmp_path / "gaps.csv", index=False)
    out = tmp_path / "full.csv"
    command = ["fill", run, tmp_path / "gaps.csv", "-o", out, "--draws", 2]
    assert tfp_maf_command(*command) == 0
    filled = pd.read_csv(out)
    assert len(filled) == 40
    assert not filled.drop(columns="country").isna().any().any()
    assert set(filled["city"]) <= {"Bern", "Graz", "Ulm"}
    assert filled["pay"].str.fullmatch(DOLLARS).all()
    pd.testing.assert_series_equal(filled["age"][:3], frame["age"][:3], check_dtype=False)


@pytest.mark.slow
def test_given_columns(table, tmp_path, capsys):
    folder, out = tmp_path / "given", tmp_path / "x.csv"
    given = ["--given", "city,age", "--model", "made_mog"]
    assert tfp_maf_command("train", table, "--out", folder, *given, *QUICK) == 0
    command = ["sample", folder, "-n", 5, "-o", out]
    assert tfp_maf_command(*command, "--given", "city=Ulm,age=40") == 0
    drawn = pd.read_csv(out)
    assert set(drawn["city"]) == {"Ulm"}
    assert set(drawn["age"]) == {40}
    assert tfp_maf_command("score", folder, table, "-o", tmp_path / "s.csv") == 0
    assert np.isfinite(pd.read_csv(tmp_path / "s.csv")["log_prob"]).all()
    assert "needs values of 'city', 'age'" in fails(capsys, *command, "--given", "city=Ulm")
    assert "unknown category 'Rom'" in fails(capsys, *command, "--given", "city=Rom,age=3")
    assert "is not like COLUMN=VALUE" in fails(capsys, *command, "--given", "city")


def test_options_of_tables_are_checked(table, tmp_path, capsys):
    train = ["train", table, "--out", tmp_path / "r"]
    assert "choose from auto, made_mog" in fails(capsys, *train, "--model", "vae")
    assert "name no other model beside it" in fails(capsys, *train, "--model", "auto,maf")
    assert "has no column 'zip' that is given" in fails(capsys, *train, "--given", "zip")
    assert "takes no condition" in fails(capsys, *train, "--model", "gaussian_mixture")
    (tmp_path / "s.json").write_text('{"age": {"kind": "date"}}')
    line = fails(capsys, *train, "--schema", tmp_path / "s.json")
    assert "column 'age' can't be a date: it is a number" in line
    (tmp_path / "s.json").write_text("[1]")
    assert "--schema" in fails(capsys, *train, "--schema", tmp_path / "s.json")
    assert "no such file" in fails(capsys, *train, "--schema", tmp_path / "no.json").lower()
    assert "--model is for tables only" in fails(capsys, "train", "power", "--model", "maf")
    assert not (tmp_path / "r").exists()
    assert "--given does not apply" in fails(capsys, "train", "audio", "--given", "a")


def test_a_schema_of_another_run_describes_a_table(run, table, tmp_path):
    folder = tmp_path / "r"
    options = ["--schema", run / "config.json", "--model", "made_mog", *QUICK]
    assert tfp_maf_command("train", table, "--out", folder, *options) == 0
    mine, theirs = (json.loads((f / "config.json").read_text()) for f in (folder, run))
    assert mine["described"]["columns"] == theirs["described"]["columns"]


def test_wrong_files_are_refused_before_tensorflow_is_imported(tmp_path):
    code = (
        "import sys; from tfp_maf.cli import app; "
        "sys.argv = ['tfp-maf', 'train', 'none.csv']\n"
        "try: app.main()\n"
        "except SystemExit as end: print(end.code, 'tensorflow' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert done.stdout.split() == ["2", "False"]
