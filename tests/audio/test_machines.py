"""Faults of made-up motors, in the layout of DCASE 2020 task 2."""

import io
import json
import shutil

import numpy as np
import pytest
from commands import fails, tfp_maf_command

pytest.importorskip("soundfile", reason="soundfile is not installed")

import soundfile

from tfp_maf.audio import machines
from tfp_maf.audio.machines import MachineListener, context_rows
from tfp_maf.data_prep import audio_features, simulate_machines


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machines, "MODEL", machines.MODEL | {"num_layers": 2, "hidden_units": (32,)})
        patch.setattr(machines, "COMPONENTS", 48)
        yield


@pytest.fixture(scope="module")
def motors(tmp_path_factory):
    return simulate_machines.write_machines(
        tmp_path_factory.mktemp("machines"), machines=2, train=12, test=8, seconds=1.0
    )


@pytest.fixture(scope="module")
def run(motors, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "motors"
    assert train(motors, out) == 0
    return out


def train(folder, out, *options):
    return tfp_maf_command(
        *("train", "audio", "--normal", folder, "--out", out, "--max-epochs", 3), *options
    )


def test_rows_are_frames_in_context():
    x = np.random.default_rng(0).normal(size=16_000)
    rows = context_rows(x)
    mel = audio_features.log_mel(x)[:96].reshape(32, 3, 40).mean(axis=1)
    assert rows.shape == (28, 200)
    np.testing.assert_allclose(rows[3], mel[3:8].ravel(), rtol=1e-5)
    assert context_rows(x[:50]).shape == (1, 200)


def test_faults_are_found(run):
    metrics = json.loads((run / "metrics.json").read_text())
    assert metrics["machines"] == ["id_00", "id_01"]
    assert set(metrics["results"]) == {
        "flow",
        "flow without outliers",
        "Gaussian",
        "mixture of 8",
    }
    for name, found in metrics["results"].items():
        assert found["auc"] > 0.8, name
        assert set(found["by_machine"]) == {"id_00", "id_01"}
        assert 0 <= found["partial_auc"] <= 1


def test_listening_names_the_machine_by_its_file(run, motors, capsys):
    files = [*sorted((motors / "test").glob("normal_id_00*"))[:8]]
    files += sorted((motors / "test").glob("anomaly_id_01*"))[:8]
    assert tfp_maf_command("listen", run, *files) == 0
    lines = capsys.readouterr().out.splitlines()
    answers = [line.split("  ")[2] for line in lines]
    assert answers[:8].count("normal") >= 5
    assert answers[8:].count("anomalous") >= 5
    listener = MachineListener.load(run)
    from tfp_maf.data_prep import audio

    (score,) = listener.score([context_rows(audio.read_audio(files[0], "x"))], ["id_00"])
    margin = score - listener.thresholds["id_00"]
    assert float(lines[0].split("  ")[1]) == pytest.approx(margin, abs=0.01)


def test_a_machine_that_was_not_heard_is_named(run, motors, tmp_path, capsys):
    other = tmp_path / "normal_id_07_00000000.wav"
    shutil.copy(next((motors / "test").glob("normal_id_00*")), other)
    assert tfp_maf_command("listen", run, other) == 2
    assert "machine 'id_07' is not one of id_00, id_01" in capsys.readouterr().out


def test_one_machine_and_nothing_to_test_with(motors, tmp_path, capsys):
    folder = tmp_path / "mine"
    folder.mkdir()
    for i, path in enumerate(sorted((motors / "train").glob("normal_id_00*"))):
        shutil.copy(path, folder / f"{i}.wav")
    assert train(folder, tmp_path / "run") == 0
    assert "nothing to test with" in capsys.readouterr().out
    assert tfp_maf_command("listen", tmp_path / "run", folder / "0.wav") == 0
    assert capsys.readouterr().out.split("  ")[2].strip() in ("normal", "anomalous")


def test_a_file_without_a_folder_before_it(run, motors, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(bytes(40_001))))
    assert tfp_maf_command("listen", run, "-") == 2
    assert "which of id_00, id_01 it is, only a file's name tells" in capsys.readouterr().out
    (tmp_path / "id_01").mkdir()
    shutil.copy(next((motors / "test").glob("normal_id_01*")), tmp_path / "id_01" / "x.wav")
    monkeypatch.chdir(tmp_path / "id_01")
    assert tfp_maf_command("listen", run, "x.wav") == 0


@pytest.mark.parametrize(
    ("seconds", "gain", "message"),
    [(0.01, 0.1, "are too short: 1 rows of 150 ms"), (1.0, 0.0, "is digital silence")],
)
def test_recordings_with_nothing_to_learn(tmp_path, seconds, gain, message, capsys):
    for i in range(2):
        x = gain * np.random.default_rng(i).normal(size=int(16_000 * seconds))
        soundfile.write(tmp_path / f"{i}.wav", x, 16_000)
    out = tmp_path / "run"
    line = fails(capsys, "train", "audio", "--normal", tmp_path, "--out", out)
    assert message in line
    assert not out.exists()


def test_errors(motors, tmp_path, run, capsys):
    base = ["train", "audio", "--normal", motors, "--out", tmp_path / "o"]
    assert "--word does not apply to `train audio --normal`" in fails(capsys, *base, "--word", "x")
    assert "--data does not apply" in fails(capsys, *base, "--data", motors)
    assert "no such folder" in fails(capsys, "train", "audio", "--normal", tmp_path / "none")
    (run / "machines.json").rename(tmp_path / "machines.json")
    (run / "machines.json").write_text("{}")
    assert "is damaged" in fails(capsys, "listen", run, motors)
    shutil.move(tmp_path / "machines.json", run / "machines.json")
