"""Checkpoints whose writer is killed while it writes."""

import random
import subprocess
import sys
import time

from tfp_maf.data_prep.files import remove_leftovers
from tfp_maf.training import checkpoints

KILLS = 20

# Some megabytes, so that most of its time goes into the writing.
WRITER = """
import sys
from pathlib import Path
import numpy as np
from tfp_maf.training import checkpoints
assert "tensorflow" not in sys.modules  # starts in a moment
k = int(sys.argv[2])
while True:
    k += 1
    arrays = {"weights": [np.full([500, 500], k, np.float32)] * 4, "best": [np.full([3], k)]}
    checkpoints.write(Path(sys.argv[1]), arrays, {"k": k})
    print(k, flush=True)
"""


def test_a_writer_killed_twenty_times_loses_one_interval_at_most(tmp_path):
    path, rng, kept, within = tmp_path / "training.npz", random.Random(0), 0, 0
    for _ in range(KILLS):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path), str(kept)], stdout=subprocess.PIPE, text=True
        )
        first = int(writer.stdout.readline())
        assert first == kept + 1
        time.sleep(rng.uniform(0, 0.05))
        writer.kill()
        said = [first, *map(int, writer.communicate()[0].split())]
        arrays, values = checkpoints.read(path, ("weights", "best"))
        kept = values["k"]
        assert kept in (said[-1], said[-1] + 1)
        assert all((a == kept).all() for of_name in arrays.values() for a in of_name)
        within += any(tmp_path.glob(".training.npz.*"))
        remove_leftovers(path)
        assert list(tmp_path.iterdir()) == [path]
    assert within >= KILLS // 4  # so many in the middle of a file
