"""Maximum likelihood training: steps, loop, checkpoints, several workers."""
