import json
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
LINK = re.compile(r"\]\(([^()\s]+)\)")


@pytest.mark.slow
def test_the_site_builds_without_warnings(tmp_path):
    missing = [name for name in ("sphinx", "myst_nb", "furo") if find_spec(name) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: pip install -e '.[docs]'")
    build = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html"]
    done = subprocess.run(
        [*build, "-d", str(tmp_path / "trees"), str(ROOT / "docs"), str(tmp_path / "html")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "index.html").is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_lead_to_files(page):
    targets = [t.split("#")[0] for t in LINK.findall(page.read_text()) if "://" not in t]
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


def test_the_readme_stays_short():
    assert len(README.read_text().splitlines()) <= 120


def test_the_readmes_example_is_the_script_that_draws_its_figure():
    (example,) = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.MULTILINE | re.DOTALL)
    _, script = (ROOT / "docs" / "two_moons.py").read_text().split('"""\n\n', maxsplit=1)
    assert example == script


def test_every_complaint_names_a_test_that_is_there():
    rows = re.findall(
        r"^\| .* \| `(.*)::(.*)` \|$", (ROOT / "docs/complaints.md").read_text(), re.M
    )
    assert len(rows) >= 32
    for path, name in rows:
        assert f"def {name}(" in (ROOT / "tests" / path).read_text(), name


def test_the_claims_name_sections_that_are_there():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in (ROOT / "docs/claims.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith("| in the post")
    ]
    assert len(rows) > 40
    assert {len(row) for row in rows} == {5}
    for _, where, *_ in rows:
        number = ""
        for place in map(str.strip, where.split(";")):
            found = re.fullmatch(r"(0[1-8])(?:, (.*))?", place)
            number, section = found.groups() if found else (number, place)
            if number and section and "](" not in section and "exercise" not in section:
                assert section.replace("`", "").lower() in headings(number), place


def headings(number):
    """The headings of a notebook, and their parts before a comma, in lower case."""
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    cells = json.loads(path.read_text())["cells"]
    text = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    whole = [h.replace("`", "").lower() for h in re.findall(r"^#+ (.*)$", text, re.M)]
    return {part for h in whole for part in (h, h.split(",")[0])}
