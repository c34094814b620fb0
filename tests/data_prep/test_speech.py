import numpy as np
import pytest

from tfp_maf.data_prep import audio_features as features
from tfp_maf.data_prep import noise, speech
from tfp_maf.data_prep.audio_features import log_mel

RNG = np.random.default_rng(0)


def word(n, *, seed=0, seconds=0.5):
    """A vowel in the middle of silence, whose formant and loudness move."""
    t = np.arange(int(16_000 * seconds)) / 16_000
    glide = np.linspace(500, 2_500, len(t))
    sound = sum(
        np.exp(-(((k * 140 - glide) / 300) ** 2)) * np.sin(2 * np.pi * k * 140 * t)
        for k in range(1, 40)
    )
    x = 1e-4 * np.random.default_rng(seed).normal(size=n)
    start = (n - len(t)) // 2
    x[start : start + len(t)] += 0.1 * sound * np.hanning(len(t))
    return x


def reason(x):
    return speech.why_no_speech(x, log_mel(x))


def test_a_word_is_speech_in_noise_too():
    x = word(16_000)
    assert reason(x) == ""
    for make in noise.ALONE.values():
        assert reason(noise.add_noise(x, make(16_000, RNG), decibels=10)) == ""


@pytest.mark.parametrize("name", noise.ALONE)
def test_noise_alone_is_not_speech(name):
    refused = [reason(noise.ALONE[name](16_000, RNG)) != "" for _ in range(40)]
    assert np.mean(refused) >= (0.9 if name == "room tone" else 1)  # some rooms have loud bumps


def test_knocks_and_bursts_of_noise_are_not_speech():
    """Their spectrum and loudness change as in speech, but no voice repeats a wave."""
    t = np.arange(16_000) / 16_000
    least = speech.Least(periodicity=0.5)
    refused = {"knock": [], "burst": []}
    for i in range(20):
        rng = np.random.default_rng(i)
        after = np.clip(t - rng.uniform(0.1, 0.5), 0, None)
        shapes = {"knock": np.exp(-20 * after) * (after > 0), "burst": (after > 0) & (after < 0.3)}
        for name, shape in shapes.items():
            x = noise.resonant(16_000, rng) * shape + 1e-5 * rng.normal(size=16_000)
            refused[name].append(speech.why_no_speech(x, log_mel(x), least=least) != "")
    assert np.mean(refused["knock"]) >= 0.7
    assert np.mean(refused["burst"]) >= 0.7


def test_periodicity_is_that_of_voices():
    hiss = noise.white(16_000, RNG)
    assert speech.periodicity(hiss) < 0.35
    for pitch in (90, 140, 380):
        voice = sum(np.sin(2 * np.pi * k * pitch * np.arange(16_000) / 16_000) for k in (1, 2, 3))
        assert speech.periodicity(voice) > 0.97
        mixed = speech.periodicity(noise.add_noise(voice, hiss, decibels=0))
        assert 0.6 < mixed < 0.9  # white noise has half of its power below 4 kHz
    assert speech.periodicity(np.zeros(100)) == 0


@pytest.mark.parametrize("name", ["white", "pink", "brown", "resonant"])
def test_noise_between_digital_zeros_is_not_speech(name):
    for _ in range(10):
        assert reason(np.pad(noise.ALONE[name](8_000, RNG), 4_000)) != ""


def test_what_is_too_short_or_too_quiet():
    assert reason(np.ones(1)) == reason(word(16_000)[6_000:6_160]) == "too short"
    assert reason(np.zeros(16_000)) == "too quiet"
    assert reason(1e-4 * word(16_000)) == "too quiet"
    click = np.zeros(16_000)
    click[8_000:8_100] = RNG.normal(size=100)
    assert reason(click) == "too short"
    tone = np.sin(np.arange(16_000) * 0.4)
    assert reason(tone) == "only noise"


