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
