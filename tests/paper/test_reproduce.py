import dataclasses
import json
import re
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from commands import fails, tfp_maf_command

import tfp_maf
from tfp_maf.cli import options
from tfp_maf.data_prep import digits, mnist, power
from tfp_maf.data_prep.levels import binarise
from tfp_maf.evaluation import baselines
from tfp_maf.flows import catalogue
from tfp_maf.paper import protocol, published
from tfp_maf.paper import reproduce as run_reproduce

TRAINED = ("gaussian", "made", "made_mog", "realnvp_5", "maf_mog_5")  # others take long to compile
QUICK = ["--hidden-units", "8", "--max-epochs", "2"]


@pytest.fixture(scope="module")
def power_folder(tmp_path_factory):
    """A day of a made-up household, in the publisher's format."""
    folder = tmp_path_factory.mktemp("power")
    rng = np.random.default_rng(0)
    rows = np.abs(rng.normal(size=[1200, 7])) * [1, 1, 240, 1, 9, 9, 9]
    lines = [
        f"16/12/2006;{m // 60:02}:{m % 60:02}:00;" + ";".join(f"{v:.3f}" for v in row)
        for m, row in enumerate(rows)
    ]
    (folder / power.FILE).write_text("\n".join([power.HEADER, *lines]) + "\n")
    return folder


def reproduce(folder, out, models, *options):
    return tfp_maf_command(
        "reproduce", "power", "--data", folder, "--out", out, "--models", models, *QUICK, *options
    )


