"""Sound files that other programs wrote, or spoiled."""

import numpy as np
import pytest

from tfp_maf.data_prep import audio

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")

X = 0.1 * np.random.default_rng(0).normal(size=20_000)


@pytest.mark.parametrize("samples", [0, 2**36 - 1])
def test_the_length_in_a_flac_header_may_be_unknown_or_wrong(tmp_path, samples):
    """As FLAC that is written to a pipe has it, and a damaged header."""
    path = tmp_path / "x.flac"
    soundfile.write(path, X, 16_000)
    content = bytearray(path.read_bytes())
    content[21] = content[21] & 0xF0 | samples >> 32
    content[22:26] = (samples & 0xFFFFFFFF).to_bytes(4, "big")
    path.write_bytes(content)
    with pytest.raises(ValueError, match="does not tell its length"):
        audio.read_audio(path, path)


def test_channels_that_cancel(tmp_path):
    for channels, expected in (
        ([X, -X], X),
        ([X, X], X),
        ([X, 0 * X], X / 2),
        ([0 * X] * 2, 0 * X),
    ):
        soundfile.write(tmp_path / "x.wav", np.stack(channels, axis=1), 16_000, "FLOAT")
        np.testing.assert_allclose(audio.read_audio(tmp_path / "x.wav", "x"), expected, atol=1e-6)


@pytest.mark.parametrize("value", [np.nan, np.inf, 3e38])
def test_samples_that_overflow(tmp_path, value):
    soundfile.write(tmp_path / "x.wav", np.append(X, value), 16_000, "FLOAT")
    with pytest.raises(ValueError, match="samples that are not finite, or above 1e\\+10"):
        audio.read_audio(tmp_path / "x.wav", "x.wav")


def test_a_folder_is_no_sound_file(tmp_path):
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "x.WAV").touch()
    assert audio.sound_files(tmp_path) == [tmp_path / "x.WAV"]
