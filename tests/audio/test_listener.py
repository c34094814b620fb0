"""The spoken word experiment on made-up words."""

import importlib.util
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from commands import fails, tfp_maf_command

pytest.importorskip("soundfile", reason="soundfile is not installed")

import soundfile

from tfp_maf.audio import conditions, evaluate, recipes, report, search
from tfp_maf.audio.listener import (
    SCALES,
    Listener,
    aligned_views,
    in_noise,
    mels_of,
    noise_floors,
)
from tfp_maf.cli import needed
from tfp_maf.data_prep import audio_features as features
from tfp_maf.data_prep import noise, simulate_words, speech_commands
from tfp_maf.estimators import anomaly
from tfp_maf.evaluation.detection import Detection
from tfp_maf.plotting import audio as audio_plots

BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "audio.py"
MODELS = ["aligned", "flow", "mixture", "Gaussian", "one-class SVM"]


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    """Of the same kind, but quick to compile."""
    with pytest.MonkeyPatch.context() as patch:
        small = {"num_layers": 2, "hidden_units": (32,)}
        patch.setattr(anomaly, "MODEL", anomaly.MODEL | small)
        patch.setattr(recipes, "POST_MODEL", recipes.POST_MODEL | small)
        patch.setattr(recipes, "FEW", 20)
        patch.setattr(recipes, "LEAST_ROWS", 200)
        patch.setattr(recipes, "LEAST_OF_FEW", 200)
        patch.setattr(recipes, "COMPONENTS", 40)
        patch.setattr(recipes, "MIXTURE", 2)
        patch.setattr(recipes, "RATIO_COMPONENTS", 20)
        patch.setattr(evaluate, "MOST", 8)
        patch.setattr(conditions, "ALONE", 2)
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
def room(tmp_path_factory):
    """A folder with the noise of a room, in which there is a fan."""
    folder = tmp_path_factory.mktemp("room")
    fan = noise.brown(32_000, np.random.default_rng(0))
    soundfile.write(folder / "fan.wav", fan, 16_000)
    return folder


