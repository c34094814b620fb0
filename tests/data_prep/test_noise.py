import numpy as np
import pytest

from tfp_maf.data_prep import audio, noise, simulate_words, speech_commands

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")


def slope(x):
    """Exponent of the power spectrum between 100 and 5,000 Hz."""
    power, hertz = np.abs(np.fft.rfft(x)) ** 2, np.fft.rfftfreq(len(x), 1 / audio.RATE)
    octaves = [(f <= hertz) & (hertz < 2 * f) for f in (100, 200, 400, 800, 1600, 3200)]
    return np.polyfit(range(6), [np.log2(power[band].mean()) for band in octaves], 1)[0]


@pytest.mark.parametrize(("name", "exponent"), [("white", 0), ("pink", 1), ("brown", 2)])
def test_colours(name, exponent):
    x = noise.ALONE[name](160_000, np.random.default_rng(0))
    assert slope(x) == pytest.approx(-exponent, abs=0.15)


@pytest.mark.parametrize("name", noise.ALONE)
def test_noises_are_repeatable_and_equally_loud(name):
    x, same, other = (noise.ALONE[name](5_001, np.random.default_rng(i)) for i in (0, 0, 1))
    assert x.shape == (5_001,)
    np.testing.assert_array_equal(x, same)
    assert not np.allclose(x, other)
    assert np.sqrt(np.mean(x**2)) == pytest.approx(0.05)


def test_kinds_of_training_are_not_those_of_tests():
    assert not set(noise.TRAINING) & set(noise.TESTING)


def test_a_hum_is_mains():
    x = noise.hum(16_000, np.random.default_rng(0))
    loudest = np.argsort(np.abs(np.fft.rfft(x)))[-3:]  # bins of 1 Hz
    assert all(f % 50 == 0 for f in loudest) or all(f % 60 == 0 for f in loudest)


@pytest.mark.parametrize("decibels", [20, 0, -5])
def test_noise_has_the_level_that_was_asked_for(decibels):
    rng = np.random.default_rng(0)
    x, added = rng.normal(size=4_000), noise.pink(4_000, rng)
    found = noise.add_noise(x, added, decibels=decibels) - x
    assert 10 * np.log10(np.mean(x**2) / np.mean(found**2)) == pytest.approx(decibels)
    assert np.corrcoef(found, added)[0, 1] == pytest.approx(1)
    np.testing.assert_array_equal(noise.add_noise(x, np.zeros(4_000), decibels=3), x)


def test_babble_and_own_recordings(tmp_path):
    folder = simulate_words.write_words(tmp_path / "w", speakers=2, takes=1)
    voices = speech_commands.load(folder).samples
    babble = noise.babble_of(voices)(8_000, np.random.default_rng(0))
    assert np.sqrt(np.mean(babble**2)) == pytest.approx(0.05)
    ramp = np.arange(1, 101) / 100
    cut = noise.cut_from([np.zeros(5), ramp])
    assert np.corrcoef(cut(60, np.random.default_rng(1)), ramp[:60])[0, 1] == pytest.approx(1)
    assert cut(250, np.random.default_rng(1)).shape == (250,)
    with pytest.raises(ValueError, match="no recording of noise"):
        noise.cut_from([np.zeros(5)])
    assert len(noise.load_noises(folder)) == 10
    with pytest.raises(OSError, match="no such folder"):
        noise.load_noises(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="has no recordings"):
        noise.load_noises(tmp_path / "empty")
