"""Seeds that depend on what they are for and on nothing else: not on time, order, process or Python's `hash`."""

import hashlib


def _seed(*what: int | str) -> int:
    digest = hashlib.blake2b(repr(what).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") & 0x7FFF_FFFF


def run_seed(study_seed: int, round_name: str, configuration: int, repeat: int) -> int:
    """The seed of one run, in [0, 2^31): data order, initial weights, dropout."""
    return _seed(study_seed, round_name, configuration, repeat)


def sampler_seed(study_seed: int, round_name: str, setting: int) -> int:
    """The seed of the sampler of one round and scientific setting, in [0, 2^31)."""
    return _seed("sampler", study_seed, round_name, setting)
