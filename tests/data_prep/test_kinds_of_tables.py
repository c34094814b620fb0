"""Tables as people have them: each kind ends in rows to train on, with notes, or in one message."""

import bz2
import datetime
import gzip
import io
import json
import lzma
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from table_rows import read_rows

from tfp_maf.data_prep import table
from tfp_maf.data_prep.columns.number_columns import NumberColumn
from tfp_maf.data_prep.columns.schema import Schema
from tfp_maf.data_prep.reading import raw_files
from tfp_maf.data_prep.reading.reading import Reading

N = 80
X = np.random.default_rng(1).normal([2.0, -1200.0], [1.0, 300.0], [N, 2]).round(3)
FRAME = pd.DataFrame(X, columns=["a", "b"])


def text(frame=FRAME, **options):
    return frame.to_csv(index=False, **options)


def with_cell(row, column, value):
    frame = FRAME.astype(object)
    frame.loc[row, column] = value
    return text(frame)


def zipped(name, content):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(name, content)
    return stream.getvalue()


def binary(write, *arguments):
    stream = io.BytesIO()
    write(stream, *arguments)
    return stream.getvalue()


def npz(**arrays):
    return binary(lambda stream: np.savez(stream, **arrays))


def aligned():
    """Columns of fixed width, with a blank in a cell now and then."""
    lines = [f"{'a':>10}{'b':>14}{'schooling':>16}"]
    lines += [f"{a:>10}{b:>14}{('12-15 years', 'none')[n % 2]:>16}" for n, (a, b) in enumerate(X)]
    return "\n".join(lines) + "\n"


def arff(rows=None):
    """A table of Weka's, with its ways of quoting and of missing values."""
    lines = ["% by hand", "@relation sizes", "@attribute a numeric", "@attribute 'b' real"]
    lines += ["@attribute 'kind of' {'not one', 'two'}", "@data"]
    kinds = ["'not one'", "'two'", "?"]
    rows = X if rows is None else rows
    return "\n".join([*lines, *(f"{a},{b},{kinds[n % 3]}" for n, (a, b) in enumerate(rows))])


MANIFEST = (
    '<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>'
)


def ods():
    """A workbook of LibreOffice: a sheet of words, and the table."""
    cell = '<table:table-cell office:value-type="{}"{}><text:p>{}</text:p></table:table-cell>'
    words = [cell.format("string", "", name) for name in ("About", "a", "b")]
    numbers = [[cell.format("float", f' office:value="{v}"', v) for v in row] for row in X]
    sheets = {"about": [words[:1], words[:1]], "data": [words[1:], *numbers]}
    tables = "".join(
        f'<table:table table:name="{name}">'
        + "".join(f"<table:table-row>{''.join(row)}</table:table-row>" for row in rows)
        + "</table:table>"
        for name, rows in sheets.items()
    )
    kinds = ("office", "table", "text")
    spaces = " ".join(
        f'xmlns:{kind}="urn:oasis:names:tc:opendocument:xmlns:{kind}:1.0"' for kind in kinds
    )
    content = (
        f'<?xml version="1.0"?><office:document-content {spaces} office:version="1.2">'
        f"<office:body><office:spreadsheet>{tables}</office:spreadsheet></office:body>"
        f"</office:document-content>"
    )
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", MANIFEST)
        archive.writestr("content.xml", content)
    return stream.getvalue()


def european(value):
    whole, part = f"{value:,.3f}".split(".")
    return whole.replace(",", ".") + "," + part


def assign(**columns):
    return text(FRAME.assign(**columns))


