"""A trainer of somebody else's on several nodes: PyTorch's own `env://` initialisation, and nothing of ours.

Every step is one exchange of all ranks, in which they also make sure that they are of one trial. Rank 0 alone writes.
With `--fail-at=STEP` rank 1 ends with 1 at that step, the first time it gets there, and rank 0 waits for it in vain.
"""

import argparse
import json
import os
import sys
from pathlib import Path

import torch
import torch.distributed as dist


def main() -> int:
    options = argparse.ArgumentParser()
    options.add_argument("--fail-at", type=int, default=0)
    given = options.parse_args()
    trial = json.loads(os.environ["STEPLADDER_TRIAL"])
    directory = Path(trial["checkpointDirectory"])
    directory.mkdir(parents=True, exist_ok=True)
    dist.init_process_group("gloo", init_method="env://")
    rank, size = dist.get_rank(), dist.get_world_size()
    number = float(trial["number"])
    first = last = max((int(path.stem) for path in directory.glob("*.pt")), default=0)
    for step in range(last + 1, trial["targetSteps"] + 1):
        if rank == 1 and step == given.fail_at and not (directory / "failed").exists():
            (directory / "failed").touch()
            print("rank 1 breaks down", flush=True)
            return 1
        together = torch.tensor([1.0, number, float(step)])
        dist.all_reduce(together)
        if together.tolist() != [size, size * number, size * step]:
            print(f"strangers meet: {together.tolist()}")
            return 78
        last = step
    dist.barrier()
    if rank == 0:
        value = abs(trial["parameters"]["x"] - 0.3) + size
        (directory / f"{last}.pt").touch()
        words = {"fromStep": first, "step": last, "value": value, "evaluations": [[last, value]]}
        words |= {"checkpoint": str(directory / f"{last}.pt"), "trainedSteps": last - first}
        Path(os.environ["STEPLADDER_TERMINATION_LOG"]).write_text(json.dumps(words))
    dist.destroy_process_group()
    return 0


if __name__ == "__main__":
    sys.exit(main())
