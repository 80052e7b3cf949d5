"""The operator and the namespaces are those of the end-to-end tests."""

from e2e.conftest import namespace, operator

__all__ = ["namespace", "operator"]