LONG = "How often, on an average day, do you " * 9
ROW = np.arange(N)
# name of the file, content, names of the columns read, number of rows, notes
KINDS = {
    "semicolons": ("t.csv", text(sep=";"), "ab", N, ["the separator is ';'"]),
    "tabs in .csv": ("t.csv", text(sep="\t"), "ab", N, ["the separator is '\\t'"]),
    "pipes": ("t.txt", text(sep="|"), "ab", N, ["the separator is '|'"]),
    "tabs around white space": (
        "t.txt", text(FRAME.assign(c=[f"{n % 28 + 1:02} May 2020" for n in ROW]), sep="\t"),
        ["a", "b", "c (week)"], N, ["the separator is '\\t'"]),
    "infinite numbers first": (
        "t.csv", assign(c=["inf", "-inf", *(str(n * n) for n in ROW[2:])]), "abc", N - 2,
        ["2 values count as missing"]),
    "white space": ("t.txt", FRAME.to_string(index=False), "ab", N, ["is white space"]),
    "commas in .data": ("t.data", text(header=False), ["x1", "x2"], N, ["no header found"]),
    "no ending": ("t", text(), "ab", N, []),
    "upper-case ending": ("T.CSV", text(), "ab", N, []),
    "decimal commas": ("t.csv", text(sep=";", decimal=","), "ab", N, ["sign is a comma"]),
    "decimal commas, tabs": ("t.tsv", text(sep="\t", decimal=","), "ab", N, ["is a comma"]),
    "decimal commas, quoted": (
        "t.csv", text(FRAME.map(lambda v: f"{v:.3f}".replace(".", ","))), "ab", N, ["is a comma"]),
    "European thousands": (
        "t.csv", text(FRAME.map(european), sep=";"), "ab", N, ["is a comma"]),
    "thousands": ("t.csv", text(FRAME.map("{:,.3f}".format)), "ab", N, []),
    "percent": (
        "t.csv", text(FRAME.map("{:.3f}%".format)), "ab", N, ["column 'a': percent signs"]),
    "dollars": (
        "t.csv", text(FRAME.map("${:,.3f}".format)), "ab", N, ["column 'a': signs of currency"]),
    "negative in brackets": (
        "t.csv", text(FRAME.map(lambda v: f"({-v:.3f})" if v < 0 else f"{v:.3f}")), "ab", N, []),
    "euros behind": (
        "t.csv", text(FRAME.map("{:.3f} €".format)), "ab", N, ["column 'b': signs of currency"]),
    "zeros in front": (
        "t.csv", text(FRAME.assign(c=[f"{n * n:05}" for n in ROW])), "abc", N, ["of 5 digits"]),
    "UTF-16": ("t.csv", text().encode("utf-16"), "ab", N, ["encoded in utf-16"]),
    "UTF-16 without a mark": ("t.csv", text().encode("utf-16-le"), "ab", N, ["in utf-16-le"]),
    "byte order mark": ("t.csv", text().encode("utf-8-sig"), "ab", N, []),
    "Windows-1252": (
        "t.csv", text(FRAME.rename(columns={"a": "Größe", "b": "Straße"})).encode("cp1252"),
        ["Größe", "Straße"], N, ["the text is encoded in cp1252"]),
    "old line ends": ("t.csv", text().replace("\n", "\r"), "ab", N, []),
    "no header": ("t.csv", text(header=False), ["x1", "x2"], N, ["no header found"]),
    "numbers as header": (
        "t.csv", text(FRAME.set_axis([2019, 2020], axis=1)), ["2019", "2020"], N, []),
    "no header, text at the end": (
        "t.csv", FRAME.assign(c="x").to_csv(index=False, header=False), ["x1", "x2"], N,
        ["no header found", "column 'x3': constant in training, x"]),
    "long names": ("t.csv", text(FRAME.rename(columns={"a": LONG})), [LONG.strip(), "b"], N, []),
    "names twice": ("t.csv", "a,a\n" + text(header=False), ["a", "a.1"], N, []),
    "lines before the header": (
        "t.csv", "Measurements of 2020\n\n" + text(), "ab", N, ["1 line before the header"]),
    "a spreadsheet's title": (
        "t.csv", ",,\nMeasured,,\n" + assign(c=ROW**2), "abc", N, ["2 lines before the header"]),
    "units": (
        "t.csv", text().replace("\n", "\n(cm),hPa\n", 1), "ab", N,
        ["1 row below the header left out: no numbers, but '(cm), hPa'"]),
    "Orange's header": (
        "t.tab", assign(c="x").replace("\n", "\nc,continuous,d\n,,class\n", 1).replace(",", "\t"),
        "ab", N, ["2 rows below the header left out", "separator", "constant"]),
    "comments": (
        "t.csv", "# made by hand, twice\n# last of all\n" + text(), "ab", N,
        ["2 lines before the header left out"]),
    "a header behind #": ("t.csv", "# " + text(), "ab", N, []),
    "pandas' numbers as header": (
        "t.csv", FRAME.assign(c=ROW % 7).round().astype(int).set_axis([0, 1, 2], axis=1)
        .assign(**{"0": X[:, 0], "1": X[:, 1]})[["0", "1", 2]].to_csv(index=False),
        "012", N, []),
    "Cyrillic": (
        "t.csv", text(FRAME.rename(columns={"a": "значение", "b": "возраст"})).encode("cp1251"),
        ["значение", "возраст"], N, ["the text is encoded in cp1251"]),
    "many lines before the header": (
        "t.dat", "".join(f"Line {n} of text\n" * (n % 3) for n in range(30)) + "\n"
        + text(sep=" "), "ab", N, ["30 lines before the header left out", "white space"]),
    "a separator at the end": ("t.csv", text().replace("\n", ",\n"), "ab", N, ["Unnamed: 2"]),
    "R's row names": (
        "t.txt", FRAME.to_csv(sep=" ", index_label=False), "ab", N, ["'rownames' left out"]),
    "an index": ("t.csv", FRAME.to_csv(), "ab", N, ["'Unnamed: 0' left out: it numbers the rows"]),
    "a row number": ("t.csv", assign(id=ROW + 1), "ab", N, ["'id' left out: it numbers the rows"]),
    "a footer": ("t.csv", text() + "\nSource: the agency\n", "ab", N, ["footer, 'Source: the"]),
    "a footer with commas": (
        "t.csv", text() + '"Source: A, B"\nSee x, y, z\n', "ab", N, ["they are a footer"]),
    "a total": ("t.csv", text() + "Total,3.5\n", "ab", N, ["a footer, 'Total'"]),
    "blank rows at the end": ("t.csv", text() + ",\n,\n", "ab", N, ["2 blank rows at the end"]),
    "an empty cell": ("t.csv", with_cell(5, "a", ""), "ab", N - 1, ["missing in 'a' (1)"]),
    "a question mark": ("t.csv", with_cell(5, "b", "?"), "ab", N - 1, ["missing in 'b' (1)"]),
    "a dash": ("t.csv", with_cell(5, "a", "-"), "ab", N - 1, ["1 of 80 rows left out"]),
    "n/a": ("t.csv", with_cell(5, "a", " n/a "), "ab", N - 1, ["1 of 80 rows left out"]),
    "infinity": ("t.csv", with_cell(5, "a", "inf"), "ab", N - 1, ["1 value counts as missing"]),
    "a word among numbers": (
        "t.csv", with_cell(5, "a", "broken"), "ab", N - 1,
        ["column 'a': 1 value counts as missing: text, first 'broken' in row 6", "1 of 80 rows"]),
    "mostly text": (
        "t.csv", assign(c=["12"] + ["flat"] * (N - 1)), "ab", N, []),
    "mostly missing": (
        "t.csv", assign(c=np.where(ROW % 4, np.nan, ROW)), "abc", N,
        ["60 of 80 rows have missing values, which are modelled, in 'c' (60)"]),
    "missing code": (
        "t.csv", assign(c=np.where(ROW % 4, ROW**2, -999)), "abc", N,
        ["20 values are -999; if these are missing, give --na -999"]),
    "missing code of its own": (
        "t.csv", assign(c=np.where(ROW % 9, ROW**2, -200)), "abc", N,
        ["9 values are -200; if these are missing, give --na -200"]),
    "true and false": ("t.csv", assign(c=ROW % 3 == 0), "ab", N, []),
    "true, false and missing": (
        "t.csv", assign(c=np.array([True, False, None] * N)[:N]), "ab", N, ["in 'c' (26)"]),
    "yes and no": ("t.csv", assign(c=np.where(ROW % 3, "yes", "No")), "ab", N, []),
    "dates": (
        "t.csv", assign(c=pd.date_range("2020", periods=N)), ["a", "b", "c (week)"], N, []),
    "German dates": (
        "t.csv", assign(c=[f"{1 + n % 28:02}.03.2020" for n in ROW]),
        ["a", "b", "c (week)"], N, []),
    "a constant": ("t.csv", assign(c=2020), "ab", N, ["column 'c': constant in training, 2020"]),
    "a repeat": ("t.csv", assign(c=FRAME["a"] * 2), "ab", N, ["'c': follows from"]),
    "linear columns": (
        "t.csv", assign(c=FRAME["a"] + FRAME["b"] / 300), "ab", N,
        ["'c': follows from others, 0 +1 'a' +0.00333333 'b'"]),
    "JSON": ("t.json", FRAME.to_json(orient="records"), "ab", N, []),
    "JSON by columns": ("t.json", FRAME.to_json(), "ab", N, []),
    "JSON lines": ("t.jsonl", FRAME.to_json(orient="records", lines=True), "ab", N, []),
    "JSON lines in .json": ("t.json", FRAME.to_json(orient="records", lines=True), "ab", N, []),
    "JSON under a key": (
        "t.json", json.dumps({"status": "ok", "data": FRAME.to_dict(orient="records")}), "ab", N,
        ["the records under 'data' are the table"]),
    "GeoJSON": (
        "t.json", json.dumps({"type": "FeatureCollection", "features": [
            {"type": "Feature", "geometry": {"coordinates": [1, 2]}, "properties": row}
            for row in FRAME.to_dict(orient="records")]}),
        ["properties.a", "properties.b"], N,
        ["'features' are the table", "'geometry.coordinates' left out", "'type': constant"]),
    "JSON in lists": ("t.json", json.dumps([["a", "b"], *X.tolist()]), "ab", N, []),
    "JSON by names of rows": (
        "t.json", json.dumps({f"row {n}": {"a": row[0], "b": row[1]} for n, row in enumerate(X)}),
        "ab", N, ["'index' left out: it has 80 different texts"]),
    "JSON in UTF-16": ("t.json", FRAME.to_json(orient="records").encode("utf-16"), "ab", N, []),
    "JSON of pandas": (
        "t.json", FRAME.to_json(orient="table"), "ab", N,
        ["under 'data'", "'index' left out: it numbers the rows"]),
    "JSON split": ("t.json", FRAME.to_json(orient="split"), "ab", N, []),
    "years as header": (
        "t.csv", text(FRAME.assign(c=ROW % 40, d=ROW % 7)
                      .set_axis(["1950", "1955", "1960", "1970"], axis=1)),
        ["1950", "1955", "1960", "1970"], N, []),
    "no header, remarks in a few rows": (
        "t.csv", FRAME.assign(c=["a remark", *[None] * (N - 2), "another"])
        .to_csv(index=False, header=False, na_rep="NA"), ["x1", "x2"], N,
        ["no header found", "in 'x3' (78)"]),
    "identifiers": (
        "t.csv", assign(user_id=ROW**2 + 1000, siteID=(ROW * 37) % N), "ab", N,
        ["'user_id' left out: it identifies the rows", "'siteID' left out: it identifies"]),
    "names of sorted rows": (
        "t.csv", FRAME.set_axis((ROW * 37) % N).to_csv(index_label="rownames"), "ab", N,
        ["'rownames' left out: it numbers the rows"]),
    "a case number": (
        "t.csv", assign(case=ROW + 1), "ab", N, ["'case' left out: it numbers the rows"]),
    "short rows between white space": (
        "t.txt", assign(c=ROW**2).replace(",", " ").replace(" 4\n", "\n"), "abc", N - 1,
        ["1 row has fewer fields than there are columns", "missing in 'c' (1)"]),
    "Feather": ("t.feather", binary(FRAME.to_feather), "ab", N, []),
    "Parquet": ("t.PARQUET", binary(FRAME.to_parquet), "ab", N, []),
    "Parquet with dates": (
        "t.parquet", binary(FRAME.assign(c=pd.date_range("2020", periods=N)).to_parquet),
        ["a", "b", "c (week)"], N, []),
    "Parquet with lists": (
        "t.parquet", binary(FRAME.assign(c=[[1, 2]] * N).to_parquet), "ab", N, ["'c' left out"]),
    "Parquet with categories": (
        "t.parquet", binary(FRAME.assign(c=pd.Categorical(ROW % 3)).to_parquet), "ab", N, []),
    "Parquet of float32": (
        "t.parquet", binary(FRAME.astype("float32").to_parquet), "ab", N, []),
    "Stata": ("t.dta", binary(lambda stream: FRAME.to_stata(stream, write_index=False)),
              "ab", N, []),
    "Stata, compressed": (
        "t.dta.gz", gzip.compress(binary(lambda stream: FRAME.astype("float32").to_stata(
            stream, write_index=False))), "ab", N, []),
    "columns below each other": ("t.dat", aligned(), "ab", N, [
        "the separator is two or more blanks"]),
    "Weka": ("t.arff", arff(), "ab", N, ["26 of 80 rows have missing values"]),
    "LibreOffice": ("t.ods", ods(), "ab", N, ["of 2 sheets, 'data' is read"]),
    "text that is called Excel": ("t.xls", text(sep="\t"), "ab", N, ["the separator is '\\t'"]),
    "npy": ("t.npy", binary(np.save, X), ["x1", "x2"], N, []),
    "npz with a table": ("t.npz", npz(rows=X), ["x1", "x2"], N, []),
    "npz with columns": ("t.npz", npz(a=X[:, 0], b=X[:, 1]), "ab", N, []),
    "gzip": ("t.csv.gz", gzip.compress(text().encode()), "ab", N, []),
    "bzip2": ("t.tsv.bz2", bz2.compress(text(sep="\t").encode()), "ab", N, []),
    "xz": ("t.txt.XZ", lzma.compress(text(sep=";").encode()), "ab", N, ["the separator is ';'"]),
    "zip": ("t.zip", zipped("inner.tsv", text(sep="\t")), "ab", N, []),
    "gzipped Parquet": ("t.parquet.gz", gzip.compress(binary(FRAME.to_parquet)), "ab", N, []),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_table_is_read(kind, tmp_path):
    name, content, columns, rows, notes = KINDS[kind]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    splits = table.load(path)
    assert splits.scaler.columns == tuple(columns)
    z = np.concatenate([splits.train, splits.validation, splits.test])
    assert len(z) == rows
    said = "\n".join(splits.notes)
    assert all(note in said for note in notes), said
    assert bool(said) == bool(notes), said
    x = splits.scaler.unstandardise(z)[:, :2]
    np.testing.assert_allclose(sorted(set(x[:, 0].round(3)) - set(X[:, 0])), [], err_msg=said)
    np.testing.assert_allclose(x[:, 1].max(), X[:, 1].max(), rtol=0.2)
    if rows == N:  # read for scoring, every row is there, in order
        schema = splits.schema
        frame, decimal, _ = table.read_frame(path, schema, left_out=splits.left_out)
        encoded = schema.encode(frame, decimal=decimal)
        back = schema.decode(encoded.numbers, encoded.codes)[[c.name for c in schema.columns[:2]]]
        np.testing.assert_allclose(back.to_numpy(float), X, atol=1e-9)


BAD = {
    "several files": ("t.zip", None, "should hold one file, but holds 2 \\(a.csv, b.csv\\)"),
    "a truncated gzip file": (
        "t.csv.gz", gzip.compress(text().encode())[:-40], "damaged or truncated .gz file"),
    "not gzip": ("t.csv.gz", b"a,b\n1,2\n", "damaged or truncated .gz file"),
    "npz of two tables": ("t.npz", npz(a=X, b=X), r"holds a \[80, 2\], b \[80, 2\]"),
    "a picture": ("t.csv", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256)), "not a text file"),
    "not JSON": ("t.json", b"{]", "is not a table in JSON"),
    "broken Feather": ("t.feather", b"x", "is not a valid Feather file"),
    "broken Stata": ("t.dta", b"x", "is not a valid Stata file"),
    "broken SAS": ("t.sas7bdat", b"x", "is not a valid SAS file"),
    "broken SAS transport": ("t.xpt", b"x", "is not a valid SAS transport file"),
    "SPSS, which is not read": ("t.sav", b"x", r"can't read \.sav; use \.csv"),
    "an old broken workbook": ("t.xls", raw_files.EXCEL_97 + b"x", "is not a valid .xls file"),
    "broken ARFF": ("t.arff", arff(rows=[("a", 1.0)]).encode(), "is not a valid ARFF file"),
    "nothing but text": ("t.csv", b"a\nx\ny\n", "2 rows are too few to split"),
    "too few whole rows": (
        "t.csv", b"a,b\n" + b"1,2\nNA,NA\n5,3\n" * 5, "10 rows are too few to split"),
    "JSON that is no table": (
        "t.json", b'{"name": "x", "version": 3}', "should be a list of objects with equal keys"),
    "JSON of unequal columns": ("t.json", b'{"a": [1, 2], "b": [1]}', "is no table in JSON"),
    "deep JSON": ("t.json", b"[" * 100_000, "is not a table in JSON"),
    "nothing but constants": (
        "t.csv", b"a,b\n" + b"1,x\n" * 20,
        "no column is left to model .column 'a': constant in training, 1; .*'b': constant"),
    "words": (
        "t.txt", b"".join(b"0.5 " * (3, 2, 3, 4, 3, 5, 6)[n % 7] + b"\n" for n in range(70)),
        "seems to be words: only 30 of its first 70 lines have 3 fields"),
    "uneven rows": (
        "t.csv", text().replace("\n", ",1\n", 9).replace(",1", "", 1).encode(),
        "row 1 has 3, row 2 has 3.*instead of 2"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_kind_ends_in_one_message(kind, tmp_path):
    name, content, message = BAD[kind]
    path = tmp_path / name
    if content is None:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.csv", text())
            archive.writestr("b.csv", text())
    else:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        table.load(path)
    assert str(path) in str(caught.value)


def test_a_bomb_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(raw_files, "ALWAYS_FINE", 1000)
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"1,2\n" * 100_000))
    with pytest.raises(ValueError, match="unpacks to more than"):
        table.load(tmp_path / "t.csv.gz")