@pytest.fixture(scope="module")
def aligned(words, room, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "aligned"
    assert train(words, out, "aligned", "--noise", room) == 0
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


def test_a_run_and_its_table(aligned, capsys):
    metrics = json.loads((aligned / "metrics.json").read_text())
    assert metrics["clips"] == {"train": 56, "validation": 8, "test": 16, "others": 320}
    results = metrics["results"]
    assert set(results) == {*MODELS, "mixture on variations", "energy"}
    assert results["aligned"]["auc"] > 0.6
    assert results["energy"]["auc"] < 0.7  # loudness is drawn without regard to the word
    heard = metrics["in_noise"]
    assert set(heard) == {*MODELS, "mixture on variations"}
    for row in heard.values():
        assert set(row) == {"clean", "20 dB", "10 dB", "5 dB", "room"}
    assert heard["aligned"]["clean"]["auc"] > 0.6
    assert heard["aligned"]["clean"]["kept"] > 0.3
    alone = metrics["noise_alone"]
    assert {"silence", "10 ms", "white", "brown", "hum", "clicks"} < set(alone)
    assert max(alone.values()) == 0
    assert {p.name for p in (aligned / "plots").iterdir()} == {
        "scores.png",
        "roc.png",
        "gallery.png",
    }


def loaded_clips(words, files):
    clips = speech_commands.load(words)
    by_name = dict(zip(clips.names, clips.samples, strict=True))
    return [by_name[f"{path.parent.name}/{path.name}"] for path in files]


def test_listening(aligned, words, capsys):
    happy, cat = words / "happy", words / "cat"
    files = [*sorted(happy.glob("*.wav"))[:5], *sorted(cat.glob("*.wav"))[:5]]
    assert tfp_maf_command("listen", aligned, *files) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    expected = Listener.load(aligned).margins(loaded_clips(words, files))
    for line, path, margin in zip(lines, files, expected, strict=True):
        name, found, verdict = line.split("  ")
        assert name == str(path)
        assert float(found) == pytest.approx(margin, abs=0.01)
        assert verdict == ("happy" if margin >= 0 else "not")


def test_three_answers_and_the_files_that_are_none(aligned, words, tmp_path, capsys):
    (tmp_path / "x.wav").write_text("no sound")
    (tmp_path / "x.raw").write_bytes(bytes(32_000))
    soundfile.write(tmp_path / "silence.wav", np.zeros(16_000), 16_000)
    soundfile.write(tmp_path / "short.wav", np.ones(1), 16_000)
    good = next((words / "happy").glob("*.wav"))
    (tmp_path / "folder.wav").mkdir()
    names = ["x.wav", "x.raw", "silence.wav", "short.wav", "none.wav", "folder.wav"]
    assert tfp_maf_command("listen", aligned, *(tmp_path / n for n in names), good) == 2
    lines = capsys.readouterr().out.splitlines()
    assert "x.wav  not read: " in lines[0]
    assert "has no header that tells its sample rate" in lines[1]
    assert lines[2].endswith("silence.wav  -  no speech: too quiet")
    assert lines[3].endswith("short.wav  -  no speech: too short")
    assert "no such file" in lines[4]
    assert "is a folder; name the files in it" in lines[5]
    assert lines[6].split("  ")[2] in ("happy", "not")
    assert "is not a run of tfp-maf train audio" in fails(capsys, "listen", tmp_path, good)


@pytest.mark.parametrize(("suffix", "subtype"), [("flac", "PCM_16"), ("aiff", "PCM_16")])
def test_formats_without_loss_are_heard_alike(aligned, words, tmp_path, suffix, subtype, capsys):
    wav = next((words / "happy").glob("*.wav"))
    x, rate = soundfile.read(wav)
    soundfile.write(tmp_path / f"x.{suffix}", x, rate, subtype)
    assert tfp_maf_command("listen", aligned, wav, tmp_path / f"x.{suffix}") == 0
    one, other = (line.split("  ")[1:] for line in capsys.readouterr().out.splitlines())
    assert one == other


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_formats_with_loss_are_heard(aligned, words, tmp_path, suffix, capsys):
    x, rate = soundfile.read(next((words / "happy").glob("*.wav")))
    soundfile.write(tmp_path / f"x.{suffix}", x, rate)
    assert tfp_maf_command("listen", aligned, tmp_path / f"x.{suffix}") == 0
    assert capsys.readouterr().out.split("  ")[2].strip() in ("happy", "not")


def test_standard_input(aligned, words, monkeypatch, capsys):
    wav = next((words / "happy").glob("*.wav"))
    x, _ = soundfile.read(wav, dtype="int16")
    stream = io.TextIOWrapper(io.BytesIO(x.astype("<i2").tobytes()))
    monkeypatch.setattr("sys.stdin", stream)
    assert tfp_maf_command("listen", aligned, "-", wav) == 0
    one, other = (line.split("  ")[1:] for line in capsys.readouterr().out.splitlines())
    assert one == other
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"")))
    assert tfp_maf_command("listen", aligned, "-") == 2
    assert "standard input has no samples" in capsys.readouterr().out


def test_a_part_of_the_word_is_too_short(aligned, words):
    listener = Listener.load(aligned)
    assert 15 < listener.least.frames < 80
    assert 0.5 < listener.least.periodicity <= 0.9
    x = loaded_clips(words, [next((words / "happy").glob("*.wav"))])[0]
    first = features.end_points(features.log_mel(x), 0.35)[0] * features.HOP
    whole, part = listener.answer([x, x[first:][:2_600]])
    assert (whole.no_speech, part.no_speech) == ("", "too short")
    knock = noise.pink(16_000, np.random.default_rng(0)) * np.exp(-np.arange(16_000) / 800)
    (answer,) = listener.answer([np.pad(knock, (3_000, 0))])
    assert answer.no_speech in ("only noise", "too short")


def test_zeros_around_a_word_change_nothing(aligned, words):
    files = sorted((words / "happy").glob("*.wav"))[:6]
    clips = loaded_clips(words, files)
    listener = Listener.load(aligned)
    plain = listener.margins(clips)
    for zeros in (1_600, 8_000, 160_000):
        padded = listener.margins([np.pad(x, zeros) for x in clips])
        np.testing.assert_allclose(padded, plain, atol=2 + 0.05 * np.abs(plain).max())


