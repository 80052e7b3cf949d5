"""Telling what a probe has found: a picture, the points as JSON, a table in the log."""
