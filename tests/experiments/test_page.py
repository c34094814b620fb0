"""The page of ``tfp-maf report``: whole, self-contained, and said of the run what was measured."""

import json
import re
import shutil
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from commands import fails, tfp_maf_command

from tfp_maf.estimators.table_model import TableModel
from tfp_maf.evaluation.privacy import nearest
from tfp_maf.experiments.datasets import reload_splits
from tfp_maf.experiments.page_data import Compared, features

ROWS = 240
TINY = ["--max-epochs", 1, "--model", "made_mog", "--hidden-units", 8, "--quiet"]
TITLES = [
    "What was read and done",
    "Likelihood of the test rows",
    "Learning curves",
    "Columns: data and samples",
    "Calibration",
    "The least likely test rows",
    "Privacy: distance to the training rows",
]


class Page(HTMLParser):
    """Texts under each heading, tags, and where they point to."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.links, self.parts, self.heading = [], [], {}, None
        self.feed(path.read_text())
        self.parts = {name: " ".join(text.split()) for name, text in self.parts.items()}

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href")]
        self.heading = "" if tag == "h2" else self.heading
        if self.heading and tag in ("p", "li", "th", "td", "figcaption", "br"):
            self.parts[self.heading] += " "

    def handle_data(self, data):
        if self.heading == "":
            self.heading = data
            self.parts[data] = ""
        elif self.heading:
            self.parts[self.heading] += data


def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=ROWS)
    frame = pd.DataFrame(
        {
            "<b>x</b>": x.round(4),
            "a$^$": np.exp(x + rng.normal(size=ROWS)).round(2),
            "kind": rng.choice(["red", "<script>", "$^$"], ROWS),
            "day": pd.date_range("2024-01-01", periods=ROWS, freq="7h").astype(str),
        }
    )
    frame.loc[rng.random(ROWS) < 0.2, "a$^$"] = np.nan
    return frame


@pytest.fixture(scope="module")
def train(tmp_path_factory):
    """A function that trains on a table, and returns the folder of the run."""

    def trained(frame, *options):
        folder = tmp_path_factory.mktemp("page")
        frame.to_csv(folder / "rows.csv", index=False)
        run = folder / "run"
        assert tfp_maf_command("train", folder / "rows.csv", "--out", run, *TINY, *options) == 0
        return run

    return trained


@pytest.fixture(scope="module")
def run(train):
    frame = table().rename(columns={"a$^$": "a"})
    return train(frame.assign(kind=frame["kind"].replace("$^$", "$a$")))


@pytest.fixture(scope="module")
def page(run):
    assert tfp_maf_command("report", run) == 0
    return Page(run / "report.html")


def numbers(pattern, text):
    (found,) = re.findall(pattern, text)
    return [float(each.replace("\N{MINUS SIGN}", "-").replace(",", "")) for each in found]


def test_it_has_every_part(page):
    assert list(page.parts) == TITLES
    assert not [name for name, text in page.parts.items() if "Left out:" in text]


def test_it_needs_nothing_else(page):
    assert "script" not in page.tags and "link" not in page.tags
    assert page.links and all(link.startswith("data:image/") for link in page.links)


def test_names_and_cells_are_text(page):
    assert "<b>x</b>" in page.parts["Calibration"]
    assert "3 categories ($a$, <script>, red)" in page.parts["What was read and done"]
    assert page.tags.count("h1") == 1


def test_it_says_what_was_read(run, page):
    config = json.loads((run / "config.json").read_text())
    text = page.parts["What was read and done"]
    for part, count in config["data"]["rows"].items():
        assert f"{part.capitalize()} rows {count}" in text
    for said in [config["data"]["source"], *config["notes"], "or missing", "weekday"]:
        assert said in text


def test_likelihoods_are_those_of_the_metrics(run, page):
    metrics = json.loads((run / "metrics.json").read_text())
    text = page.parts["Likelihood of the test rows"]
    number = "([\N{MINUS SIGN}0-9.,]+)"
    mean, error, median, lowest = numbers(
        f"model {number} ± {number} {number} {number} 24 model, validation", text
    )
    expected = metrics["test"]
    assert [mean, error, median, lowest] == pytest.approx(
        [expected[n] for n in ("mean", "two_standard_errors", "median", "lowest")], abs=6e-4
    )
    assert "made_mog" in text and "Gaussian with full covariance" in text


def test_shares_of_missing_cells_are_measured(run, page):
    (shown,) = re.findall(r"missing: data ([0-9.]+)%", page.parts["Columns: data and samples"])
    splits = reload_splits(json.loads((run / "config.json").read_text()))
    place = list(splits.schema.category_sizes).index("a is")
    missing = splits.rows("test").codes[:, place] == 1
    assert missing.any() and float(shown) == pytest.approx(100 * missing.mean(), abs=0.05)


def test_calibration_counts_the_rows_that_have_the_number(page):
    text = page.parts["Calibration"]
    assert "<b>x</b> 24 rows, Kolmogorov-Smirnov distance" in text
    (count,) = re.findall(r"a (\d+) rows, Kolmogorov", text)
    assert int(count) < 24


def test_the_least_likely_rows_are_in_order(page):
    text = page.parts["The least likely test rows"]
    assert text.startswith("10 of 24 rows")
    found = re.findall("(\N{MINUS SIGN}[0-9.]+) [^\N{MINUS SIGN}]*?<b>x</b>", text)
    values = [-float(value[1:]) for value in found]
    assert values == sorted(values)


@pytest.mark.parametrize(
    "columns, options, said",
    [
        (["kind"], [], "There is no number to evaluate"),
        (["<b>x</b>"], [], "The model has a single column"),
        (["<b>x</b>", "a$^$", "kind", "day"], ["--given", "kind,day,a"], "has given columns"),
    ],
)
def test_other_tables(train, columns, options, said):
    frame = table()[columns].rename(columns={"a$^$": "a"})
    run = train(frame, *options)
    assert tfp_maf_command("report", run) == 0
    page = Page(run / "report.html")
    assert list(page.parts) == TITLES
    text = " ".join(page.parts.values())
    assert said in text and "Left out:" not in text


def test_samples_are_rounded_as_rows_are(train):
    values = np.random.default_rng(1).normal(size=ROWS).round(2)
    run = train(pd.DataFrame({"n": values}))
    splits = reload_splits(json.loads((run / "config.json").read_text()))
    compared = Compared.of(TableModel.load(run), splits)
    distances = nearest(
        *(features(splits.schema, rows) for rows in (compared.train, compared.samples))
    )
    is_equal = compared.sample_cells["n"].isin(compared.train_cells["n"])
    assert 0 < is_equal.mean() < 1
    np.testing.assert_array_equal(distances == 0, is_equal)


def test_without_the_data_the_other_parts_are_there(run, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    config = json.loads((copy / "config.json").read_text())
    config["data"]["source"] = str(tmp_path / "gone.csv")
    (copy / "config.json").write_text(json.dumps(config))
    assert tfp_maf_command("report", copy, "-o", tmp_path / "page.html") == 0
    assert "gone.csv, which the run was trained on, no longer exists" in capsys.readouterr().out
    page = Page(tmp_path / "page.html")
    left_out = [name for name, text in page.parts.items() if "Left out:" in text]
    assert left_out == TITLES[3:]
    assert all("gone.csv" in page.parts[name] for name in left_out)


def test_an_interrupted_run_has_a_page(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run, copy)
    for name in ("metrics.json", "history.csv"):
        (copy / name).unlink()
    assert tfp_maf_command("report", copy) == 0
    page = Page(copy / "report.html")
    assert [name for name, text in page.parts.items() if "Left out:" in text] == TITLES[1:3]


def test_where_it_cannot_be_written(run, tmp_path, capsys):
    assert "there is no folder" in fails(capsys, "report", run, "-o", tmp_path / "no" / "x.html")
    assert "it is a folder" in fails(capsys, "report", run, "-o", tmp_path)
    assert "is not a run" in fails(capsys, "report", tmp_path)
    assert list(tmp_path.iterdir()) == []
