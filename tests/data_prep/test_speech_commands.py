import tarfile

import numpy as np
import pytest

from tfp_maf.data_prep import audio, speech_commands

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")


def tone(rate, *, seconds=0.5, channels=1):
    """440 Hz, half as loud in each further channel."""
    t = np.arange(int(rate * seconds)) / rate
    one = 0.5 * np.sin(2 * np.pi * 440 * t)
    return np.stack([one / 2**i for i in range(channels)], axis=1)


def write(path, rate=16_000, subtype="PCM_16", **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, tone(rate, **options), rate, subtype=subtype)


@pytest.fixture
def folder(tmp_path):
    """Three words of four speakers, two takes each, and the lists."""
    for word in ("cat", "happy", "zero"):
        for speaker in ("aa", "bb", "cc", "dd"):
            for take in (0, 1):
                write(tmp_path / "set" / word / f"{speaker}_nohash_{take}.wav")
    write(tmp_path / "set" / "_background_noise_" / "pink.wav")
    (tmp_path / "set" / "testing_list.txt").write_text(
        "cat/bb_nohash_0.wav\nhappy/bb_nohash_0.wav\n"
    )
    (tmp_path / "set" / "validation_list.txt").write_text("cat/cc_nohash_1.wav\n")
    return tmp_path / "set"


def test_words_speakers_and_lists(folder):
    clips = speech_commands.load(folder)
    assert len(clips) == 24
    assert sorted(set(clips.words)) == ["cat", "happy", "zero"]
    assert sorted(set(clips.speakers)) == ["aa", "bb", "cc", "dd"]
    official = dict(zip(clips.names, clips.official, strict=True))
    assert official["cat/bb_nohash_0.wav"] == "test"
    assert official["cat/cc_nohash_1.wav"] == "validation"
    assert official["cat/bb_nohash_1.wav"] == "train"
    only = speech_commands.load(folder, words=["zero"])
    assert set(only.words) == {"zero"}
    taken = clips.take(clips.words == "happy")
    assert len(taken) == 8
    assert all(name.startswith("happy/") for name in taken.names)


def test_an_archive_is_the_folder(folder, tmp_path):
    with tarfile.open(tmp_path / "set.tar.gz", "w:gz") as archive:
        archive.add(folder, arcname=".")
    one, other = speech_commands.load(folder), speech_commands.load(tmp_path / "set.tar.gz")
    assert sorted(one.names) == sorted(other.names)
    order = np.argsort(other.names)
    for i, j in enumerate(order):
        assert one.names[i] == other.names[j]
        np.testing.assert_array_equal(one.samples[i], other.samples[j])
        assert one.official[i] == other.official[j]
    whole = (tmp_path / "set.tar.gz").read_bytes()
    (tmp_path / "set.tar.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"set\.tar\.gz is damaged"):
        speech_commands.load(tmp_path / "set.tar.gz")


def test_spoken_digits_and_any_folder(tmp_path):
    write(tmp_path / "a" / "recordings" / "7_theo_12.wav", 8000)
    clips = speech_commands.load(tmp_path / "a")
    assert (clips.words[0], clips.speakers[0]) == ("7", "theo")
    write(tmp_path / "b" / "birds" / "one.wav")
    write(tmp_path / "b" / "birds" / "two.wav")
    assert len(set(speech_commands.load(tmp_path / "b").speakers)) == 2


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 44_100, 48_000])
@pytest.mark.parametrize(("channels", "subtype"), [(1, "PCM_16"), (2, "PCM_24"), (2, "FLOAT")])
def test_rates_channels_and_formats(tmp_path, rate, channels, subtype):
    write(tmp_path / "x.wav", rate, subtype, channels=channels)
    x = audio.read_audio(tmp_path / "x.wav", "x.wav")
    expected = tone(16_000, channels=channels).mean(axis=1)
    assert abs(len(x) - len(expected)) <= 1
    inner = slice(400, 7_500)  # resampling rings at both ends
    np.testing.assert_allclose(x[inner], expected[inner], atol=0.005)


@pytest.mark.parametrize("suffix", ["flac", "ogg", "mp3", "aiff"])
def test_other_formats(tmp_path, suffix):
    path = tmp_path / "set" / "cat" / f"aa_nohash_0.{suffix}"
    path.parent.mkdir(parents=True)
    soundfile.write(path, tone(16_000), 16_000)
    (x,) = speech_commands.load(tmp_path / "set").samples
    assert abs(len(x) - 8_000) < 1_200  # MP3 pads
    spectrum = np.abs(np.fft.rfft(x, 16_000))
    assert spectrum.argmax() == 440


