"""Probes: short measurements that answer one question about a training, and end in a verdict instead of a result.

`options` is what can be asked, `measuring` trains and takes the measurements, `decisions` are pure functions of those,
`reporting` tells them; `running` goes from one to the next. Nothing here imports PyTorch before `running` is imported.
"""
