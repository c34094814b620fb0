"""Checks of arguments, console output, garbage collection."""
