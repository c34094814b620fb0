"""Columns of a table: what kind each is, and how it becomes numbers and comes back."""
