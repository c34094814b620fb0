"""The spoken word experiment on made-up words."""

import json

import numpy as np
import pytest
from commands import fails, tfp_maf_command

pytest.importorskip("soundfile", reason="soundfile is not installed")

from tfp_maf.audio import recipes
from tfp_maf.audio.listener import Listener
from tfp_maf.audio.recipes import scrambled
from tfp_maf.cli import app
from tfp_maf.data_prep import simulate_words, speech_commands
from tfp_maf.estimators import anomaly, sequence_detector
from tfp_maf.evaluation.detection import Detection
from tfp_maf.plotting import audio as audio_plots


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    """Of the same kind, but quick to compile."""
    with pytest.MonkeyPatch.context() as patch:
        small = {"num_layers": 2, "hidden_units": (32,)}
        patch.setattr(anomaly, "MODEL", anomaly.MODEL | small)
        patch.setattr(recipes, "POST_MODEL", recipes.POST_MODEL | small)
        patch.setattr(sequence_detector, "MODEL", small)
        patch.setattr(recipes, "FEW", 20)
        patch.setattr(recipes, "LEAST_ROWS", 200)
        patch.setattr(recipes, "LEAST_OF_FEW", 200)
        patch.setattr(recipes, "COMPONENTS", 40)
        yield


@pytest.fixture(scope="module")
def words(tmp_path_factory):
    return simulate_words.write_words(tmp_path_factory.mktemp("words"), speakers=40, takes=2)


def train(words, out, recipe, *options):
    return tfp_maf_command(
        *("train", "audio", "--data", words, "--out", out, "--recipe", recipe),
        *("--max-epochs", 2, "--false-alarms", 0.2),
        *options,
    )


