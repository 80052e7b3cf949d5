"""OptList as a sampler: entry by entry, whatever comes back."""

from contract.histories import history, parameters, play
from stepladder.api.study import SamplerAlgorithm
from stepladder.engine.opt_list import entry, seed_of
from stepladder.engine.presets import opt_list
from stepladder.search.record import OptunaRecord
from stepladder.search.storage import IN_MEMORY

WIDTH = parameters({"name": "width", "int": {"min": 8, "max": 512}})
SPACE = (*(p for p in opt_list.parameters(10) if p.value is None), *WIDTH)


def test_trial_i_is_entry_i_to_the_last_bit_and_what_the_list_does_not_say_is_spread() -> None:
    """Catches a value that the record's storage or the axis has rounded."""
    records = play(OptunaRecord(IN_MEMORY), 12, SamplerAlgorithm.OPT_LIST, space=SPACE)
    widths = [record.parameters["width"] for record in records]
    assert [{k: v for k, v in r.parameters.items() if k != "width"} for r in records] == [
        entry(seed_of(place)) for place in range(12)
    ]
    assert len(set(widths)) > 9


def test_a_proposal_needs_none_of_those_before_it() -> None:
    asked = history(algorithm=SamplerAlgorithm.OPT_LIST, space=SPACE)
    assert OptunaRecord(IN_MEMORY).propose(asked, 7)["learning_rate"] == entry(25)["learning_rate"]
