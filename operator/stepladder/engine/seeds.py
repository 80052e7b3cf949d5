"""Seeds that depend on what they are for and on nothing else: not on time, order, process or Python's `hash`."""

import hashlib


def run_seed(study_seed: int, round_name: str, configuration: int, repeat: int) -> int:
    """The seed of one run, in [0, 2^31): data order, initial weights, dropout."""
    what = repr((study_seed, round_name, configuration, repeat))
    return int.from_bytes(hashlib.blake2b(what.encode(), digest_size=4).digest(), "big") & 0x7FFF_FFFF