@pytest.fixture(scope="module")
def done(power_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    assert reproduce(power_folder, out, ",".join(TRAINED)) == 0
    return out


@pytest.mark.parametrize("name", catalogue.MODELS)
def test_every_model_can_be_built(name):
    model = catalogue.MODELS[name]
    flow = model.build(
        (4, 4) if model.is_of_images else 6,
        hidden_units=(8, 8),
        activation="relu",
        log_scale_bound="auto",
        num_labels=3,
        seed=0,
    )
    assert flow.conditioning.size == (3 if name.endswith("_conditional") else 0)
    assert flow.trainable_variables


@pytest.mark.slow
def test_every_model_has_a_row_beside_the_papers(done):
    table = (done / "results.md").read_text()
    rows = re.findall(r"^\| ([^|]+?) \| ([^|]+?) \| ([^|]+?) \|", table, re.MULTILINE)[2:]
    assert [label for label, *_ in rows] == [catalogue.MODELS[name].label for name in TRAINED]
    assert [float(value) for *_, value in rows] == [
        published.DATASETS["power"].test[name] for name in TRAINED
    ]
    results = json.loads((done / "results.json").read_text())
    assert tuple(results["models"]) == TRAINED
    for name, metrics in results["models"].items():
        assert f"{metrics['test']['mean']:.2f} ± " in table
        assert np.isfinite(metrics["test"]["mean"])
        options = "--seed 0 --hidden-units 8 --max-epochs 2"
        assert metrics["command"] == f"tfp-maf reproduce power --models {name} {options}"
        assert metrics["epochs"] == (0 if name == "gaussian" else 2)
        assert (done / name / "model").is_dir()
        assert not (done / name / protocol.TRAINING).exists()
    assert (done / "results.png").stat().st_size > 1000


def test_the_numbers_are_those_of_the_saved_flows(done, power_folder):
    splits = power.load(power_folder)
    results = json.loads((done / "results.json").read_text())["models"]
    for name in ("gaussian", "realnvp_5", "maf_mog_5"):
        found = tfp_maf.evaluate(tfp_maf.load_flow(done / name), splits.test)
        assert found.mean == pytest.approx(results[name]["test"]["mean"], abs=1e-5)
    gaussian = baselines.gaussian(splits.train, splits.test)
    assert results["gaussian"]["test"]["mean"] == pytest.approx(gaussian.mean, abs=1e-3)


def test_what_is_done_is_not_done_again(done, power_folder, monkeypatch):
    before = (done / "results.json").read_text()
    monkeypatch.setattr(protocol, "fit", None)
    assert reproduce(power_folder, done, "made,realnvp_5") == 0
    assert (done / "results.json").read_text() == before


def test_another_seed_in_the_same_folder_is_refused(done, power_folder, capsys):
    arguments = ["reproduce", "power", "--data", power_folder, "--out", done, "--models", "made"]
    line = fails(capsys, *arguments, *QUICK, "--seed", 1)
    assert re.search(r"holds a model with (arguments|seed) .*choose another --out", line)


def test_interrupted_it_goes_on(power_folder, tmp_path, monkeypatch, capsys):
    def interrupted(*args, **options):
        history = tfp_maf.fit(*args, **(options | {"max_epochs": 1, "progress": False}))
        history.stopped = "interrupted"
        return history

    with monkeypatch.context() as patch:
        patch.setattr(protocol, "fit", interrupted)
        assert reproduce(power_folder, tmp_path, "gaussian,made") == 130
    assert "repeat the command to resume" in capsys.readouterr().out
    assert (tmp_path / "made" / protocol.TRAINING).exists()
    assert reproduce(power_folder, tmp_path, "gaussian,made") == 0
    results = json.loads((tmp_path / "results.json").read_text())["models"]
    assert results["made"]["epochs"] == 2


@pytest.mark.slow
def test_images_have_bits_and_samples(digits, tmp_path):
    folder, _ = digits
    out = tmp_path / "out"
    arguments = ["reproduce", "mnist", "--data", folder, "--out", out, *QUICK]
    models = "made,made_mog_conditional"
    assert tfp_maf_command(*arguments, "--models", models) == 2  # 50 rows, fewer than a batch
    # Twice the test images as training rows.
    import gzip

    from conftest import idx

    rng = np.random.default_rng(0)
    images = idx(rng.integers(0, 256, [150, 28, 28]))
    (folder / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(images))
    (folder / "train-labels-idx1-ubyte").write_bytes(idx(rng.integers(0, 10, 150)))
    assert tfp_maf_command(*arguments, "--models", models) == 0
    results = json.loads((out / "results.json").read_text())["models"]
    assert "bits per dimension" in (out / "results.md").read_text()
    for name in models.split(","):
        assert (out / f"samples_{name}.png").stat().st_size > 1000
    conditional = results["made_mog_conditional"]
    flow = tfp_maf.load_flow(out / "made_mog_conditional")
    splits = mnist.load(folder)
    by_label = np.stack(
        [flow.log_prob(splits.test, np.full(10, label)).numpy() for label in range(10)]
    ).astype(float)
    expected = np.log(np.exp(by_label - by_label.max()).mean(axis=0)) + by_label.max()
    assert conditional["test"]["mean"] == pytest.approx(expected.mean(), rel=1e-5)
    assert conditional["accuracy"] == (by_label.argmax(axis=0) == splits.labels.test).mean()


def test_a_small_tarflow_on_images(digits, tmp_path, monkeypatch, capsys):
    small = {"patch": 14, "num_blocks": 2, "layers": 1, "width": 8, "heads": 1}
    training = {"batch_size": 25, "clip_norm": 1.0, "max_epochs": 2} | catalogue.COSINE
    model = catalogue.MODELS["tarflow"]
    changed = dataclasses.replace(model, arguments=small, training=training)
    monkeypatch.setitem(catalogue.REPRODUCED, "tarflow", changed)
    out = tmp_path / "out"
    arguments = ["reproduce", "mnist", "--data", digits[0], "--out", out, "--models", "tarflow"]
    assert tfp_maf_command(*arguments) == 0
    metrics = json.loads((out / "tarflow" / "metrics.json").read_text())
    assert metrics["arguments"]["image_shape"] == [28, 28]
    assert metrics["training"] == training | {"learning_rate": 1e-3}
    assert metrics["epochs"] == 2
    assert (out / "samples_tarflow.png").stat().st_size > 1000
    assert "TarFlow" in (out / "results.md").read_text()


@pytest.mark.parametrize(("warmup", "rates"), [(0.0, [1e-3, 5e-4, 0]), (0.5, [0, 1e-3, 0])])
def test_a_rate_on_a_cosine_ends_at_zero(warmup, rates):
    splits = SimpleNamespace(train=np.zeros([105, 1]))
    options = {"learning_rate": 1e-3, "batch_size": 10, "max_epochs": 3}
    train, given = protocol._as_fit_takes_them(
        options | {"schedule": "cosine", "warmup": warmup}, splits
    )
    rate = given["learning_rate"]
    assert [float(rate(step)) for step in (0, 15, 30)] == pytest.approx(rates, abs=1e-9)
    assert given["max_epochs"] == given["patience"] == 3
    assert "warmup" not in given
    assert protocol._as_fit_takes_them(options, splits)[1] == options


def test_a_diverged_model_says_so(power_folder, tmp_path, capsys):
    assert reproduce(power_folder, tmp_path, "made", "--learning-rate", "1e12") == 2
    assert "diverged: the loss is not finite at epoch 1" in capsys.readouterr().out
    assert "| diverged |" in (tmp_path / "results.md").read_text()


def test_the_table_has_one_data_set_only(done, power_folder, tmp_path, capsys):
    lines = (power_folder / power.FILE).read_text().splitlines()
    (tmp_path / power.FILE).write_text("\n".join(lines[:-100]) + "\n")
    assert reproduce(tmp_path, tmp_path / "o", "gaussian") == 0
    shutil.copytree(done / "made", tmp_path / "o" / "made")
    assert reproduce(tmp_path, tmp_path / "o", "gaussian") == 0
    assert "made has other data or another seed" in capsys.readouterr().out
    assert "MADE" not in (tmp_path / "o" / "results.md").read_text()


def test_splines_are_not_for_logits_of_pixels(digits, tmp_path, capsys):
    arguments = ["reproduce", "mnist", "--data", digits[0], "--out", tmp_path / "o"]
    assert "splines act between -3 and 3" in fails(capsys, *arguments, "--models", "nsf_ar")


@pytest.mark.slow
def test_models_of_images_on_scikit_learns_digits(tmp_path, capsys):
    out, models = tmp_path / "o", "patch_made,patch_made_conditional"
    arguments = ["reproduce", "digits", "--out", out, "--hidden-units", "8,8", "--max-epochs", "2"]
    assert tfp_maf_command(*arguments, "--batch-size", 20, "--models", models) == 0
    results = json.loads((out / "results.json").read_text())["models"]
    assert list(results) == models.split(",")
    splits = digits.load()
    plain = results["patch_made"]
    flow = tfp_maf.load_flow(out / "patch_made")
    found = tfp_maf.evaluate(flow, splits.test)
    assert plain["test"]["mean"] == pytest.approx(found.mean, abs=1e-3)
    bits = flow.bits_per_dimension(splits.test).numpy().mean()
    assert plain["bits_per_dimension"]["mean"] == pytest.approx(bits, rel=1e-5)
    assert plain["validation"] > -64 * np.log(17)  # better than no idea of the level
    assert 0 <= results["patch_made_conditional"]["accuracy"] <= 1
    assert (out / "samples_patch_made_conditional.png").stat().st_size > 1000
    assert plain["command"].endswith("--seed 0 --hidden-units 8,8 --max-epochs 2 --batch-size 20")
    assert plain["training"]["batch_size"] == 20
    # What does not fit is said.
    base = ["reproduce", "digits", "--out", out]
    assert "maf_5: a density is not for levels" in fails(capsys, *base, "--models", "maf_5")
    line = fails(capsys, *base, "--models", "pixelcnn", "--redraw")
    assert "was not binarised: leave out --redraw" in line


def test_models_of_images_are_not_for_tables(power_folder, tmp_path, capsys):
    base = ["reproduce", "power", "--data", power_folder, "--out", tmp_path / "o"]
    assert "these are none" in fails(capsys, *base, "--models", "pixelcnn")


@pytest.mark.parametrize("name", catalogue.OF_IMAGES)
def test_every_model_of_images_can_be_built(name):
    flow = catalogue.OF_IMAGES[name].build((8, 8), levels=17, seed=0, num_labels=3)
    assert flow.event_size == 64
    conditional = catalogue.REPRODUCED[f"{name}_conditional"].build((8, 8), levels=2, num_labels=3)
    assert conditional.conditioning.size == 3


def test_models_over_pixels_take_small_batches():
    sizes = {
        name: protocol._training_options(model).get("batch_size", 100)
        for name, model in catalogue.OF_IMAGES.items()
    }
    assert {name for name, size in sizes.items() if size == 50} == {
        "pixelcnn",
        "gated_pixelcnn",
        "pixelcnn_pp",
    }


def test_errors(power_folder, tmp_path, capsys):
    base = ["reproduce", "power", "--data", power_folder, "--out", tmp_path / "o"]
    assert "no model 'vae'; choose from gaussian" in fails(capsys, *base, "--models", "vae")
    line = fails(capsys, *base, "--models", "made_conditional")
    assert "made_conditional" in line
    assert "has no labels" in line
    assert "tarflow: " in fails(capsys, *base, "--models", "tarflow")
    missing = ["reproduce", "hepmass", "--data", tmp_path / "none", "--out", tmp_path / "o"]
    assert "1000_train.csv" in fails(capsys, *missing)
    (tmp_path / "o" / "made").mkdir(parents=True, exist_ok=True)
    (tmp_path / "o" / "made" / "metrics.json").write_text("{")
    assert "metrics.json is damaged" in fails(capsys, *base, "--models", "gaussian", *QUICK)


def test_the_command_names_all_data_sets_and_models():
    assert set(options.DATASETS) == set(published.DATASETS)
    assert set(options.REPRODUCED) == set(published.REPRODUCED)
    assert {*catalogue.UNCONDITIONAL, *catalogue.OF_IMAGES} == set(options.MODELS)


@pytest.mark.parametrize(
    ("name", "models", "levels"),
    [
        ("mnist", (), [None]),
        ("mnist", ("made", "pixelcnn_pp"), [None, 256]),
        ("mnist", ("pixelcnn_conditional",), [256]),
        ("mnist_binary", (), [2]),
        ("mnist_binary", ("made",), [2]),
    ],
)
def test_flows_take_logits_and_models_of_images_levels(digits, name, models, levels):
    loaded = run_reproduce._load(name, str(digits[0]), seed=0, models=models)
    found = {kind: getattr(splits.space, "levels", None) for kind, splits in loaded.items()}
    assert sorted(found.values(), key=str) == sorted(levels, key=str)
    assert all(kind == (value is not None) for kind, value in found.items())
    for model in models:
        unfit = run_reproduce._why_not(model, loaded)
        assert (unfit is not None) == (name == "mnist_binary" and model == "made")


def test_the_learning_rate_of_models_of_images_rises_and_falls(digits):
    splits = mnist.load_binary(digits[0])
    options = protocol._training_options(catalogue.OF_IMAGES["patch_made"])
    options |= {"max_epochs": 10, "batch_size": 5, "redraw": True}
    train, given = protocol._as_fit_takes_them(options, splits)
    assert train is splits.intensities
    assert given["redraw"] is binarise
    assert given["patience"] == 10
    steps = 10 * (50 // 5)
    rates = [float(given["learning_rate"](step)) for step in range(steps + 1)]
    assert max(rates) == pytest.approx(options["learning_rate"])
    assert rates.index(max(rates)) == round(protocol.WARMUP * steps)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert (np.diff(rates[2:]) < 0).all()


def test_a_flow_keeps_the_papers_options(digits):
    options = protocol._training_options(catalogue.MODELS["made"])
    splits = mnist.load(digits[0])
    train, given = protocol._as_fit_takes_them(options, splits)
    assert train is splits.train
    assert given == {"learning_rate": 1e-3}
    with pytest.raises(ValueError, match="was not binarised"):
        protocol._as_fit_takes_them(options | {"redraw": True}, splits)
