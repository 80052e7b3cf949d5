"""Stepladder: a Kubernetes operator that tunes deep-learning training, round by round and rung by rung."""
