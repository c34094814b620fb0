"""The notebooks run from clean kernels, at a small size, and their outputs are of today's code."""

import re
from pathlib import Path

import pytest

pytest.importorskip("nbclient", reason="nbclient is not installed")
pytest.importorskip("soundfile", reason="soundfile is not installed")

import nbformat
import run  # notebooks/run.py: setup.cfg puts its folder on the path

FOLDER = Path(__file__).parents[2] / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
POST = "https://blogs.rstudio.com/ai/posts/2019-05-24-autoregressive-flows/"


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def kinds(cell):
    """What a cell shows: kinds of outputs, and a table's columns."""
    shown = []
    for output in cell.outputs:
        if output.output_type == "stream":
            if shown[-1:] != [output.name]:  # one text may come in pieces
                shown.append(output.name)
            continue
        html = output.data.get("text/html", "")
        head = html.partition("</thead>")[0] if "<table" in html else ""
        shown.append((sorted(output.data), re.findall(r"<th[^>]*>([^<]*)", head)))
    return shown


def test_there_are_eight():
    assert [name[:2] for name in NAMES] == [f"0{number}" for number in range(1, 9)]


@pytest.mark.parametrize("name", NAMES)
def test_outputs_are_of_this_code(name):
    for cell in run.code_cells(read(name)):
        assert cell.metadata.get(run.SOURCE) == run.sha256(cell.source), (
            f"the outputs of {name} are of another code: python notebooks/run.py {name}"
        )
        assert cell.outputs or "\n" in cell.source or "import" in cell.source


@pytest.mark.parametrize("name", NAMES)
def test_it_opens_with_the_post_and_ends_with_exercises(name):
    cells = read(name).cells
    assert POST in cells[0].source
    assert "## Exercises" in cells[-1].source
    assert any("post's numbers and ours" in cell.source for cell in cells)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_light_and_holds_no_recordings_of_people(name):
    text = (FOLDER / f"{name}.ipynb").read_text()
    assert len(text) < run.LIMIT
    if "audio/wav" in text or "<audio" in text:
        assert "DATA: made-up words" in text


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_shows_what_it_showed(name, request):
    if "mnist" in (FOLDER / f"{name}.ipynb").read_text():
        request.getfixturevalue("real_data")
    now, committed = run.execute(FOLDER / f"{name}.ipynb", size="small"), read(name)
    for new, old in zip(run.code_cells(now), run.code_cells(committed), strict=True):
        assert kinds(new) == kinds(old), new.source
