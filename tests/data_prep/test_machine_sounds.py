import numpy as np
import pytest

from tfp_maf.data_prep import audio, simulate_machines
from tfp_maf.data_prep.machine_sounds import find_recordings, machine_of

soundfile = pytest.importorskip("soundfile", reason="soundfile is not installed")


@pytest.fixture(scope="module")
def motors(tmp_path_factory):
    return simulate_machines.write_machines(
        tmp_path_factory.mktemp("machines"), machines=2, train=5, test=3, seconds=0.2
    )


def test_the_published_layout(motors):
    found = find_recordings(motors)
    assert {each.machine for each in found} == {"id_00", "id_01"}
    counts = {part: sum(each.part == part for each in found) for part in ("train", "validation")}
    assert counts == {"train": 8, "validation": 2}
    test = [each for each in found if each.part == "test"]
    assert sum(each.is_normal for each in test) == 6
    assert sum(not each.is_normal for each in test) == 6
    assert all(each.is_normal for each in found if each.part != "test")
    assert found == find_recordings(motors)
    assert found[0].read().shape == (3_200,)


def test_names():
    from pathlib import Path

    assert machine_of(Path("fan/test/anomaly_id_04_00000012.wav")) == "id_04"
    assert machine_of(Path("fan/test/id_03_00000012.wav")) == "id_03"  # evaluation, unlabelled
    assert machine_of(Path("pumps/left/a.wav"), Path("pumps")) == "left"
    assert machine_of(Path("pumps/a.wav"), Path("pumps")) == "machine"


def test_unlabelled_recordings_of_the_evaluation_set(tmp_path, motors):
    for part in ("train", "test"):
        (tmp_path / "fan" / part).mkdir(parents=True)
    x = np.ones(4_000) / 2
    for i in range(2):
        soundfile.write(tmp_path / "fan/train" / f"normal_id_01_{i:08}.wav", x, 16_000)
    soundfile.write(tmp_path / "fan/test" / "id_01_00000000.wav", x, 16_000)
    (unlabelled,) = [each for each in find_recordings(tmp_path) if each.part == "test"]
    assert unlabelled.is_normal is None


def test_any_folder_is_normal(tmp_path):
    for name in ("left/a.wav", "left/b.wav", "right/a.wav", "right/b.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        soundfile.write(tmp_path / name, np.ones(4_000) / 2, 16_000)
    found = find_recordings(tmp_path)
    assert sorted((each.machine, each.part) for each in found) == [
        ("left", "train"),
        ("left", "validation"),
        ("right", "train"),
        ("right", "validation"),
    ]


def test_errors(tmp_path, motors):
    with pytest.raises(OSError, match="no such folder"):
        find_recordings(tmp_path / "none")
    with pytest.raises(ValueError, match="has no recordings"):
        find_recordings(tmp_path)
    for kind in ("fan", "pump"):
        (tmp_path / kind / "train").mkdir(parents=True)
        path = tmp_path / kind / "train" / "normal_id_00_00000000.wav"
        soundfile.write(path, np.ones(4_000) / 2, 16_000)
    with pytest.raises(ValueError, match="several types of machine; give one of fan, pump"):
        find_recordings(tmp_path)
    with pytest.raises(ValueError, match="machine id_00 has 1 normal recordings"):
        find_recordings(tmp_path / "fan")
    path.rename(path.with_name("anomaly_id_00_00000000.wav"))
    with pytest.raises(ValueError, match="is an anomaly, but in the folder of training"):
        find_recordings(tmp_path / "pump")


def test_a_worn_bearing_rings_at_the_housings_resonance():
    rng = np.random.default_rng(0)
    motor = simulate_machines.Motor.draw(rng)

    def power(fault):
        x = motor.record(2.0, np.random.default_rng(1), fault=fault)
        hertz = np.fft.rfftfreq(len(x), 1 / audio.RATE)
        near = np.abs(hertz - motor.resonance) < 50
        return np.mean(np.abs(np.fft.rfft(x))[near] ** 2)

    assert power(1.0) > 1.3 * power(0.0)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["anomaly_id_00_00000000.wav", "normal_id_00_00000000.wav"], "is an anomaly by its name"),
        (["test/section_00_source_test_anomaly_0000.wav"], "is an anomaly by its name"),
        (["a/left/1.wav", "b/left/1.wav"], "would count as one machine"),
        (["train/normal_id_00_00000000.wav", "train/x.wav"], "is not named as the others"),
    ],
)
def test_nothing_counts_as_normal_by_mistake(tmp_path, names, message):
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with pytest.raises(ValueError, match=message):
        find_recordings(tmp_path)
