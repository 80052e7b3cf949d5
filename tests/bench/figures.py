"""Where the benchmarks of decisions and proposals write what they have measured."""

import json
import os
import statistics
from collections.abc import Sequence
from pathlib import Path

RECORD = Path(os.environ.get("STEPLADDER_BENCH", ".bench")) / "decisions.json"


def record(name: str, times: Sequence[float]) -> None:
    """Add one line to the figures; milliseconds."""
    figures = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    figures[name] = {
        "calls": len(times),
        "mean ms": round(statistics.fmean(times), 3),
        "median ms": round(statistics.median(times), 3),
        "max": round(max(times), 2),
    }
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(figures, indent=1) + "\n")