def test_a_file_that_is_shorter_than_the_word_is_too_short():
    words = [word(16_000, seed=i, seconds=0.3 + 0.01 * i) for i in range(40)]
    least = speech.Least.of(words, [log_mel(x) for x in words])
    lengths = [np.diff(features.end_points(log_mel(x), 0.25))[0] - 6 for x in words]
    assert 15 <= least.frames <= np.min(lengths) + 6
    for x in words:
        cut = x[8_000 - 1_200 :][:2_400]  # 150 ms
        assert reason(cut) in ("", "only noise")
        for heard in (cut, np.pad(cut, 4_000)):
            assert speech.why_no_speech(heard, log_mel(heard), least=least) == "too short"
        assert speech.why_no_speech(x, log_mel(x), least=least) == ""


def test_the_noise_floor_is_that_of_the_noise():
    x, hiss = word(16_000), noise.white(16_000, RNG)
    floors = [
        speech.noise_floor(log_mel(noise.add_noise(x, hiss, decibels=d))) for d in (30, 20, 10)
    ]
    assert np.diff(floors) == pytest.approx([10 * features.DECIBEL] * 2, abs=0.6)


def test_digital_zeros_change_neither_features_nor_noise_floor():
    x = noise.add_noise(word(16_000), noise.pink(16_000, RNG), decibels=20)
    plain = log_mel(x)
    for zeros in (1_600, 8_000, 80_000):  # whole frames
        mel = features.trimmed(log_mel(np.pad(x, zeros)))
        assert abs(len(mel) - len(plain)) <= 2
        assert np.abs(features.aligned(mel) - features.aligned(plain)).mean() < 0.05
        assert speech.noise_floor(mel) == pytest.approx(speech.noise_floor(plain), abs=0.1)
    silent = log_mel(np.zeros(8_000))
    assert features.trimmed(silent) is silent


def test_sounds_are_found_where_they_are():
    x = np.concatenate([word(32_000, seed=i) for i in range(3)])  # at .75, 2.75 and 4.75 s
    for heard in (x, noise.add_noise(x, noise.pink(len(x), RNG), decibels=15)):
        found = speech.sounds(log_mel(heard))
        assert len(found) == 3
        for i, (start, stop) in enumerate(found):
            assert abs(start - 100 * (2 * i + 0.75)) < 15
            assert abs(stop - 100 * (2 * i + 1.25)) < 15
    assert speech.sounds(log_mel(np.zeros(48_000))) == []


def test_runs():
    assert speech.runs(np.array([1, 1, 0, 1], bool)).tolist() == [[0, 2], [3, 4]]
    assert speech.runs(np.zeros(3, bool)).tolist() == []


def test_real_words_are_speech(real_data):
    from tfp_maf.data_prep import speech_commands

    pytest.importorskip("soundfile")
    clips = speech_commands.load(real_data / "speech_commands_v0.01", words=["bed", "six", "eight"])
    assert np.mean([reason(x) == "" for x in clips.samples]) == 1
    loud = [noise.add_noise(x, noise.pink(len(x), RNG), decibels=10) for x in clips.samples]
    assert np.mean([reason(x) == "" for x in loud]) >= 0.96


def test_real_words_are_as_long_and_voiced_as_they_were_in_training(real_data):
    from tfp_maf.data_prep import speech_commands

    pytest.importorskip("soundfile")
    clips = speech_commands.load(real_data / "speech_commands_v0.01", words=["cat"]).samples[:160]
    least = speech.Least.of(clips[:80], [log_mel(x) for x in clips[:80]])
    assert 18 <= least.frames <= 26
    assert 0.3 < least.periodicity < 0.7

    def kept(heard):
        return np.mean([not speech.why_no_speech(x, log_mel(x), least=least) for x in heard])

    assert kept(clips[80:]) >= 0.97
    noisy = [noise.add_noise(x, noise.pink(len(x), RNG), decibels=10) for x in clips[80:]]
    assert kept(noisy) > 0.9
    assert kept([x[6_400:9_200] for x in clips[80:]]) == 0  # 175 ms