def test_a_long_recording_has_the_word_where_it_was_said(aligned, words, tmp_path, capsys):
    listener = Listener.load(aligned)
    clips = speech_commands.load(words)
    happy = [clips.samples[i] for i in np.flatnonzero(clips.words == "happy")]
    best = np.argsort(-listener.margins(happy))[:2]
    quiet = 3e-4 * np.random.default_rng(0).normal(size=16_000 * 40)
    x = quiet.copy()
    for i, start in zip(best, (5, 31), strict=True):
        x[start * 16_000 :][: len(happy[i])] += happy[i]
    found = search.search(listener, x)
    places = [int(each.start) for each in found]
    assert places == [5, 31]
    assert all(0.2 < each.stop - each.start < 1.2 for each in found)
    assert search.search(listener, quiet) == []
    soundfile.write(tmp_path / "long.wav", x, 16_000)
    soundfile.write(tmp_path / "quiet.wav", quiet[: 16_000 * 4], 16_000)
    assert tfp_maf_command("listen", aligned, tmp_path / "long.wav", tmp_path / "quiet.wav") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [f"happy at {place}." in line for place, line in zip(places, lines, strict=False)]
    assert lines[-1].endswith("-  not in 4.0 s")


def test_of_overlapping_places_the_best_is_kept():
    a, b, c = search.Found(1, 2, 0.5), search.Found(1.2, 2.2, 0.7), search.Found(3, 4, 0.1)
    assert search._best([c, a, b]) == [b, c]


def test_a_long_sound_is_searched_by_a_sliding_window():
    rng = np.random.default_rng(0)
    x = 1e-4 * rng.normal(size=16_000 * 8)
    x[48_000:96_000] += 0.1 * rng.normal(size=48_000)
    windows = list(search._windows(x))
    assert len(windows) > 20
    assert all(stop - start <= 16_000 for start, stop in windows)
    assert windows[0][0] < 48_000 < 96_000 < windows[-1][1]


def test_a_ratio(words):
    clips = speech_commands.load(words)
    cut = {name: clips.take(clips.words == name).samples[:30] for name in ("happy", "cat", "wow")}
    listener = recipes.train_aligned(
        "happy",
        cut["happy"][:22],
        cut["happy"][22:],
        background=cut["cat"],
        scales=SCALES[:1],
        max_epochs=2,
        progress=False,
    )
    (detector,) = listener.detectors
    assert (listener.recipe, detector.weight) == ("ratio", recipes.WORDS_WEIGHT)
    assert detector.whitening.directions.shape == (320, recipes.RATIO_COMPONENTS)
    heard = {name: [aligned_views(mels_of(x), SCALES[0])] for name, x in cut.items()}
    scorers = {"ratio": listener.score_rows} | report.parts_of(listener)
    scorers |= report.baselines(heard["happy"], heard["cat"], clips=30, seed=0)
    assert set(scorers) == {
        "ratio",
        *MODELS[1:],
        "one Gaussian",
        "Gaussian ratio",
        "SVM against words",
    }
    for name, score in scorers.items():
        word, background = score(heard["happy"]), score(heard["cat"])
        assert word.shape == (30,)
        assert np.isfinite(word).all()
        if name not in ("ratio", "flow"):  # two epochs are too few for a flow
            assert conditions.mean_auc(word, background, np.zeros(30)) > 0.6, name
    parts = [scorers[name](heard["wow"]) for name in ("flow", "mixture", "one Gaussian")]
    np.testing.assert_allclose(np.mean(parts, axis=0), scorers["ratio"](heard["wow"]), atol=1e-3)


@pytest.mark.slow
def test_an_interrupted_run_resumes_to_the_same_detector(aligned, words, room, tmp_path, capsys):
    out = tmp_path / "resumed"
    (out / "checkpoints" / "scale_0").mkdir(parents=True)
    shutil.copy(aligned / "audio.json", out)
    shutil.copy(aligned / "checkpoints" / "scale_0" / "flow_0.npz", out / "checkpoints/scale_0")
    line = fails(capsys, "train", "audio", "--data", words, "--out", out, "--seed", 1, "--resume")
    assert "was started with another" in line
    assert train(words, out, "aligned", "--noise", room, "--resume") == 0
    one, other = (json.loads((f / "metrics.json").read_text()) for f in (aligned, out))
    assert one["results"] == other["results"]
    assert one["in_noise"] == other["in_noise"]
    line = fails(capsys, "train", "audio", "--data", words, "--out", tmp_path / "no", "--resume")
    assert "is not a run of tfp-maf train audio" in line


