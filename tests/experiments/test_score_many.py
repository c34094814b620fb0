"""Tables scored in parts, by threads and by a cluster of which a worker dies."""

import json
import os
import signal
import threading
import time

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("dask.distributed", reason="dask is not installed")

from dask.distributed import LocalCluster
from rows import chain_rows

from tfp_maf.cli import app
from tfp_maf.experiments import score_many

COLUMNS = ["a", "b", "c"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("big")
    x, _ = chain_rows(600, 3, seed=0)
    pd.DataFrame(x, columns=COLUMNS).to_csv(folder / "rows.csv", index=False)
    network = ["--num-layers", "1", "--hidden-units", "4", "--max-epochs", "1", "--quiet"]
    assert command("train", folder / "rows.csv", "--out", folder / "run", *network) == 0
    return folder / "run"


@pytest.fixture
def tables(tmp_path):
    """Four Parquet files of three parts each, and all of their rows as one table."""
    x, _ = chain_rows(12_000, 3, seed=1)
    frame = pd.DataFrame(x, columns=COLUMNS)
    (tmp_path / "in").mkdir()
    paths = [tmp_path / "in" / f"{i}.parquet" for i in range(4)]
    for path, part in zip(paths, np.split(np.arange(12_000), 4), strict=True):
        frame.iloc[part].to_parquet(path, index=False, row_group_size=1_000)
    frame.to_parquet(tmp_path / "whole.parquet")
    return paths, tmp_path / "whole.parquet"


def command(*arguments):
    return app._status(lambda: app.cli.main(list(map(str, arguments)), standalone_mode=False))


def expected(run, whole, folder):
    assert command("score", run, whole, "-o", folder / "whole.csv") == 0
    return pd.read_csv(folder / "whole.csv")["log_prob"]


def test_every_row_once_and_in_order(run, tables, tmp_path):
    paths, whole = tables
    assert command("score", run, *paths, "-o", f"{tmp_path}/out/") == 0
    scores = pd.read_parquet(tmp_path / "out")["log_prob"]
    np.testing.assert_allclose(scores, expected(run, whole, tmp_path), atol=1e-5)
    parts = sorted((tmp_path / "out").glob("*.parquet"))
    assert len(parts) >= 4
    # What is there is not done again; what is missing is.
    before = parts[0].stat().st_mtime_ns
    parts[1].unlink()
    assert command("score", run, *paths, "-o", f"{tmp_path}/out/") == 0
    assert parts[0].stat().st_mtime_ns == before
    assert parts[1].exists()
    np.testing.assert_array_equal(pd.read_parquet(tmp_path / "out")["log_prob"], scores)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("rows.tsv", {"sep": "\t"}),
        ("rows.TXT", {"sep": ";", "decimal": ",", "encoding": "cp1252"}),
        ("rows", {"sep": " "}),
    ],
)
def test_text_in_blocks(run, tables, tmp_path, name, options):
    _, whole = tables
    pd.read_parquet(whole).to_csv(tmp_path / name, index=False, **options)
    assert command("score", run, tmp_path / name, "-o", f"{tmp_path}/out/") == 0
    scores = pd.read_parquet(tmp_path / "out")["log_prob"]
    np.testing.assert_allclose(scores, expected(run, whole, tmp_path), atol=1e-5)


def test_a_worker_killed_midway(run, tables, tmp_path, monkeypatch):
    paths, whole = tables
    target = tmp_path / "out"
    with LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    ) as cluster:
        victim = next(iter(cluster.workers.values())).process.pid

        def kill_when_some_are_there():
            while not list(target.glob("*.parquet")):
                time.sleep(0.01)
            os.kill(victim, signal.SIGKILL)

        killer = threading.Thread(target=kill_when_some_are_there, daemon=True)
        killer.start()
        address = cluster.scheduler_address
        assert command("score", run, *paths, "-o", f"{target}/", "--cluster", address) == 0
        killer.join(timeout=10)
        assert not killer.is_alive()
    scores = pd.read_parquet(target)["log_prob"]
    np.testing.assert_allclose(scores, expected(run, whole, tmp_path), atol=1e-5)


def fails(capsys, *arguments):
    capsys.readouterr()
    assert command(*arguments) == 2
    said = capsys.readouterr().err.strip()
    assert "Traceback" not in said
    return said.splitlines()[-1]


def test_bad_input(run, tables, tmp_path, capsys, monkeypatch):
    paths, whole = tables
    out = ["-o", f"{tmp_path}/out/"]
    assert "none.parquet: no such file" in fails(
        capsys, "score", run, tmp_path / "none.parquet", *out
    )
    assert "only .parquet and uncompressed text files" in fails(
        capsys, "score", run, __file__, *out
    )
    frame = pd.read_parquet(whole)
    frame.drop(columns="b").to_parquet(tmp_path / "narrow.parquet")
    assert "has no column 'b'" in fails(capsys, "score", run, tmp_path / "narrow.parquet", *out)
    (tmp_path / "torn.parquet").write_bytes(whole.read_bytes()[:500])
    assert "torn.parquet" in fails(capsys, "score", run, tmp_path / "torn.parquet", *out)
    assert not (tmp_path / "out").exists()
    text = frame.astype(object)
    text.loc[7, "c"] = "seven"
    text.to_csv(tmp_path / "bad.csv", index=False)
    assert command("score", run, tmp_path / "bad.csv", *out) == 0
    scores = pd.read_parquet(tmp_path / "out")
    assert list(np.flatnonzero(scores["log_prob"].isna())) == [7]
    assert scores["reason"][7] == "column 'c': 'seven' is not a finite number"
    assert "holds something other than scores" in fails(capsys, "score", run, *paths, *out)
    assert json.loads((tmp_path / "out" / score_many.MANIFEST).read_text())
    monkeypatch.setattr(score_many, "CONNECT", 0.2)
    elsewhere = ["-o", f"{tmp_path}/b/", "--cluster", "tcp://127.0.0.1:9"]
    assert "no scheduler answered" in fails(capsys, "score", run, *paths, *elsewhere)


def test_several_files_need_a_folder(run, tables, tmp_path, capsys):
    assert command("score", run, *tables[0], "-o", tmp_path / "s.csv") == 2
    assert "-o FOLDER/, not -o" in capsys.readouterr().err
    assert command("score", run, *tables[0], "-o", tmp_path / "scores") == 0
    assert len(list((tmp_path / "scores").glob("part-*.parquet"))) >= len(tables[0])
