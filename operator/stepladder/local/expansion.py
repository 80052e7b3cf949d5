"""`$(NAME)` in a container's command, args and environment, as Kubernetes expands it.

Source: kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables: `$$(NAME)` stands
for itself, and a name that is not known is left as it is.
"""

import re
from collections.abc import Mapping
from typing import Final

_REFERENCE: Final = re.compile(r"\$(\$|\(([^()]*)\))")


def expand(text: str, known: Mapping[str, str]) -> str:
    """`text` with every known reference replaced."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] == "$":
            return "$"
        return known.get(match[2], match[0])

    return _REFERENCE.sub(replacement, text)
