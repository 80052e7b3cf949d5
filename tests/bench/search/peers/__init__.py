"""Other people's tuners: their own scheduler and searcher objects, driven as their own runners drive them.

Each module offers functions `(problem, seed) -> Tuner`. The resource is the evaluation, from 1 to the curve's last.
"""
