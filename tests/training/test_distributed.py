"""Several processes that train together do what one does, and say so when one is gone."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import tf_keras
from clusters import tf_configs
from rows import wait_for

import tfp_maf
from tfp_maf.training.distributed import Workers, strategy_here
from tfp_maf.training.objective import StepSettings
from tfp_maf.training.steps import make_steps

ROWS = np.random.default_rng(0).normal(size=[1400, 4]).astype(np.float32)
ROWS[:, 1:] += np.sin(2 * ROWS[:, :-1])
MODEL = {"num_layers": 3, "hidden_units": (16,), "activation": "tanh"}
TRAIN = ["-m", "tfp_maf", "train", "rows.csv", "--distribute"]
TRAINING = {"learning_rate": 2e-3, "clip_norm": 1.0, "batch_size": 96, "progress": False}
SCRIPT = """
import json, sys
import numpy as np
import tfp_maf
from tfp_maf.training.distributed import strategy_here
strategy = strategy_here()
x, given = np.load(sys.argv[1]), json.loads(sys.argv[2])
flow = tfp_maf.build_maf(4, **given["model"])
history = tfp_maf.fit(flow, x[:1200], x[1200:], strategy=strategy, **given["training"])
print(json.dumps([history.train, history.validation, flow.get_weights()[0].tolist()]))
"""


def start(arguments, count, *, only=None, **options):
    """Processes of a cluster, all of them or the first ones ``only``."""
    return [
        subprocess.Popen(
            [sys.executable, *arguments],
            env=os.environ | {"TF_CONFIG": config, "CUDA_VISIBLE_DEVICES": ""},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            **options,
        )
        for config in list(tf_configs(count))[:only]
    ]


def ends(processes):
    """Each one's status, output and errors."""
    said = [process.communicate(timeout=300) for process in processes]
    return [(p.returncode, *texts) for p, texts in zip(processes, said, strict=True)]


@pytest.mark.slow
@pytest.mark.parametrize("count", [2, 4])
def test_the_curve_is_that_of_one_process(count, tmp_path):
    training = TRAINING | {"max_epochs": 4}
    flow = tfp_maf.build_maf(4, **MODEL)
    alone = tfp_maf.fit(flow, ROWS[:1200], ROWS[1200:], **training)
    np.save(tmp_path / "x.npy", ROWS)
    given = json.dumps({"model": MODEL, "training": training})
    results = ends(start(["-c", SCRIPT, str(tmp_path / "x.npy"), given], count))
    for status, out, errors in results:
        assert status == 0, errors
        train, validation, first = json.loads(out.splitlines()[-1])
        np.testing.assert_allclose(train, alone.train, atol=1e-4)
        np.testing.assert_allclose(validation, alone.validation, atol=1e-4)
        np.testing.assert_allclose(first, flow.get_weights()[0], atol=1e-4)
    assert len({out for _, out, _ in results}) == 1  # they decide alike


def test_a_lost_worker_ends_the_rest_and_resume_goes_on(tmp_path):
    frame = pd.DataFrame(ROWS.astype(np.float64), columns=list("abcd"))
    frame.to_csv(tmp_path / "rows.csv", index=False)
    network = ["--num-layers", "2", "--hidden-units", "8", "--batch-size", "40", "--quiet"]
    command = ["-m", "tfp_maf", "train", "rows.csv", *network]
    together = [*command, "--out", "run", "--distribute", "--max-epochs"]
    workers = start([*together, "1000"], 2, cwd=tmp_path)
    checkpoint = tmp_path / "run" / "checkpoints" / "maf.npz"
    wait_for(checkpoint, workers[0])
    workers[1].kill()
    (status, _, errors), _ = ends(workers)
    assert status == 2
    assert "worker 0 of 2 has lost another" in errors
    assert "--resume" in errors
    assert len(errors.strip().splitlines()) == 1
    for status, _, errors in ends(start([*together, "5", "--resume"], 2, cwd=tmp_path)):
        assert status == 0, errors
    alone = [sys.executable, *command, "--out", "alone", "--max-epochs", "5"]
    subprocess.run(alone, cwd=tmp_path, check=True, capture_output=True)
    curves = [pd.read_csv(tmp_path / run / "history.csv") for run in ("run", "alone")]
    for name in ("train", "validation"):
        # Two programs in float32: one loops over layers and is compiled, the other is neither.
        np.testing.assert_allclose(*(curve[name] for curve in curves), rtol=5e-5, atol=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        None,
        "{",
        '{"cluster": {}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": [1]}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_no_cluster(config, tmp_path, monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if config is not None:
        monkeypatch.setenv("TF_CONFIG", config)
    with pytest.raises(ValueError, match="needs the variable TF_CONFIG, such as"):
        strategy_here()


def test_waiting_is_said_and_ends_by_ctrl_c(tmp_path):
    """TensorFlow waits for the other worker, which never comes, where Python sees no signal."""
    worker = start(TRAIN, 2, only=1, cwd=tmp_path)[0]
    assert "worker 0 waits for 127.0.0.1:" in worker.stdout.readline()
    time.sleep(2)
    worker.send_signal(signal.SIGINT)
    worker.communicate(timeout=20)
    assert worker.returncode == -signal.SIGINT


def test_a_port_that_is_taken(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        cluster = {"worker": [address, "127.0.0.1:9"]}
        config = json.dumps({"cluster": cluster, "task": {"type": "worker", "index": 0}})
        ended = subprocess.run(
            [sys.executable, *TRAIN],
            env=os.environ | {"TF_CONFIG": config, "CUDA_VISIBLE_DEVICES": ""},
            cwd=tmp_path,
            text=True,
            capture_output=True,
        )
    assert ended.returncode == 2
    assert f"the port of {address} must be free" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1


class OtherWorkers(Workers):
    """Whose others say other numbers, from the ``first`` on."""

    first = 0

    def agreed(self, values):
        return [*values[: self.first], *(value + 0.5 for value in values[self.first :])]


@pytest.mark.parametrize(
    ("first", "message"), [(0, "has other options, another seed or other data"), (1, "begins at")]
)
def test_workers_that_do_not_train_the_same(first, message, monkeypatch):
    monkeypatch.setattr(OtherWorkers, "first", first)
    monkeypatch.setattr(Workers, "of", lambda strategy: OtherWorkers())
    flow = tfp_maf.build_maf(4, **MODEL)
    with pytest.raises(ValueError, match=message):
        tfp_maf.fit(flow, ROWS[:1200], ROWS[1200:], max_epochs=1, **TRAINING)


class FakeStrategy:
    """Two replicas, so that what can't be shared is refused before anything is sent."""

    num_replicas_in_sync = 2
    cluster_resolver = None


def test_what_can_not_be_shared():
    with pytest.raises(ValueError, match="2 devices on 0 workers"):
        Workers.of(FakeStrategy())
    with pytest.raises(ValueError, match="batch_size=95 can't be shared by 2 workers"):
        _steps_of_two(tfp_maf.build_maf(2, num_layers=1, hidden_units=(4,)), batch_size=95)
    with pytest.raises(ValueError, match="build_gaussian can't be trained by several"):
        _steps_of_two(tfp_maf.build_gaussian(2), batch_size=96)


def _steps_of_two(flow, *, batch_size):
    settings = StepSettings(batch_size, 0.0)
    return make_steps(flow, tf_keras.optimizers.Adam(), settings, workers=Workers(FakeStrategy()))
