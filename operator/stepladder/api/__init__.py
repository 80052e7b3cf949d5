"""The user's contract: TuningStudy and Trial as pydantic models, and the generator of `crds/` from them.

Nothing here decides anything. A field's limits, defaults and CEL rules live beside the field, because the CRD that the
API server enforces is generated from these classes and the laptop's store enforces that same CRD.
"""
