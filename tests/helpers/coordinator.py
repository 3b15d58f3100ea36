"""One process of several that run a study, as any machine of theirs would: the real search.

Its argument is a request as JSON. It prints what happens, a line each: ``ready``, ``began 3``,
``ended 3``, notices, ``over: why``.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import studies.engine.coordinator
import studies.storage.server
from benchmarks.no_training import NoTraining
from helpers.opened import run_search
from spaces.errors import FmnistSearchError
from spaces.stages import AUTOENCODER
from studies.engine import sharing
from studies.engine.progress import Event, Notice, TrialEnded, TrialStarted
from studies.records.request import SearchRequest
from studies.workers import who_trains
from studies.workers.in_process import InProcess
from studies.workers.stopping import Interrupted


def tell(event: Event) -> None:
    match event:
        case TrialStarted():
            print("began", event.number, flush=True)
        case TrialEnded():
            print("ended", event.number, event.outcome, event.reason, flush=True)
        case Notice():
            print(event.text, flush=True)


def main() -> None:
    """Run what the first argument says."""
    run(**json.loads(sys.argv[1]))


def run(
    storage: str,
    artifacts: str,
    data_dir: str,
    epoch_s: float | None = None,
    seconds: dict[str, float] | None = None,
    **request: Any,
) -> None:
    studies.engine.coordinator.LOOK_S = 0.2
    sharing.HEARTBEAT_S = 0.3
    sharing.LOST_AFTER_S = 120.0
    studies.storage.server.PATIENCE_S = 60.0
    for name, value in (seconds or {}).items():
        setattr(sharing if hasattr(sharing, name) else studies.storage.server, name, value)
    if epoch_s is not None:

        def make_pool(*_: object) -> InProcess:
            return InProcess(partial(NoTraining, epoch_s))

        who_trains.make_pool = make_pool
    wanted = SearchRequest(
        **{"study": "s", "epochs": 3, "subset": 600, "sampler": "random", "jobs": 1, **request},
        storage=storage,
        artifacts=Path(artifacts),
    )
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        done = run_search(wanted, AUTOENCODER, Path(data_dir), tell)
    except FmnistSearchError as error:
        print(f"error: {error}", flush=True)
        sys.exit(1)
    except Interrupted:
        print("over: interrupted", flush=True)
        sys.exit(130)
    print(f"over: {done.reason}", flush=True)
