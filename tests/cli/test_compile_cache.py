"""Compiled programs kept between commands: safe with damage, other machines and other users."""

import os
import subprocess
import sys
import time

import pytest

from tfp_maf.utils import compile_cache

PROGRAM = """
from tfp_maf.utils import console
console.import_tensorflow()
import tensorflow as tf
print(float(tf.function(lambda x: tf.reduce_sum(tf.tanh(x)), jit_compile=True)(tf.ones([3]))))
"""


@pytest.fixture
def folders(tmp_path):
    """Return a folder of kept entries, one in it, and an empty folder to work in."""
    kept, first, working = (tmp_path / name for name in ("kept", "first", "working"))
    for folder in (kept, first, working):
        folder.mkdir(mode=0o700)
    (first / "a.pb").write_bytes(b"machine code")
    compile_cache.put_back(first, kept)
    return kept, working


def test_an_entry_comes_back_as_it_was(folders):
    kept, working = folders
    compile_cache.take_out(kept, working)
    assert (working / "a.pb").read_bytes() == b"machine code"
    before = sorted(kept.iterdir())
    compile_cache.put_back(working, kept)
    assert sorted(kept.iterdir()) == before and len(before) == 1


@pytest.mark.parametrize("damaged", [b"", b"machine", b"maChine code"])
def test_a_damaged_entry_is_removed(folders, damaged):
    kept, working = folders
    next(kept.iterdir()).write_bytes(damaged)
    compile_cache.take_out(kept, working)
    assert not list(working.iterdir()) and not list(kept.iterdir())


def test_the_oldest_entries_are_dropped(folders, monkeypatch):
    kept, working = folders
    old = next(kept.iterdir())
    os.utime(old, (1, 1))
    (working / "b.pb").write_bytes(b"newer")
    monkeypatch.setattr(compile_cache, "MOST_BYTES", 10)
    compile_cache.put_back(working, kept)
    assert [path.name.partition("-")[2] for path in kept.iterdir()] == ["b.pb"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    for name, age in [("working_old", 40 * 86_400), ("working_new", 86_400)]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.pb").write_bytes(b"machine code")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    compile_cache.remove_abandoned(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["working_new"]


def test_a_folder_open_to_others_is_refused(tmp_path):
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    with pytest.raises(PermissionError, match="others"):
        compile_cache.own_folder(tmp_path / "open")


def test_each_setting_has_entries_of_its_own(monkeypatch):
    before = compile_cache.key()
    assert compile_cache.key() == before
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true")
    assert compile_cache.key() != before


# Three imports of TensorFlow: what it does with an entry can't be seen otherwise.
def test_tensorflow_uses_kept_programs_and_survives_damage(tmp_path):
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}

    def run():
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM], env=environment, capture_output=True, check=True
        )
        (folder,) = (tmp_path / "tfp_maf" / "xla").iterdir()
        return done.stdout, {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    value, entries = run()
    assert len(entries) == 1 and run() == (value, entries)
    (path,) = (tmp_path / "tfp_maf" / "xla").glob("*/*")
    path.write_bytes(path.read_bytes()[:-100])
    again, mended = run()
    assert again == value and len(mended) == 1 and mended != entries