@pytest.fixture(scope="module")
def aligned(words, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "aligned"
    assert train(words, out, "aligned") == 0
    return out


def test_made_up_words_are_by_speaker_and_repeatable(tmp_path):
    one, other = (
        speech_commands.load(simulate_words.write_words(tmp_path / name, speakers=3, takes=2))
        for name in ("a", "b")
    )
    assert len(one) == 5 * 3 * 2
    assert len(set(one.speakers)) == 3
    for x, y in zip(one.samples, other.samples, strict=True):
        np.testing.assert_array_equal(x, y)


def test_the_features_have_a_picture(words, tmp_path):
    clips = speech_commands.load(words)
    audio_plots.plot_features(clips.samples[0]).savefig(tmp_path / "features.png", dpi=50)
    assert (tmp_path / "features.png").stat().st_size > 10_000


def test_detection_of_known_scores():
    target = np.array([3.0, 5.0, 7.0])
    others, words = np.array([0.0, 4.0, 9.0, 9.5]), np.array(["a", "a", "b", "b"])
    found = Detection.of(target, others, words, threshold=4.5)
    assert found.auc == pytest.approx(5 / 12)
    assert found.auc_by_word == {"a": pytest.approx(5 / 6), "b": 0.0}
    assert found.above == ["b"]
    assert found.margin == pytest.approx((5 - 9.25) / target.std())
    assert found.false_alarms == pytest.approx(1 / 3)
    assert found.misses == pytest.approx(1 / 2)
    apart = Detection.of(target, others - 10, words)
    assert (apart.auc, apart.equal_error_rate, apart.misses) == (1.0, 0.0, None)


def test_scrambling_keeps_the_slices_and_loses_their_order():
    rows = np.random.default_rng(0).normal(size=[40, 320])
    moved = scrambled(rows, np.random.default_rng(1))
    for row, other in zip(rows, moved, strict=True):
        slices = {tuple(each) for each in row.reshape(16, 20)}
        assert slices == {tuple(each) for each in other.reshape(16, 20)}
        assert (row != other).any()
    np.testing.assert_array_equal(moved[0].reshape(16, 20), rows[0].reshape(16, 20)[::-1])


def test_a_run_and_its_table(aligned, capsys):
    metrics = json.loads((aligned / "metrics.json").read_text())
    assert metrics["clips"] == {"train": 56, "validation": 8, "test": 16, "others": 320}
    results = metrics["results"]
    assert set(results) == {"aligned", "Gaussian", "mixture of 16", "one-class SVM", "energy"}
    assert results["aligned"]["auc"] > 0.6
    assert results["energy"]["auc"] < 0.7  # loudness is drawn without regard to the word
    assert {p.name for p in (aligned / "plots").iterdir()} == {
        "scores.png",
        "roc.png",
        "gallery.png",
    }


def test_listening(aligned, words, capsys):
    happy, cat = words / "happy", words / "cat"
    files = [*sorted(happy.glob("*.wav"))[:5], *sorted(cat.glob("*.wav"))[:5]]
    assert tfp_maf_command("listen", aligned, *files) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    loaded = Listener.load(aligned)
    clips = speech_commands.load(words)
    by_name = dict(zip(clips.names, clips.samples, strict=True))
    for line, path in zip(lines, files, strict=True):
        name, score, verdict = line.split("  ")
        assert name == str(path)
        (expected,) = loaded.score([by_name[f"{path.parent.name}/{path.name}"]])
        assert float(score) == pytest.approx(expected, abs=0.01)
        assert verdict == ("happy" if expected >= loaded.threshold else "not")


def test_listening_to_what_is_no_sound(aligned, words, tmp_path, capsys):
    (tmp_path / "x.wav").write_text("no sound")
    good = next((words / "happy").glob("*.wav"))
    assert tfp_maf_command("listen", aligned, tmp_path / "x.wav", good, tmp_path / "none.wav") == 2
    lines = capsys.readouterr().out.splitlines()
    assert "x.wav  not read: " in lines[0]
    assert lines[1].split("  ")[2] in ("happy", "not")
    assert "no such file" in lines[2]
    assert "is not a run of tfp-maf train audio" in fails(capsys, "listen", tmp_path, good)


@pytest.mark.parametrize("options", [[], ["--background", "cat,bird"]])
def test_a_ratio(words, tmp_path, options):
    assert train(words, tmp_path / "r", "ratio", *options) == 0
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert Listener.load(tmp_path / "r").detector.weight == (0.6 if options else 0.4)
    tested = set(metrics["results"]["ratio"]["auc_by_word"])
    assert tested == ({"wow", "zero"} if options else {"cat", "bird", "wow", "zero"})


def test_the_posts_magnitudes_are_not_standardised(words):
    clips = speech_commands.load(words, words=["zero"]).samples
    listener, history = recipes.train_post("zero", clips[:20], clips[20:30], max_epochs=1)
    (flow,) = listener.detector.flows
    assert not flow.is_standardised
    assert history.train[0] > 1000  # of densities of magnitudes of about 1e-5


def test_the_post(words, tmp_path, capsys):
    assert train(words, tmp_path / "p", "post") == 0
    out = capsys.readouterr().out
    assert "batch     test      cat     bird      wow" in out
    rows = [line.split() for line in out.splitlines() if line.strip()[:2] in ("1 ", "2 ")]
    assert [row[0] for row in rows] == ["1", "2"]
    assert all(np.isfinite(float(value)) for row in rows for value in row)


def test_errors(words, tmp_path, capsys):
    base = ["train", "audio", "--data", words, "--out", tmp_path / "o"]
    assert "the recorded words are bird, cat" in fails(capsys, *base, "--word", "dog")
    line = fails(capsys, *base, "--recipe", "ratio", "--background", "happy")
    assert "is not one of the other recorded words" in line
    assert "no such folder of recordings" in fails(
        capsys, "train", "audio", "--data", tmp_path / "none"
    )
    assert "--word applies to `train audio` only" in fails(capsys, "train", "gas", "--word", "cat")
    assert "--drop does not apply to `train audio`" in fails(capsys, *base, "--drop", "x")
    assert not (tmp_path / "o").exists()


def test_without_the_audio_packages(monkeypatch, capsys):
    monkeypatch.setattr(app, "find_spec", lambda name: None if name == "soundfile" else name)
    line = fails(capsys, "train", "audio")
    assert line == "tfp-maf: soundfile is missing: pip install 'tfp_maf[audio]'"