def test_wekas_quotes_and_question_marks(tmp_path):
    (tmp_path / "t.arff").write_text(arff())
    *_, kind = table.load(tmp_path / "t.arff").schema.columns
    assert (kind.name, kind.has_missing) == ("kind of", True)
    assert set(kind.categories) == {"not one", "two"}
    (tmp_path / "t.arff").write_text("@relation r\n@attribute name string\n@data\nx\n")
    with pytest.raises(ValueError, match="String attributes not supported"):
        table.load(tmp_path / "t.arff")


def test_statas_labels_are_categories(tmp_path):
    frame = FRAME.assign(sex=pd.Categorical.from_codes(ROW % 3 % 2, ["male", "female"]))
    frame.to_stata(tmp_path / "t.dta", write_index=False)
    *_, sex = table.load(tmp_path / "t.dta").schema.columns
    assert (sex.name, sex.kind, set(sex.categories)) == ("sex", "category", {"male", "female"})
    labels = {"code": {0: "both", 1: "both"}}  # two values that would be one
    codes = FRAME.assign(code=ROW % 3 % 2)
    codes.to_stata(tmp_path / "t.dta", write_index=False, value_labels=labels)
    splits = table.load(tmp_path / "t.dta")
    assert splits.notes == ("values are read without their labels, some of which are equal",)
    *_, code = splits.schema.columns
    assert (code.name, code.kind, set(code.categories)) == ("code", "category", {0, 1})