def test_the_threshold_knows_the_noise(aligned, words):
    clips = speech_commands.load(words, words=["happy"]).samples[:40]
    listener = Listener.load(aligned)
    before = listener.threshold.values
    listener.calibrate(clips, false_alarms=0.1)  # without one's own room
    assert before.tolist() != listener.threshold.values.tolist()
    assert len(listener.threshold.knots) == 5
    mels = mels_of([*clips, *in_noise(clips, seed=0)])
    floors, scores = (
        noise_floors(mels),
        listener.score_rows([aligned_views(mels, scale) for scale in SCALES]),
    )
    quiet = floors < np.median(floors)
    for part in (quiet, ~quiet):  # as many are refused in noise as without
        refused = np.mean(scores[part] < listener.threshold(floors[part]))
        assert refused == pytest.approx(0.1, abs=0.06)


def test_the_posts_magnitudes_are_not_standardised(words):
    clips = speech_commands.load(words, words=["zero"]).samples
    listener, history = recipes.train_post("zero", clips[:20], clips[20:30], max_epochs=1)
    (flow,) = listener.detectors[0].flows
    assert not flow.is_standardised
    assert history.train[0] > 1000  # of densities of magnitudes of about 1e-5


def test_the_post(words, tmp_path, capsys):
    assert train(words, tmp_path / "p", "post") == 0
    out = capsys.readouterr().out
    assert "batch     test      cat     bird      wow" in out
    rows = [line.split() for line in out.splitlines() if line.strip()[:2] in ("1 ", "2 ")]
    assert [row[0] for row in rows] == ["1", "2"]
    assert all(np.isfinite(float(value)) for row in rows for value in row)


def test_the_benchmark_tabulates_runs(aligned, words, tmp_path, capsys):
    spec = importlib.util.spec_from_file_location("bench_audio", BENCHMARK)
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    for split in (0, 1):  # as if they had been run
        shutil.copytree(aligned, tmp_path / "runs" / f"happy_aligned_0_{split}")
        plain = json.loads((aligned / "metrics.json").read_text())["results"]["flow"]
        kept = tmp_path / "runs" / f"happy_aligned_0_{split}_without_variations.json"
        kept.write_text(json.dumps(plain))
    base = ["--data", str(words), "--runs", str(tmp_path / "runs"), "--out", str(tmp_path)]
    benchmark.main([*base, "--seeds", "0", "--experiments", "happy, aligned"])
    (result,) = json.loads((tmp_path / "audio.json").read_text())["results"].values()
    assert result["runs"] == 2
    metrics = json.loads((aligned / "metrics.json").read_text())
    auc = metrics["in_noise"]["aligned"]["10 dB"]["auc"]
    assert result["rows"]["aligned"]["in_noise"]["10 dB"]["auc"] == [pytest.approx(auc), 0]
    text = (tmp_path / "audio.md").read_text()
    assert f"{metrics['results']['aligned']['auc']:.3f} ± 0.000" in text
    for title in ("| room |", "white", "one-class SVM", "**aligned**", "flow without variations"):
        assert title in text


def test_errors(words, tmp_path, capsys):
    base = ["train", "audio", "--data", words, "--out", tmp_path / "o"]
    assert "the recorded words are bird, cat" in fails(capsys, *base, "--word", "dog")
    line = fails(capsys, *base, "--recipe", "ratio", "--background", "happy")
    assert "is not one of the other recorded words" in line
    line = fails(capsys, *base, "--recipe", "ratio")
    assert "--recipe ratio and --background WORD,WORD need each other" in line
    assert "no such folder" in fails(capsys, *base, "--noise", tmp_path / "none")
    assert "no such folder of recordings" in fails(
        capsys, "train", "audio", "--data", tmp_path / "none"
    )
    assert "--word applies to `train audio` only" in fails(capsys, "train", "gas", "--word", "cat")
    assert "--drop does not apply to `train audio`" in fails(capsys, *base, "--drop", "x")
    assert not (tmp_path / "o").exists()


def test_without_the_audio_packages(monkeypatch, capsys):
    monkeypatch.setattr(needed, "find_spec", lambda name: None if name == "soundfile" else name)
    line = fails(capsys, "train", "audio")
    assert line == "tfp-maf: soundfile is missing: pip install 'tfp_maf[audio]'"
