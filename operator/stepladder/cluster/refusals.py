"""What an answer of the API server that is not a success means to a reconciler."""

import json
from typing import Any, Final

from stepladder.control.store import (
    AlreadyExists,
    Conflict,
    Forbidden,
    Invalid,
    NotFound,
    QuotaExceeded,
    StoreError,
    Unavailable,
)

# All that the API server says of a JSON patch that does not fit the object: a `test` failed, or a path is not there.
_UNFIT_PATCH: Final = "the server rejected our request due to an error in our request"

# 403s that time heals: the quota's first count is not done, or the namespace is so new that it has no account yet.
_PASSING_403: Final = ("status unknown for quota", 'serviceaccount "default" not found')

# 500s that time does not heal: etcd refuses what the API server let through.
_LASTING_500: Final = "request is too large"

_UNAVAILABLE: Final = frozenset({401, 408, 410, 429})
_INVALID: Final = frozenset({400, 413, 415, 422})


def refusal(code: int, body: bytes) -> StoreError:
    """The error that stands for an HTTP answer with this status code and body (a `Status` object, or anything)."""
    status = _status(body)
    message = str(status.get("message") or body.decode(errors="replace").strip() or f"HTTP {code}")
    return _kind(code, status.get("reason"), message)(message)


def _kind(code: int, reason: str | None, text: str) -> type[StoreError]:
    match code:
        case 404:
            return NotFound
        case 409 if reason == "AlreadyExists":
            return AlreadyExists
        case 409 if "on resourcequotas" in text:
            return Unavailable  # many creates at once race for the quota's count; the object itself has no conflict
        case 409:
            return Conflict
        case 403 if "exceeded quota" in text:
            return QuotaExceeded
        case 403 if any(words in text for words in _PASSING_403):
            return Unavailable
        case 403:
            return Forbidden
        case 422 if text == _UNFIT_PATCH:
            return Conflict
        case 500 if _LASTING_500 in text:
            return Invalid
        case _ if code in _INVALID:
            return Invalid
        case _ if code in _UNAVAILABLE or code >= 500 or code < 400:
            return Unavailable
        case _:
            return StoreError


def _status(body: bytes) -> dict[str, Any]:
    try:
        status = json.loads(body)
    except ValueError:
        return {}  # a proxy between us and the API server answers in HTML
    return status if isinstance(status, dict) else {}
