import numpy as np
import pytest

from tfp_maf.data_prep import audio_features as features

RNG = np.random.default_rng(0)


def word(*, glide=(500, 1500), before=3_000, pitch=150.0, gain=1.0, seconds=0.4, noise=1e-4):
    """A made-up word in a second of faint noise: a vowel that glides, its pitch and place."""
    n = int(16_000 * seconds)
    t = np.arange(n) / 16_000
    glide = np.linspace(*glide, n)
    sound = sum(
        np.exp(-(((k * pitch - glide) / 300) ** 2)) * np.sin(2 * np.pi * k * pitch * t)
        for k in range(1, 30)
    )
    x = noise * np.random.default_rng(1).normal(size=16_000)
    x[before : before + n] += 0.1 * sound * np.hanning(n)
    return gain * x


def test_cropped_spectrum_is_the_posts_stft():
    tf = pytest.importorskip("tensorflow")
    for n in (9_000, 16_000, 20_000):
        x = RNG.normal(size=n).astype(np.float32)
        padded = np.pad(x[:16_000], [0, max(0, 16_000 - n)])
        (theirs,) = np.abs(tf.signal.stft(padded, 16_000, 1, 512))
        np.testing.assert_allclose(features.cropped_spectrum(x), theirs, atol=1e-4)


def test_the_posts_features_see_the_first_32_ms_only():
    x = RNG.normal(size=16_000)
    changed = x.copy()
    changed[512:] = 0
    np.testing.assert_array_equal(features.cropped_spectrum(x), features.cropped_spectrum(changed))
    assert not np.allclose(features.whole_spectrum(x), features.whole_spectrum(changed))


def test_mel_filters_are_tensorflows():
    tf = pytest.importorskip("tensorflow")
    theirs = tf.signal.linear_to_mel_weight_matrix(40, 257, 16_000, 60.0, 7_600.0)
    np.testing.assert_allclose(features.mel_filters()[1:], theirs[1:], atol=2e-4)


def test_log_mel_finds_a_tone():
    t = np.arange(16_000) / 16_000
    mel = features.log_mel(np.sin(2 * np.pi * 1000 * t))
    assert mel.shape == (98, 40)
    centres = 700 * np.expm1(
        np.linspace(1127 * np.log1p(60 / 700), 1127 * np.log1p(7600 / 700), 42)[1:-1] / 1127
    )
    assert abs(centres[mel.mean(axis=0).argmax()] - 1000) < 60


def test_a_clip_shorter_than_a_frame_or_silent_has_features_too():
    for x in (np.zeros(16_000), np.zeros(10), RNG.normal(size=3)):
        assert np.isfinite(features.aligned(features.log_mel(x))).all()


def test_end_points_are_where_the_word_is():
    for before in (0, 3_000, 9_000):
        start, stop = features.end_points(features.log_mel(word(before=before)), 0.35)
        assert abs(start - before / 160) < 9
        assert abs(stop - (before + 6_400) / 160) < 9


def test_a_short_pause_is_bridged_and_a_long_one_is_not():
    energy = np.full([100, 40], -20.0)
    energy[20:45] = 0
    energy[60:70] = 0  # 15 quiet frames later, less what the averaging smears
    assert features.end_points(energy, 0.35)[1] >= 70
    energy[60:70] = -20
    energy[75:85] = 0
    assert features.end_points(energy, 0.35)[1] < 60


def test_aligned_features_ignore_place_and_loudness():
    reference = features.aligned(features.log_mel(word()))
    assert reference.shape == (320,)
    for other in (word(before=6_000), word(gain=0.1), word(before=100, gain=3.0)):
        moved = features.aligned(features.log_mel(other))
        assert np.abs(moved - reference).mean() < 0.25
    different = features.aligned(features.log_mel(word(glide=(1500, 500))))
    assert np.abs(different - reference).mean() > 0.5


def test_slices_keep_the_total():
    x = RNG.normal(size=[30, 4])
    edges = np.linspace(2.3, 27.9, 17)
    means = features._slice_means(x, edges)
    fine = np.repeat(x, 1000, axis=0)  # a thousandth of a frame each
    expected = [
        fine[round(a * 1000) : round(b * 1000)].mean(axis=0)
        for a, b in zip(edges[:-1], edges[1:], strict=True)
    ]
    np.testing.assert_allclose(means, expected, atol=2e-3)


def test_variations_vary_and_none_does_nothing():
    mel = features.log_mel(word())
    reference = features.aligned(mel)
    np.testing.assert_array_equal(features.aligned(mel, features.Variation()), reference)
    one = features.Variation.draw(np.random.default_rng(0))
    assert one == features.Variation.draw(np.random.default_rng(0))
    for change in (
        {"warp": 0.3},
        {"mel_shift": 1.0},
        {"tilt": 1.0},
        {"floor": 1.0},
        {"stretch": (0.03, -0.03)},
        {"threshold": 0.55},
    ):
        assert not np.allclose(features.aligned(mel, features.Variation(**change)), reference)


def test_a_mel_shift_moves_the_spectrum():
    mel = np.tile(np.linspace(0, 4, 40), (60, 1))
    shifted = features.aligned(mel, features.Variation(mel_shift=1.0)).reshape(16, 20)
    plain = features.aligned(mel).reshape(16, 20)
    np.testing.assert_allclose((shifted - plain)[:, 2:-2], 4 / 39, atol=0.02)


def test_subtracted_noise_leaves_the_word():
    clean = features.log_mel(word())
    noisy = features.log_mel(word(noise=3e-3))
    scale = features.FINE_IN_FREQUENCY
    plain = features.Scale(scale.slices, scale.bands)

    def difference(scale):
        rows = [features.aligned(mel, scale=scale) for mel in (clean, noisy)]
        return np.abs(rows[0] - rows[1]).mean()

    assert features.aligned(clean, scale=scale).shape == (320,)
    assert difference(scale) < 0.8 * difference(plain)
    loud = clean > clean.max() - 30 * features.DECIBEL
    assert np.abs(features.denoised(clean) - clean)[loud].max() < 0.01


def test_the_real_words_are_told_apart_by_a_gaussian(real_data):
    """Unseen speakers' "happy" against other words: the aligned features carry the word."""
    from sklearn.decomposition import PCA
    from sklearn.metrics import roc_auc_score
    from sklearn.mixture import GaussianMixture

    from tfp_maf.data_prep import speech_commands

    pytest.importorskip("soundfile")
    clips = speech_commands.load(real_data / "speech_commands_v0.01")
    part = speech_commands.split_by_speaker(clips.speakers)
    x = np.stack([features.aligned(features.log_mel(samples)) for samples in clips.samples])
    happy = clips.words == "happy"
    pca = PCA(64, whiten=True, random_state=0).fit(x[happy & (part == "train")])
    gaussian = GaussianMixture(1).fit(pca.transform(x[happy & (part == "train")]))
    seen = (happy & (part == "test")) | ~happy
    scores = gaussian.score_samples(pca.transform(x[seen]))
    assert roc_auc_score(happy[seen], scores) > 0.92
