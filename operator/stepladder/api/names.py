"""Every name that the project puts on the cluster: group, kinds, labels, annotations, environment."""

from typing import Final

GROUP: Final = "tuning.stepladder.dev"
VERSION: Final = "v1alpha1"
API_VERSION: Final = f"{GROUP}/{VERSION}"

STUDY_KIND: Final = "TuningStudy"
TRIAL_KIND: Final = "Trial"

# On Trials and their pods: the study they belong to, by name (names are unique in a namespace; the owner reference
# carries the UID, so a study that was deleted and made again never adopts the old trials).
STUDY_LABEL: Final = f"{GROUP}/study"
# On pods: the Trial they run a segment of, by name.
TRIAL_LABEL: Final = f"{GROUP}/trial"
# On the pods that serve a study's best model: the study, by name. Those of its trials do not have it.
SERVING_LABEL: Final = f"{GROUP}/serving"
# On pods: which attempt at running the trial this pod is, counted from 1 over the trial's life.
ATTEMPT_LABEL: Final = f"{GROUP}/attempt"
# On the pods of a trial that trains on several nodes: which of the attempt's pods this is, counted from 0.
RANK_LABEL: Final = f"{GROUP}/rank"
# On Trials: the round they belong to, so that `kubectl get trials -l` can show one round.
ROUND_LABEL: Final = f"{GROUP}/round"
# On Trials that a person has applied and that their study has taken in: beside what it planned itself.
ADDED_LABEL: Final = f"{GROUP}/added"

# On the pods of a trial that trains on several nodes: how many there are; and where rank 0 is, once that is known.
NODES_ANNOTATION: Final = f"{GROUP}/nodes"
MASTER_ADDRESS_ANNOTATION: Final = f"{GROUP}/master-address"
MASTER_PORT_ANNOTATION: Final = f"{GROUP}/master-port"
# A scheduling gate: all ranks but 0 wait behind it until rank 0 has an address.
RENDEZVOUS_GATE: Final = f"{GROUP}/rendezvous"

# On pods of the local home, where pods share one address: the ports the trainer was given.
METRICS_PORT_ANNOTATION: Final = f"local.{GROUP}/metrics-port"
LOCAL_MASTER_PORT_ANNOTATION: Final = f"local.{GROUP}/master-port"

TRAINER_CONTAINER: Final = "trainer"
TRIAL_ENV: Final = "STEPLADDER_TRIAL"
METRICS_PORT_ENV: Final = "STEPLADDER_METRICS_PORT"
TERMINATION_LOG_ENV: Final = "STEPLADDER_TERMINATION_LOG"
MASTER_PORT_ENV: Final = "MASTER_PORT"

GPU_RESOURCE: Final = "nvidia.com/gpu"
GPU_QUOTA_RESOURCE: Final = "requests.nvidia.com/gpu"
