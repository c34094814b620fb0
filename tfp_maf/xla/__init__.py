"""The flows' arithmetic in a second form, written for XLA: faster, and removable."""
