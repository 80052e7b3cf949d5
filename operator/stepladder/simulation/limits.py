"""What there is for a study to go by: no more configurations than the table has, and no other study."""

from stepladder.api.study import Round, TuningStudySpec
from stepladder.engine.space import settings
from stepladder.engine.suggested import unknown
from stepladder.simulation.curves import Refused
from stepladder.simulation.table import Table


def unprobed(spec: TuningStudySpec) -> tuple[TuningStudySpec, tuple[str, ...]]:
    """The study without its probes and what they would tell, and a sentence for each that is left out.

    Raises Refused where nothing is left.
    """
    searched = tuple(round_ for round_ in spec.rounds if round_.probe is None)
    if not searched:
        raise Refused("every round is a probe, which measures what no table of curves holds: add a round that searches")
    notes = [
        f"round {round_.name}: a probe is left out, since it measures what no table of curves holds"
        for round_ in spec.rounds
        if round_.probe is not None
    ]
    notes += [
        f"round {round_.name}: {name} is as spec.parameters has it, since the probe {source.round} is left out"
        for round_ in searched
        for name, source in unknown(round_)
    ]
    return spec.model_copy(update={"rounds": tuple(map(_untold, searched))}), tuple(notes)


def _untold(round_: Round) -> Round:
    """The round without the values that probes would tell: the study's own stand in their places."""
    untold = {name for name, _ in unknown(round_)}
    stated = tuple(given for given in round_.parameters if given.name not in untold)
    return round_.model_copy(update={"parameters": stated}) if untold else round_


def capped(spec: TuningStudySpec, table: Table) -> tuple[TuningStudySpec, tuple[str, ...]]:
    """The study with its rounds cut to the table's size, and sentences on what is cut and left out.

    Raises Refused where the table has nothing for a scientific setting.
    """
    rounds, notes = [], []
    for round_ in spec.rounds:
        if round_.sampler.warm_start:
            notes.append(f"round {round_.name}: sampler.warmStart is left out, since no other study is at hand")
        if round_.from_ is None:
            count = len(settings(spec, round_))
            # Configurations are dealt to the settings in turn: the first setting to run out ends the round.
            sizes = [len(table.entries(spec, round_, setting)) for setting in range(count)]
            most = min(size * count + setting for setting, size in enumerate(sizes))
            if most < round_.proposals:
                of_setting = " for one of its settings" if count > 1 else ""
                notes.append(
                    f"round {round_.name}: the table is used up after {most} of {round_.proposals} trials, having"
                    f" {min(sizes)} configurations{of_setting}: the round ends there"
                )
                explicit = round_.sampler.explicit
                if explicit is not None:
                    shorter = explicit.model_copy(update={"configurations": explicit.configurations[:most]})
                    sampler = round_.sampler.model_copy(update={"explicit": shorter})
                    round_ = round_.model_copy(update={"sampler": sampler})
                else:
                    round_ = round_.model_copy(update={"trials": most})
        rounds.append(round_)
    return spec.model_copy(update={"rounds": tuple(rounds)}), tuple(notes)
