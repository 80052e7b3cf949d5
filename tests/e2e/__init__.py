"""End-to-end: the chart, the images, real pods. Needs `make cluster-up images`; `make e2e` runs it."""
