"""Doctests of the pages: ``python -m pytest -n 0 --doctest-glob='*.md' docs``."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# The examples are tiny: compiling them takes longer than running them.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Run each page in an empty folder, so that it may write ``my.csv`` and ``runs/``."""
    monkeypatch.chdir(tmp_path)
