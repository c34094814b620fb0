"""A disk that fills up, or may only be read any more, while a training writes to it."""

import json
import shutil
import subprocess

import numpy as np
import pandas as pd
import pytest
from rows import chain_rows

from tfp_maf.cli import app
from tfp_maf.experiments import train as commands
from tfp_maf.training import state

OPTIONS = ["--num-layers", "1", "--hidden-units", "8", "--max-epochs", "4", "--quiet"]


@pytest.fixture
def disk(tmp_path):
    """A file system of its own, of two million bytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tfp_maf", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a file system can't be mounted here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def table(tmp_path):
    x, _ = chain_rows(700, 2, seed=0)
    pd.DataFrame(x, columns=["a", "b"]).to_csv(tmp_path / "rows.csv", index=False)
    return tmp_path / "rows.csv"


def train(table, out, *more):
    command = ["train", str(table), "--out", str(out), *OPTIONS, *more]
    return app._status(lambda: app.cli.main(command, standalone_mode=False))


def fill(disk):
    """Until nothing more fits."""
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass


def lock(disk):
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)


FAULTS = {
    "full": (fill, lambda disk: (disk / "filler").unlink(), "No space left on device"),
    "read-only": (
        lock,
        lambda disk: subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True),
        "Read-only file system",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_last_good_checkpoint_is_kept(fault, disk, table, tmp_path, monkeypatch, capsys):
    happen, mend, message = FAULTS[fault]
    monkeypatch.setattr(state, "KEEP_EVERY", 0.0)
    keep = state.TrainingState.keep

    def keep_and_then(self, path, **at_once):
        keep(self, path, **at_once)
        if self.history.epochs == 2 and self.step == 0:
            happen(disk)

    with monkeypatch.context() as patch:
        patch.setattr(state.TrainingState, "keep", keep_and_then)
        assert train(table, disk / "run") == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert f"can't write {disk / 'run/checkpoints/maf.npz'}: {message}" in said[0]
    assert "--resume continues" in said[0]
    with np.load(disk / "run" / "checkpoints" / "maf.npz") as kept:
        assert len(json.loads(kept["values"].tobytes())["history"]["train"]) == 2
    mend(disk)
    assert not list((disk / "run" / "checkpoints").glob(".*"))  # no half of a file
    assert train(table, disk / "run", "--resume") == 0
    assert train(table, tmp_path / "alone") == 0
    results = [
        json.loads((f / "run" if f == disk else f).joinpath("metrics.json").read_text())
        for f in (disk, tmp_path / "alone")
    ]
    assert results[0]["test"] == results[1]["test"]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("before", ["write_history", "_write_plots", "save"])
def test_the_results_can_not_be_written(fault, before, disk, table, monkeypatch, capsys):
    happen, mend, message = FAULTS[fault]
    owner = {"write_history": commands.Run, "_write_plots": commands, "save": commands.Flow}[before]
    whole = getattr(owner, before)

    def fail_and_write(*arguments, **keywords):
        happen(disk)
        return whole(*arguments, **keywords)

    with monkeypatch.context() as patch:
        patch.setattr(owner, before, fail_and_write)
        assert train(table, disk / "run") == 2
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == 1
    assert "can't write" in said[0]
    assert message in said[0]
    mend(disk)
    assert train(table, disk / "run", "--resume") == 0
