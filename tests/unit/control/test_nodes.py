"""Trials on several nodes: one group of pods, made whole or not at all, that ends with one cause."""

import dataclasses
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from control import samples
from control.samples import NOW, ended, pod_view, situation, trial_spec
from control.test_pod_builder import carrier, environment
from control.world import study
from stepladder.api import names
from stepladder.api.trial import Desired, EndReason, Observation, Outcome, TrialStatus
from stepladder.control.clock import to_wire
from stepladder.control.group_end import MemberEnd, joined
from stepladder.control.pod_builder import build_pod, pod_name, template_digest
from stepladder.control.pod_group import FAREWELL_SECONDS, PodView, Stage
from stepladder.control.pod_view import pod_view as view_of
from stepladder.control.segment_end import SegmentEnd
from stepladder.control.segments import Admission, decide
from stepladder.control.store import Object

TEMPLATE = {"spec": {"containers": [{"name": "trainer", "image": "trainer"}]}}
GATE = {"name": names.RENDEZVOUS_GATE}


def nodes(count: int, gpus: int = 0, **spec: Any) -> Object:
    limits = {"limits": {names.GPU_RESOURCE: gpus}} if gpus else {}
    container = {"name": "trainer", "image": "trainer", "resources": limits}
    return study(trainer={"template": {"spec": {"containers": [container]}}, "nodes": count}, **spec)


# --- the pods ---------------------------------------------------------------------------------------------------------


def test_a_trial_on_one_node_has_the_pod_that_it_always_had() -> None:
    pod = build_pod(carrier(), 1)
    assert "schedulingGates" not in pod["spec"]
    assert names.RANK_LABEL not in pod["metadata"]["labels"]
    assert names.NODES_ANNOTATION not in pod["metadata"]["annotations"]
    assert not {"MASTER_ADDR", "WORLD_SIZE", "PET_NNODES"} & environment(pod).keys()


def test_a_template_from_before_nodes_is_the_same_template() -> None:
    """Catches every waiting pod made anew when the operator is upgraded."""
    trainer = carrier().trainer
    before = {name: value for name, value in trainer.wire().items() if name not in ("podRetention", "nodes")}
    known = hashlib.blake2b(json.dumps(before, sort_keys=True).encode(), digest_size=8).hexdigest()
    assert template_digest(trainer) == known
    assert template_digest(trainer) != template_digest(trainer.model_copy(update={"nodes": 2}))


@given(st.integers(1, 99_999), st.integers(0, 63))
def test_names_fit_a_host_name_and_are_nobody_elses(attempt: int, rank: int) -> None:
    """The longest trial's pods; and no pod of a rank has the name of an attempt at another trial."""
    name = pod_name("t" * 52, attempt, rank)
    assert len(name) <= 63
    assert rank == 0 or not name.rpartition("-")[2].isdigit()


