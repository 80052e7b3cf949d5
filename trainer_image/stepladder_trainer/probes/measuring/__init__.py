"""Taking a probe's measurements: a thin layer over `Learner` and `Feed`."""
