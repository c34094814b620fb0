"""Spoken words told apart by likelihood: the third part of the post."""