def test_raw_samples():
    x = tone(8_000)[:, 0]
    content = (x * 2**15).astype("<i2").tobytes()
    read = audio.read_pcm(content + b"x", "it", found=16_000)
    np.testing.assert_allclose(read, x, atol=1e-4)
    assert abs(len(audio.read_pcm(content, "it", found=8_000)) - 2 * len(x)) <= 1
    with pytest.raises(ValueError, match="it has no samples"):
        audio.read_pcm(b"x", "it", found=16_000)
    with pytest.raises(ValueError, match="it has 4000 samples per second"):
        audio.read_pcm(content, "it", found=4_000)
    with pytest.raises(ValueError, match="has no header that tells its sample rate"):
        audio.read_audio("x.raw", "x.raw")


def spoil(folder):
    (folder / "cat" / "empty_nohash_0.wav").write_bytes(b"")
    (folder / "cat" / "text_nohash_0.wav").write_text("no sound")
    whole = (folder / "cat" / "aa_nohash_0.wav").read_bytes()
    (folder / "cat" / "cut_nohash_0.wav").write_bytes(whole[:20])
    soundfile.write(folder / "cat" / "none_nohash_0.wav", np.empty([0, 1]), 16_000)
    soundfile.write(folder / "cat" / "slow_nohash_0.wav", tone(4_000), 4_000)
    soundfile.write(
        folder / "cat" / "radio_nohash_0.wav", tone(16_000), 16_000, format="AU", subtype="PCM_16"
    )


def test_files_that_can_not_be_read_are_named_and_skipped(folder):
    spoil(folder)
    clips = speech_commands.load(folder)
    assert len(clips) == 24
    assert len(clips.skipped) == 6
    for name, why in [
        ("empty", "damaged"),
        ("text", "damaged"),
        ("cut", "damaged"),
        ("none", "no samples"),
        ("slow", "4000 samples per second"),
        ("radio", "is AU, not one of WAV"),
    ]:
        (said,) = [line for line in clips.skipped if f"cat/{name}_nohash_0.wav" in line]
        assert why in said


def test_strict_refuses_them(folder):
    spoil(folder)
    with pytest.raises(ValueError, match=r"cat/cut_nohash_0\.wav is damaged"):
        speech_commands.load(folder, strict=True)


def test_nothing_to_read(folder, tmp_path):
    with pytest.raises(OSError, match="no such folder of recordings"):
        speech_commands.load(tmp_path / "none")
    (tmp_path / "bare").mkdir()
    with pytest.raises(ValueError, match="has no recordings"):
        speech_commands.load(tmp_path / "bare")
    with pytest.raises(ValueError, match="no recordings of 'dog'"):
        speech_commands.load(folder, words=["cat", "dog"])


def test_no_speaker_is_in_two_parts():
    speakers = np.random.default_rng(0).choice([f"s{i}" for i in range(100)], 1000)
    parts = speech_commands.split_by_speaker(speakers, seed=1)
    of = {part: set(speakers[parts == part]) for part in speech_commands.PARTS}
    assert [len(of[part]) for part in speech_commands.PARTS] == [70, 10, 20]
    assert not of["train"] & of["test"]
    assert not of["train"] & of["validation"]
    assert not of["test"] & of["validation"]
    again = speech_commands.split_by_speaker(speakers, seed=1)
    np.testing.assert_array_equal(parts, again)
    assert (parts != speech_commands.split_by_speaker(speakers, seed=2)).any()
    with pytest.raises(ValueError, match="2 speakers are too few"):
        speech_commands.split_by_speaker(np.array(["a", "b"]))


def test_the_real_set(real_data):
    clips = speech_commands.load(real_data / "speech_commands_v0.01")
    assert len(clips) == 2630
    assert clips.skipped == []
    assert (clips.words == "happy").sum() == 1742
    assert set(clips.official) == {"train", "validation", "test"}
    digits = speech_commands.load(real_data / "fsdd")
    assert len(digits) == 3000
    assert len(set(digits.speakers)) == 6
    assert sorted(set(digits.words)) == list("0123456789")


def test_pad_or_crop():
    np.testing.assert_array_equal(audio.pad_or_crop(np.array([1, 2]), 4), [1, 2, 0, 0])
    np.testing.assert_array_equal(audio.pad_or_crop(np.array([1, 2, 3]), 2), [1, 2])
