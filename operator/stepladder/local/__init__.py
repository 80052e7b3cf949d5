"""The home on a laptop: in-memory object store, processes instead of a kubelet, progress display."""
