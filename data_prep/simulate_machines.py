"""Synthetic motors with faults, in the layout of DCASE 2020 task 2, for tests and a first run.

A motor hums at multiples of its speed over the noise of its fan. A worn bearing adds short bursts
at a rate of its own, which ring at a resonance of the housing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfp_maf.data_prep import audio, noise

HARMONICS = 20


@dataclass(frozen=True)
class Motor:
    """Motor of a given speed, timbre and housing.

    Attributes:
        speed: rotations per second.
        gains: gain of each harmonic.
        colour: exponent of the fan's spectrum.
        resonance: frequency of the housing in Hz.
    """

    speed: float
    gains: np.ndarray
    colour: float
    resonance: float

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Motor:
        """Draw a motor."""
        gains = rng.exponential(size=HARMONICS) / np.sqrt(1 + np.arange(HARMONICS))
        return cls(rng.uniform(40, 120), gains, rng.uniform(0.5, 1.5), rng.uniform(1500, 5000))

    def record(self, seconds: float, rng: np.random.Generator, *, fault: float = 0.0) -> np.ndarray:
        """Return a recording ``[n]`` at 16 kHz.

        Args:
            seconds: its length.
            rng: draws phases, the exact speed and the noise.
            fault: loudness of the bearing's bursts; 0 for none.
        """
        t = np.arange(int(audio.RATE * seconds)) / audio.RATE
        speed = self.speed * rng.normal(1, 0.01)
        x = noise.coloured(len(t), rng, exponent=self.colour)
        for i, gain in enumerate(self.gains):
            x += 0.02 * gain * np.sin(2 * np.pi * ((i + 1) * speed * t + rng.random()))
        if fault:
            since = np.mod(t + rng.random(), 1 / (3.57 * speed / 4))  # since the last burst
            ringing = np.exp(-since * 400) * np.sin(2 * np.pi * self.resonance * since)
            x += fault * 0.2 * ringing
        return np.clip(x * 10 ** (rng.normal(0, 1) / 20), -1, 1)


def write_machines(
    folder: str | Path,
    *,
    machines: int = 3,
    train: int = 20,
    test: int = 10,
    seconds: float = 2.0,
    fault: float = 1.0,
    seed: int = 0,
) -> Path:
    """Write ``motor/train/normal_id_00_00000000.wav`` and so on.

    Args:
        folder: Folder to write to, created if it does not exist.
        machines: Number of motors.
        train: Number of normal recordings of each for training.
        test: Number of recordings of each for testing, as many with a fault as without.
        seconds: Length of a recording.
        fault: See :meth:`Motor.record`.
        seed: Seed of the simulation.

    Returns:
        Path of the folder ``motor``.

    Raises:
        OSError: If the folder cannot be written to.
    """
    import soundfile

    rng = np.random.default_rng(seed)
    folder = Path(folder) / "motor"
    for number in range(machines):
        motor = Motor.draw(rng)
        for part, label, count, loudness in (
            ("train", "normal", train, 0.0),
            ("test", "normal", test, 0.0),
            ("test", "anomaly", test, fault),
        ):
            (folder / part).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                x = motor.record(seconds, rng, fault=loudness)
                name = folder / part / f"{label}_id_{number:02}_{i:08}.wav"
                soundfile.write(name, x, audio.RATE, subtype="PCM_16")
    return folder
