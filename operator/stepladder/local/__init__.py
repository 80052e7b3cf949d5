"""The home on a laptop: in-memory object store, processes instead of a kubelet, progress display.

`registry` holds the objects and behaves as an API server does where a reconciler could tell the difference; `store` is
its face towards the reconcilers, `disk` its memory over restarts, `kubelet` runs its pods as processes, and `run` puts
the four and a controller together for one study.
"""
