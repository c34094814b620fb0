"""Solutions to the exercises of 06_time. In the folder of the notebooks:

    python -m solutions.06_time

They train on the simulated gas sensors; the comments answer the questions.
"""

import tempfile
from pathlib import Path

import numpy as np
from settings import SIZE  # first: it keeps TensorFlow quiet

import tfp_maf
from tfp_maf.data_prep import simulate, time_table
from tfp_maf.evaluation.forecasts import coverage
from tfp_maf.time_series.parts import origins_of, parts_of

FOLDER = Path(tempfile.mkdtemp())
RAW = np.loadtxt(simulate.write_ethylene_co(FOLDER / "gas.txt", rows=10_521), skiprows=1)
ROWS = RAW[10 : 10 + SIZE.time_rows, [0, 1, 2, 3, 5, 7, 9]]
np.savetxt(
    FOLDER / "gas.csv", ROWS, delimiter=",", header="t,CO,ethylene,a,b,c,d", comments="", fmt="%.2f"
)
TABLE = time_table.load(FOLDER / "gas.csv", time=["t"], given=["CO", "ethylene"])


def trained(past):
    """A MAF given so many steps, and the test part's stretch."""
    train, validation, test = (
        [part.stretch for part in parts_of(TABLE, name, past=past)] for name in time_table.PARTS
    )
    model = tfp_maf.TimeFlow(
        4, past=past, known_size=2, conditional="maf", encoder="convolution", num_layers=2,
        hidden_units=(32,),
    )  # fmt: skip
    model.fit(train, validation, max_epochs=SIZE.time_epochs, progress=False)
    return model, test[0]


# 1. Its own step moves and the twenty after it, which are given it; none before does.
model, test = trained(20)


def score(x):
    return model.step_log_prob(x, test.known, first=test.first)


changed = test.x.copy()
changed[test.first + 50, 1] += 100
moved = np.flatnonzero(score(changed) != score(test.x))
print("1. steps that move:", moved)

# 2. A step is 4 s, and the sensors' slow component takes about 50: the readings of one step do not
# tell whether a sensor rises or falls, and noise hides the slope of a few.
for past in (1, 5, 20):
    other, stretch = trained(past)
    nats = np.nanmean(other.step_log_prob(stretch.x, stretch.known, first=stretch.first))
    print(f"2. a past of {past}: {nats:.2f} nats a step")

# 3. It depends on the noise: a reading that stands still right at its last value is nearer to the
# prediction than noisy readings are, until the true value has moved away. Windows are therefore
# tested on both sides in `tfp-maf anomalies`.
stuck = test.x.copy()
stuck[test.first + 50 : test.first + 70, 1] = stuck[test.first + 49, 1]
inside = slice(50, 70)
print(f"3. as it was {score(test.x)[inside].mean():.2f}, stuck {score(stuck)[inside].mean():.2f}")

# 4. About as often as it says where it was trained for long; after an epoch, it is too wide.
origins = origins_of(TABLE, "test", past=20, steps=10, most=60)
paths = tfp_maf.sample_paths(
    model, origins.pasts, steps=10, paths=100, known=origins.known, seed=0
)  # fmt: skip
print("4. within the 80 % band:", coverage(paths, origins.truth).round(2))
