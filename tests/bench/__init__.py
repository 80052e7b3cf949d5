"""Benchmarks on the test cluster: `make bench`. They record figures; what they assert is counts, never times."""
