import os
import stat

import pytest

from tfp_maf.data_prep.files import remove_leftovers, replaced_when_whole


def test_a_whole_file_takes_the_place(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with replaced_when_whole(path) as file:
        file.write("new: \u00e9\n")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_bytes() == "new: \u00e9\n".encode()
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_block_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), replaced_when_whole(path) as file:
        file.write("new")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_block_makes_no_file(tmp_path):
    with pytest.raises(RuntimeError), replaced_when_whole(tmp_path / "a.txt") as file:
        file.write("new")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_missing_folder(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match=r"can't write .*a\.txt: there is no folder"),
        replaced_when_whole(tmp_path / "none" / "a.txt"),
    ):
        pytest.fail("the block should not run")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_the_way(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(OSError), replaced_when_whole(tmp_path / "a") as file:
        file.write("new")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_permissions_follow_the_umask(tmp_path):
    old = os.umask(0o027)
    try:
        with replaced_when_whole(tmp_path / "a.txt"):
            pass
        assert os.umask(0o027) == 0o027  # left as it was
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640


def test_a_folder_is_not_written_over(tmp_path):
    with pytest.raises(IsADirectoryError, match="it is a folder"), replaced_when_whole(tmp_path):
        pass


def test_a_pipe_is_written_to_and_stays(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with replaced_when_whole(path) as file:
        file.write("rows")
    assert os.read(reader, 10) == b"rows"
    os.close(reader)
    assert path.is_fifo()


def test_a_link_stays_a_link(tmp_path):
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    link.symlink_to(target)
    with replaced_when_whole(link) as file:
        file.write("new")
    assert link.is_symlink()
    assert target.read_text() == "new"


def test_only_what_a_kill_left_is_removed(tmp_path):
    path = tmp_path / "a[1].npz"
    kept = [path, tmp_path / ".a[1].npz", tmp_path / ".a1.npz.x", tmp_path / "a[1].npz.x"]
    for each in kept:
        each.write_text("kept")
    (tmp_path / ".a[1].npz.abc").write_text("half")
    (tmp_path / ".a[1].npz.folder").mkdir()
    (tmp_path / ".a[1].npz.folder" / "half").write_text("half")
    remove_leftovers(path)
    assert sorted(tmp_path.iterdir()) == sorted(kept)