def test_numbers_of_float32_keep_their_decimals(tmp_path):
    FRAME.astype("float32").to_parquet(tmp_path / "t.parquet")
    splits = table.load(tmp_path / "t.parquet")
    assert [column.decimals for column in splits.schema.columns] == [3, 3]


def test_excel_without_openpyxl_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openpyxl", None)
    (tmp_path / "t.xlsx").write_bytes(zipped("[Content_Types].xml", ""))
    with pytest.raises(ValueError, match="needs openpyxl: pip install"):
        table.load(tmp_path / "t.xlsx")


def test_excel(tmp_path):
    pytest.importorskip("openpyxl")
    FRAME.to_excel(tmp_path / "t.xlsx", index=False)
    assert table.load(tmp_path / "t.xlsx").scaler.columns == ("a", "b")


@pytest.fixture
def workbook(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")

    def write(**sheets):
        book = openpyxl.Workbook()
        book.remove(book.active)
        for name, rows in sheets.items():
            sheet = book.create_sheet(name)
            for row in rows:
                sheet.append(row)
        book.save(tmp_path / "t.xlsx")
        return tmp_path / "t.xlsx"

    return write


def test_lines_before_excels_header_and_other_sheets_are_left_out_and_said(workbook):
    rows = [["a", 2019, "when"], *([*row, datetime.date(2000 + n, 1, 1)] for n, row in
            enumerate(X.tolist()))]  # fmt: skip
    path = workbook(about=[["Made by hand"]], data=[["Measurements"], [], *rows, ["Source: us"]])
    splits = table.load(path)
    assert [column.name for column in splits.schema.columns] == ["a", "2019", "when"]
    assert splits.schema.columns[-1].kind == "month"
    said = "\n".join(splits.notes)
    for note in ("of 2 sheets, 'data' is read", "1 line before the header", "a footer, 'Source:"):
        assert note in said
    frame, decimal, _ = table.read_frame(path, splits.schema)
    np.testing.assert_allclose(splits.schema.encode(frame, decimal=decimal).numbers[:, :2], X)


def test_excels_header_is_found_above_sparse_rows(workbook):
    rows = [[a, b, *(["x"] if n > 40 else [])] for n, (a, b) in enumerate(X.tolist())]
    table_of = [["a", "b", "c", "d"], *rows]
    for sheet in (table_of, [["Title"], [None, None], *table_of]):
        assert table.load(workbook(data=sheet)).scaler.columns == ("a", "b")
    pair = [["", "a"], *([f"row {n}", a] for n, (a, _) in enumerate(X.tolist()))]
    for sheet in (pair, [["Title"], *pair]):
        assert table.load(workbook(data=sheet)).scaler.columns == ("a",)


def test_excel_without_a_header_or_without_rows(workbook):
    path = workbook(data=X.tolist())
    for header in (None, False):
        assert table.load(path, header=header).scaler.columns == ("x1", "x2")
    with pytest.raises(ValueError, match="no sheet of a header and rows"):
        table.load(workbook(data=[["a", "b"]], other=[]))


def test_standard_input(monkeypatch):
    for content in (text().encode(), binary(FRAME.to_parquet), gzip.compress(text().encode())):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
        assert table.load("-").scaler.columns == ("a", "b")


def test_text_that_is_not_utf8_in_parquet_is_left_out(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet

    names = pa.array([b"Ren\xe9"] * N, pa.binary())
    names = pa.StringArray.from_buffers(N, names.buffers()[1], names.buffers()[2])
    columns = {"name": names, "a": X[:, 0], "b": X[:, 1]}
    pyarrow.parquet.write_table(pa.table(columns), tmp_path / "t.parquet")
    assert table.load(tmp_path / "t.parquet").left_out == ("name",)


@pytest.fixture
def write(tmp_path):
    def write(content):
        (tmp_path / "t.csv").write_bytes(
            content if isinstance(content, bytes) else content.encode()
        )
        return tmp_path / "t.csv"

    return write


def test_options_go_before_what_is_found(write):
    path = write(FRAME.to_csv(sep="!", decimal=",", header=False).encode("utf-16-be"))
    splits = table.load(path, separator="!", decimal=",", encoding="utf-16-be", header=False)
    assert splits.scaler.columns == ("x2", "x3")
    assert splits.left_out == ("x1",)
    path = write(assign(c=np.where(ROW % 4, ROW**2, -999.0)))
    splits = table.load(path, na=["-999"], columns=["c", "a"])
    assert splits.scaler.columns == ("c", "a")
    assert splits.left_out == ("b",)
    kept = "20 of 80 rows have missing values, which are modelled, in 'c' (20)"
    assert splits.notes == (kept,)
    with pytest.raises(ValueError, match="row 1, column 'c': the value is missing"):
        read_rows(path, ["c"], left_out=["a", "b"], reading=Reading(na=("-999",)))
    assert table.load(write(assign(id=ROW)), columns=["id", "a"]).scaler.columns == ("id", "a")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"separator": "ab"}, "separator 'ab' is not one character"),
        ({"separator": ",", "decimal": ","}, "separator and decimal are both ','"),
        ({"decimal": "x"}, "decimal 'x' is neither"),
        ({"encoding": "utf-99"}, "no encoding 'utf-99'"),
        ({"encoding": "ascii"}, "is not ascii: .* give another encoding"),
        (
            {"drop": ["p", "q"], "columns": ["r"]},
            "no column 'p', 'q' to drop; .*'r' to use; it has",
        ),
    ],
)
def test_wrong_options_are_named(write, options, message):
    path = write(text(FRAME.rename(columns={"a": "ä"})))
    with pytest.raises(ValueError, match=message):
        table.load(path, **options)


def test_a_short_file_to_score_is_read_as_the_long_one(write):
    expected = [[1.5, 2.0]]
    for content in ("a;b\n1,5;2", "b a\n2 1.5\n", "\ufeffa\tb\n1,5\t2,0\n", "1.5,2\n"):
        path = write(content)
        columns = ["a", "b"] if content[0] != "1" else ["x1", "x2"]
        np.testing.assert_array_equal(read_rows(path, columns), expected)


def test_all_bad_values_are_named_at_once(write):
    path = write("a,b\n1,x\n,2\n3,inf\n?,x\n")
    schema = Schema((NumberColumn("a"), NumberColumn("b")))
    frame, decimal, _ = table.read_frame(path, schema)
    assert list(schema.encode(frame, decimal=decimal).reasons) == [
        "column 'b': 'x' is not a finite number",
        "column 'a': the value is missing",
        "column 'b': 'inf' is not a finite number",
        "column 'a': the value is missing; column 'b': 'x' is not a finite number",
    ]
