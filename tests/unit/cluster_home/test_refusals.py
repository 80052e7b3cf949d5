"""What the API server says, and what a reconciler hears. The bodies were recorded from Kubernetes 1.35."""

import json

import pytest

from stepladder.cluster.refusals import refusal
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

QUOTA = 'pods "c" is forbidden: exceeded quota: gpus, requested: requests.nvidia.com/gpu=1, used: ..., limited: ...'
NO_ACCOUNT = 'pods "p" is forbidden: error looking up service account a/{0}: serviceaccount "{0}" not found'
RACE = 'Operation cannot be fulfilled on resourcequotas "gpus": the object has been modified; please apply your changes'
STALE = 'Operation cannot be fulfilled on trials.tuning.stepladder.dev "t": the object has been modified'
UNFIT = "the server rejected our request due to an error in our request"
PRECONDITION = (
    'Operation cannot be fulfilled on pods "p": Precondition failed: UID in precondition: a, UID in object: b'
)


@pytest.mark.parametrize(
    ("code", "reason", "message", "expected"),
    [
        (404, "NotFound", 'pods "zz" not found', NotFound),
        (404, "NotFound", 'namespaces "zz" not found', NotFound),
        (409, "AlreadyExists", 'trials.tuning.stepladder.dev "t" already exists', AlreadyExists),
        (409, "Conflict", STALE, Conflict),
        (409, "Conflict", PRECONDITION, Conflict),
        (409, "Conflict", RACE, Unavailable),
        (403, "Forbidden", QUOTA, QuotaExceeded),
        (403, "Forbidden", 'pods "c" is forbidden: status unknown for quota: gpus, resources: pods', Unavailable),
        (403, "Forbidden", NO_ACCOUNT.format("default"), Unavailable),
        (403, "Forbidden", NO_ACCOUNT.format("mine"), Forbidden),
        (403, "Forbidden", 'pods "c" is forbidden: failed quota: q: must specify requests.cpu', Forbidden),
        (403, "Forbidden", 'pods is forbidden: User "x" cannot create resource "pods"', Forbidden),
        (403, "Forbidden", 'pods "p" is forbidden: violates PodSecurity "restricted:latest": ...', Forbidden),
        (422, "Invalid", 'Trial.tuning.stepladder.dev "t" is invalid: spec.targetSteps: Invalid value: 0', Invalid),
        (422, "Invalid", UNFIT, Conflict),
        (400, "BadRequest", "unknown field", Invalid),
        (413, "RequestEntityTooLarge", "limit is 3145728", Invalid),
        (415, "UnsupportedMediaType", "the body of the request was in an unknown format", Invalid),
        (500, "InternalError", "etcdserver: request is too large", Invalid),
        (500, "InternalError", "etcdserver: leader changed", Unavailable),
        (401, "Unauthorized", "Unauthorized", Unavailable),
        (410, "Expired", "The provided continue parameter is too old", Unavailable),
        (429, "TooManyRequests", "Too many requests, please try again later.", Unavailable),
        (503, "ServiceUnavailable", "apiserver not ready", Unavailable),
        (504, "Timeout", "Timeout: request did not complete within the allotted timeout", Unavailable),
        (302, "Found", "elsewhere", Unavailable),
        (405, "MethodNotAllowed", "the server does not allow this method", StoreError),
    ],
)
def test_each_refusal_is_the_error_that_its_handler_expects(
    code: int, reason: str, message: str, expected: type[StoreError]
) -> None:
    error = refusal(code, json.dumps({"kind": "Status", "code": code, "reason": reason, "message": message}).encode())
    assert type(error) is expected
    assert str(error) == message


@pytest.mark.parametrize("body", [b"<html>Bad Gateway</html>", b"", b"[1]", b"\xff"])
def test_an_answer_that_is_no_status_is_still_an_error_with_words(body: bytes) -> None:
    """A load balancer's page must not end the operator with a JSON error."""
    error = refusal(502, body)
    assert type(error) is Unavailable
    assert str(error)
