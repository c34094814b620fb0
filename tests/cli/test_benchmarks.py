"""Every benchmark runs at a tiny size, so that none breaks unseen."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "benchmarks"


def run(*command, **environment):
    """The last line of what a script prints."""
    done = subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip().splitlines()[-1] if done.stdout.strip() else ""


@pytest.mark.slow
@pytest.mark.parametrize("library", ["tfp_maf", "tfp as the post"])
def test_a_library_is_timed(library):
    figures = ["train_ms", "log_prob_10", "sample_10"]
    case = {"features": 3, "layers": 2, "hidden": [4], "batch": 10, "steps": 2, "threads": 1}
    case |= {"library": library, "module": "tensorflow_flows", "figures": figures, "compile": True}
    found = json.loads(run(HERE / "worker.py", json.dumps(case)))
    assert {*figures, "first_step_s", "peak_mb"} <= set(found)
    assert all(value > 0 for value in found.values())


@pytest.mark.slow
def test_the_parts_are_timed():
    pytest.importorskip("pytest_benchmark", reason="pytest-benchmark is not installed")
    options = ["-n", "0", "--benchmark-disable", "-k", "build or evaluate or log_prob"]
    run("-m", "pytest", HERE / "bench_parts.py", *options)


def test_the_report_is_written(tmp_path):
    libraries = ("tfp_maf", "jax", "zuko")
    names = ("train_ms", "log_prob_100", "log_prob_10000", "sample_100", "sample_10000")
    row = dict.fromkeys([*names, "first_step_s", "peak_mb", "naive_sample_100"], 1.5)
    keys = ["main 1", "main 2"]
    keys += [f"features {n}" for n in (2, 784)] + [f"layers {n}" for n in (1, 20)]
    keys += [f"batch {n}" for n in (10, 1000)]
    figures = {key: {library: dict(row) for library in libraries} for key in keys}
    machine = {"processor": "none", "cores": 2, "python": "3", "load before": 0.0}
    result = {"machine": machine, "rounds": 1, "figures": figures}
    (tmp_path / "speed.json").write_text(json.dumps(result))
    code = f"import sys; sys.path.insert(0, {str(HERE)!r}); from pathlib import Path; "
    code += f"from report import write_report; write_report(Path({str(tmp_path / 'speed')!r}))"
    run("-c", code)
    assert "tfp_maf" in (tmp_path / "speed.md").read_text()


@pytest.mark.slow
def test_one_process_is_timed_beside_others():
    found = json.loads(run(HERE / "machines.py", "--worker", json.dumps([3, 1, [4], 100])))
    assert len(found) == 2


@pytest.mark.parametrize("name", ["fuzz", "tables"])
def test_generated_inputs_are_tallied(name):
    run(HERE / f"{name}.py", "--examples", 2)


@pytest.mark.slow
def test_cached_sampling_is_timed():
    found = json.loads(run(HERE / "cached_sampling.py", "--samples", 2, "--small"))
    assert found["largest difference"] < 1e-5
    assert found["cached"] > 0 < found["naive"]


@pytest.mark.parametrize("name", ["run", "kill", "audio"])
def test_the_long_ones_start(name):
    run(HERE / f"{name}.py", "--help")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quality", "samples"])
def test_the_quality_of_tables_models_is_measured(name, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=[200, 2])
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 0] + 0.5 * x[:, 1]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    out = tmp_path / "out" / "found.json"
    options = ["--data", tmp_path, "--tables", "t", "--out", out, "--quick"]
    last = run(HERE / f"{name}.py", *options)
    found = json.loads(out.read_text())
    (row,) = found.values()
    assert last.startswith("t")
    assert {"auto", "MAF(10), the default before"} <= set(row)
    if name == "quality":
        assert all(np.isfinite(value["mean"]) for value in row.values())
        assert row["attention"]["epochs"] == 2
        assert "**" in out.with_suffix(".md").read_text()
    else:
        assert all(0 <= value <= 1 for value in row.values())


@pytest.mark.slow
def test_drawing_images_is_timed():
    arguments = ["--side", "8", "--images", "10", "--models", "patch_made", "--theirs"]
    found = json.loads(run(HERE / "image_samples.py", *arguments))
    assert found["patch_made"]["naive / cached"] > 0
    assert found["tfd.PixelCNN"]["naive_s"] > 0


@pytest.mark.slow
def test_series_are_compared(tmp_path):
    rng = np.random.default_rng(0)
    minutes = pd.date_range("2024-01-01", periods=2000, freq="min")
    walk = rng.normal(size=2000).cumsum()
    power = pd.DataFrame({"Date": minutes.strftime("%d/%m/%Y"), "Time": minutes.strftime("%X")})
    power = power.assign(
        Global_active_power=walk,
        Global_reactive_power=0.0,
        Voltage=240 + walk[::-1],
        Global_intensity=0.0,
        Sub_metering_1=rng.integers(0, 3, 2000),
    )
    (tmp_path / "power").mkdir()
    file = tmp_path / "power" / "household_power_consumption.txt"
    power.to_csv(file, index=False, sep=";")
    models = ["last value", "MAF without time", "vector autoregression", "gru, MAF"]
    options = ["--epochs", 1, "--past", 10, "--origins", 2, "--series", "power"]
    folders = ["--data", tmp_path, "--runs", tmp_path / "runs", "--out", tmp_path / "out"]
    run(HERE / "time_series.py", *folders, *options, "--models", ";".join(models))
    found = json.loads((tmp_path / "out" / "time.json").read_text())["series"]["power"]["models"]
    assert list(found) == models
    for name in models[1:]:
        assert found[name]["test"]["steps"] == 200
        assert found[name]["breaks"]["stuck"]["of"] > 0
    for name in (models[0], *models[2:]):
        assert found[name]["forecasts"]["60"]["energy_score"] > 0
    page = (tmp_path / "out" / "time.md").read_text()
    assert all(f"| {name} |" in page for name in models)


@pytest.mark.slow
def test_the_growth_of_compilation_is_measured_and_drawn(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); from pathlib import Path; "
        f"import compile_growth; compile_growth.main(Path({str(tmp_path / 'c')!r}), layers=(1, 2))"
    )
    run("-c", code)
    figures = json.loads((tmp_path / "c.json").read_text())["figures"]
    assert [figure["num_layers"] for figure in figures] == [1, 2]
    assert all(value > 0 for figure in figures for value in figure.values())
    assert (tmp_path / "c.png").stat().st_size > 1000


@pytest.mark.slow
def test_the_time_to_quality_is_measured(real_data, tmp_path):
    name = "tfp_maf, MAF(10), 0.001"
    options = ["--models", name, "--most", 0, "--out", tmp_path / "q"]
    run(HERE / "time_to_quality.py", real_data / "power", *options)
    found = json.loads((tmp_path / "q.json").read_text())["models"][name]
    assert found["epochs"] == 1 and found["first"]["cpu"] > 0
    assert found["reached"] is None and np.isfinite(found["best"]["validation"])
    assert f"| {name} | not reached |" in (tmp_path / "q.md").read_text()
