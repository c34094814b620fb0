"""The exercises' solutions run, at a small size."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("soundfile", reason="soundfile is not installed")

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.stem for path in (FOLDER / "solutions").glob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_each_is_of_a_notebook_and_answers_all_exercises(name):
    source = (FOLDER / "solutions" / f"{name}.py").read_text()
    assert (FOLDER / f"{name}.ipynb").is_file()
    assert f"python -m solutions.{name}" in source
    for number in range(1, 5):
        assert f"\n# {number}. " in source


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs(name, request):
    if "mnist" in (FOLDER / "solutions" / f"{name}.py").read_text():
        request.getfixturevalue("real_data")
    done = subprocess.run(
        [sys.executable, "-m", f"solutions.{name}"],
        cwd=FOLDER,
        env=os.environ | {"TFP_MAF_NOTEBOOKS": "small", "TF_CPP_MIN_LOG_LEVEL": "3"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("1. ")
