"""Seeds: everything random in a study follows from the manifest's one."""

from hashlib import blake2b


def derive(*parts: int | str) -> int:
    """A seed of 32 bits that depends on every part and on their order, and is the same in every process."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in parts)
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")
