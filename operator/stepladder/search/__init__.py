"""Suggestions: samplers behind one protocol, and the Optuna storage that records what they saw."""
