"""Search on recorded learning curves, ours beside the field's: `make bench-search`, see docs/search-benchmark.md."""
