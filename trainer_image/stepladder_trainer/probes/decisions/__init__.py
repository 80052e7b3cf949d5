"""What a probe's measurements mean: pure functions over frozen measurements, without PyTorch."""
