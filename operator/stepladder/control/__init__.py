"""Reconcilers of studies and trials, written against the ObjectStore port: they never know where objects live."""
