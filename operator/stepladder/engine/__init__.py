"""Pure decisions: no I/O, no clock, no randomness that is not derived from a seed.

`plan(observed) -> Plan` is the whole study in one function; everything else here is a part of it.
"""