def test_ranks_are_told_where_they_are_and_where_rank_0_will_be() -> None:
    """What `env://` and torchrun read; order matters, since one variable refers to another."""
    gpus = {"resources": {"limits": {names.GPU_RESOURCE: "4"}}}
    given = carrier({"containers": [{"name": "trainer", "image": "i", **gpus}]}, nodes=3)
    leader, last = (build_pod(given, 1, rank) for rank in (0, 2))
    for pod, rank in ((leader, "0"), (last, "2")):
        found = environment(pod)
        assert (found["WORLD_SIZE"], found["RANK"], found["NNODES"], found["NODE_RANK"]) == ("3", rank, "3", rank)
        assert (found["PET_NNODES"], found["PET_NODE_RANK"], found["PET_NPROC_PER_NODE"]) == ("3", rank, "4")
        assert (found["PET_MASTER_ADDR"], found["PET_MASTER_PORT"]) == ("$(MASTER_ADDR)", "$(MASTER_PORT)")
        order = list(found)
        assert order.index("MASTER_ADDR") < order.index("PET_MASTER_ADDR")
        assert pod["metadata"]["labels"][names.RANK_LABEL] == rank
    assert "schedulingGates" not in leader["spec"]
    assert last["spec"]["schedulingGates"] == [GATE]
    by_name = {e["name"]: e for e in last["spec"]["containers"][0]["env"]}
    path = by_name["MASTER_ADDR"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == f"metadata.annotations['{names.MASTER_ADDRESS_ANNOTATION}']"
    assert environment(leader)["MASTER_PORT"] == "29500"
    assert json_of(leader) == json_of(last), "all ranks train the same trial"


def json_of(pod: Object) -> str:
    return environment(pod)[names.TRIAL_ENV]


def test_a_port_of_the_templates_own_is_kept() -> None:
    """On a host's network two trials may not share one."""
    env = [{"name": "MASTER_PORT", "value": "4000"}, {"name": "RANK", "value": "7"}]
    pod = build_pod(carrier({"containers": [{"name": "trainer", "image": "i", "env": env}]}, nodes=2), 1)
    names_ = [e["name"] for e in pod["spec"]["containers"][0]["env"]]
    assert (environment(pod)["MASTER_PORT"], environment(pod)["RANK"]) == ("4000", "0")
    assert (names_.count("MASTER_PORT"), names_.count("RANK")) == (1, 1)
    pod["metadata"]["creationTimestamp"] = "2026-01-01T00:00:00Z"
    assert view_of(pod).port == "4000"


# --- how a group ends -------------------------------------------------------------------------------------------------


def at(reason: EndReason, second: int = 30, **fields: Any) -> SegmentEnd:
    fields = {"message": f"{reason.value} at {second}", "ended_at": f"2026-01-01T12:00:{second:02}Z"} | fields
    return SegmentEnd(reason=reason, **fields)


DONE = MemberEnd(at(EndReason.COMPLETED))
CRASHED = MemberEnd(at(EndReason.ERROR, exit_code=1))


@pytest.mark.parametrize(
    ("others", "reason", "rank"),
    [
        ((DONE, DONE), EndReason.COMPLETED, None),
        ((DONE, CRASHED), EndReason.ERROR, 1),
        ((CRASHED, DONE), EndReason.ERROR, 0),
        # What breaks off because of another is no cause, however early it is seen.
        ((CRASHED, MemberEnd(at(EndReason.OUT_OF_MEMORY, 40))), EndReason.OUT_OF_MEMORY, 1),
        ((CRASHED, MemberEnd(at(EndReason.DISRUPTED, 40))), EndReason.DISRUPTED, 1),
        ((CRASHED, MemberEnd(at(EndReason.INTERRUPTED, 40))), EndReason.INTERRUPTED, 1),
        ((MemberEnd(at(EndReason.DISRUPTED, 10)), MemberEnd(at(EndReason.INFEASIBLE, 40))), EndReason.INFEASIBLE, 1),
        ((CRASHED, MemberEnd(at(EndReason.STORAGE_ERROR, 20))), EndReason.STORAGE_ERROR, 1),
        # Those whom we have told to end did not begin it.
        ((MemberEnd(at(EndReason.DISRUPTED, 10), interrupted=True), CRASHED), EndReason.ERROR, 1),
        ((MemberEnd(at(EndReason.INTERRUPTED), interrupted=True),) * 2, EndReason.INTERRUPTED, 0),
        ((DONE, MemberEnd(at(EndReason.DISRUPTED), interrupted=True)), EndReason.COMPLETED, None),
        # Gone: one that ran may have taken the others with it; of one that never ran we know nothing.
        ((CRASHED, MemberEnd(None)), EndReason.DISRUPTED, 1),
        ((CRASHED, MemberEnd(None, ran=False)), EndReason.ERROR, 0),
        ((CRASHED, MemberEnd(None, interrupted=True)), EndReason.ERROR, 0),
        ((DONE, MemberEnd(None, ran=False)), EndReason.COMPLETED, None),
        ((MemberEnd(None, ran=False), DONE), EndReason.DISRUPTED, 0),
    ],
)
def test_one_cause_of_many_ends(others: tuple[MemberEnd, ...], reason: EndReason, rank: int | None) -> None:
    end = joined(others)
    assert end.reason is reason
    assert end.message.startswith(f"rank {rank}: ") is (rank is not None), end.message


def test_rank_0_brings_the_results_whoever_is_the_cause() -> None:
    leader = at(EndReason.ERROR, exit_code=1, trained_steps=7, observations=(Observation(step=7, value=0.5),))
    end = joined([MemberEnd(leader), MemberEnd(at(EndReason.OUT_OF_MEMORY, 40, exit_code=137))])
    assert (end.exit_code, end.trained_steps, end.observations[0].step) == (137, 7, 7)
    assert end.ended_at == "2026-01-01T12:00:40Z"


# --- what is decided --------------------------------------------------------------------------------------------------


def member(rank: int, stage: Stage = Stage.RUNNING, attempt: int = 1, **changes: Any) -> PodView:
    fields = {"name": pod_name("study-1", attempt, rank), "rank": rank, "nodes": 2, "gpus": 4}
    return pod_view(attempt, stage, **(fields | changes))


def over(rank: int, reason: EndReason = EndReason.COMPLETED, attempt: int = 1, **end: Any) -> PodView:
    if reason is EndReason.COMPLETED and rank == 0:
        end = {"to_step": 30, "observations": (Observation(step=30, value=0.5),)} | end
    times = {"started_at": to_wire(NOW - timedelta(seconds=15)), "ended_at": to_wire(NOW - timedelta(seconds=5))}
    return member(rank, Stage.ENDED, attempt, end=SegmentEnd(reason=reason, **(times | end)))


def gated(rank: int = 1, **changes: Any) -> PodView:
    return member(rank, Stage.WAITING, gated=True, **changes)


def test_all_with_0_complete_the_segment_and_all_gpus_are_paid_for() -> None:
    decision = decide(situation(over(0), over(1)))
    [attempt] = decision.ended
    assert (attempt.reason, attempt.pod, attempt.gpu_seconds) == (EndReason.COMPLETED, "study-1-1", 2 * 4 * 10)
    assert set(decision.delete) == {"study-1-1", "study-1-1-r1"}


def test_others_start_when_rank_0_has_an_address() -> None:
    assert decide(situation(member(0, Stage.WAITING), gated())).admit == ()
    found = decide(situation(member(0, address="10.0.0.7", port="29500"), gated()))
    assert found.admit == (Admission("study-1-1-r1", "10.0.0.7", "29500"),)
    assert (found.create, found.delete, found.interrupt) == (None, (), ())
    stopped = situation(member(0, address="10.0.0.7", port="1"), gated(), spec=trial_spec(desired=Desired.PAUSE))
    assert decide(stopped).admit == ()


def test_a_group_that_was_not_made_to_its_end_is_made_anew() -> None:
    """We died between two creations: rank 0, which comes last, is not there."""
    decision = decide(situation(gated()))
    assert (decision.delete, decision.create, decision.ended) == (("study-1-1-r1",), None, ())
    assert decision.status.pod is None
    assert decide(situation(gated(exists=False))).create == 1


@pytest.mark.parametrize("reason", [EndReason.ERROR, EndReason.DISRUPTED, EndReason.INFEASIBLE])
def test_one_that_fails_ends_the_others_and_nothing_follows_before_they_have(reason: EndReason) -> None:
    first = decide(situation(member(0), over(1, reason)))
    assert (first.interrupt, first.create, first.ended) == (("study-1-1",), None, ())
    told = over(0, EndReason.DISRUPTED, disrupted=True)
    last = decide(situation(dataclasses.replace(told, interrupted=True), over(1, reason)))
    assert [a.reason for a in last.ended] == [reason]
    assert last.ended[0].message.startswith("rank 1: ")
    assert last.create == (2 if reason is EndReason.DISRUPTED else None)


def test_one_that_has_not_started_goes_with_the_one_that_failed() -> None:
    decision = decide(situation(over(0, EndReason.ERROR), gated()))
    assert (decision.delete[0], decision.create, decision.ended) == ("study-1-1-r1", None, ())


def test_one_that_is_gone_ends_the_others() -> None:
    """Deleted with force while it trained."""
    gone = member(1, exists=False)
    assert decide(situation(member(0), gone)).interrupt == ("study-1-1",)
    ended_ = dataclasses.replace(over(0, EndReason.INTERRUPTED), interrupted=True)
    decision = decide(situation(ended_, gone))
    assert (decision.ended[0].reason, decision.create) == (EndReason.DISRUPTED, 2)


def test_a_rank_whose_node_was_lost_is_the_cause_though_we_told_it_to_end() -> None:
    """Rank 0's exchange with it broke first, and that was seen first: catches a lost node held against the trial."""
    lost = dataclasses.replace(over(1, EndReason.DISRUPTED), interrupted=True)
    for evicted, reason in ((True, EndReason.DISRUPTED), (False, EndReason.ERROR)):
        decision = decide(situation(over(0, EndReason.ERROR), dataclasses.replace(lost, evicted=evicted)))
        assert decision.ended[0].reason is reason
    target = {"type": "DisruptionTarget", "status": "True"}
    deadline = {"containers": [{"name": "trainer"}], "activeDeadlineSeconds": 1}
    seen = view_of(samples.pod(spec=deadline, status=ended(137, conditions=[target])))
    assert (seen.interrupted, seen.evicted) == (True, True)
    assert not view_of(samples.pod(spec=deadline, status=ended(137))).evicted


def test_the_others_may_take_their_leave() -> None:
    """Rank 0 has succeeded: catches a peer shot while it writes its last line, and one that never ends."""
    at_once = decide(situation(over(0), member(1)))
    assert (at_once.interrupt, at_once.requeue_after) == ((), FAREWELL_SECONDS - 5)
    late = decide(situation(over(0), member(1), now=NOW + timedelta(seconds=FAREWELL_SECONDS)))
    assert late.interrupt == ("study-1-1-r1",)
    told = dataclasses.replace(over(1, EndReason.DISRUPTED), interrupted=True)
    assert decide(situation(over(0), told)).ended[0].reason is EndReason.COMPLETED


def test_a_paused_group_saves() -> None:
    decision = decide(situation(member(0), member(1), spec=trial_spec(desired=Desired.PAUSE)))
    assert set(decision.interrupt) == {"study-1-1", "study-1-1-r1"}


def test_one_that_finds_no_node_fails_the_trial_in_time_and_holds_no_gpus_for_ever() -> None:
    since = to_wire(NOW - timedelta(hours=2))
    running = member(0, created_at=since, started_at=to_wire(NOW - timedelta(seconds=100)))
    waits = member(1, Stage.WAITING, created_at=since, waiting_for="Unschedulable: 0/3 nodes are available")
    decision = decide(situation(running, waits))
    assert decision.status.outcome is Outcome.FAILED
    assert "rank 1: Unschedulable" in decision.ended[0].message
    assert decision.ended[0].gpu_seconds == 400, "what the others held meanwhile was not free"
    assert set(decision.delete) == {"study-1-1", "study-1-1-r1"}


def test_a_corrected_template_reaches_a_group_that_waits_for_one_pod() -> None:
    decision = decide(situation(member(0), member(1, Stage.WAITING, template="old"), template="new"))
    assert (decision.interrupt, decision.delete) == (("study-1-1",), ("study-1-1-r1",))


def test_a_group_that_is_gone_without_a_trace_is_one_attempt() -> None:
    decision = decide(situation(status=TrialStatus(pod="study-1-1")))
    assert [(a.number, a.reason) for a in decision.ended] == [(1, EndReason.DISRUPTED)]


@given(st.data())
def test_at_most_one_group_and_never_backwards(data: st.DataObject) -> None:
    """Any sequence of starts, ends and disappearances of two pods: no attempt begins while a pod of another lives."""
    status, pods = TrialStatus(), list[PodView]()
    for _ in range(16):
        spec = trial_spec(desired=data.draw(st.sampled_from(Desired)))
        decision = decide(situation(*pods, spec=spec, status=status))
        live = [p for p in pods if p.end is None and p.name not in decision.delete]
        assert not (decision.create and live), "a second group of one trial"
        assert status.attempt_count <= decision.status.attempt_count <= status.attempt_count + 1
        if status.outcome is not None:
            assert (decision.status.outcome, decision.create) == (status.outcome, None)
        status = decision.status
        pods = [p for p in pods if p.name not in decision.delete]
        if decision.create:
            pods = [*pods, gated(attempt=decision.create), member(0, Stage.WAITING, decision.create)]
            pods[-2] = dataclasses.replace(pods[-2], name=pod_name("study-1", decision.create, 1))
        elif pods:
            place = data.draw(st.integers(0, len(pods) - 1))
            pods[place : place + 1] = _fate(data, pods[place], told=pods[place].name in decision.interrupt)


def _fate(data: st.DataObject, pod: PodView, *, told: bool) -> list[PodView]:
    fate = data.draw(st.sampled_from(["starts", "ends", "vanishes"]))
    if pod.end is None and fate == "starts":
        return [dataclasses.replace(pod, stage=Stage.RUNNING, gated=False, interrupted=told, address="a", port="1")]
    if pod.end is None and fate == "ends":
        ending = over(pod.rank, data.draw(st.sampled_from(EndReason)), pod.attempt)
        return [dataclasses.replace(ending, interrupted=told)]
    return [] if fate == "vanishes" else [pod]
