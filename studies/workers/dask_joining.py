"""How the workers of a Dask cluster come to train: each gets a trainer, those that come late too.

One that cannot train is said once, set aside and asked again ever more rarely, since it may have
been mended meanwhile.
"""

from collections.abc import Callable
from queue import SimpleQueue
from time import monotonic
from typing import Any, NamedTuple

import torch
from distributed import Client

from studies.workers.dask_workers import Worker, begin, call
from studies.workers.trainer import Trainer

FIRST_PAUSE_S, LONGEST_PAUSE_S = 2.0, 60.0
"""Between two tries of a worker that cannot train; each is twice as long as the one before."""
LONGEST_PROBLEM = 300
"""Characters of what a worker says."""


class _Aside(NamedTuple):
    """A worker that cannot train."""

    problem: str
    pause_s: float
    until: float


class Joining:
    """Gives trainers, made of ``arguments``, to the workers of a cluster. Used by one thread.

    What is to be called when a worker has answered goes into ``arrivals``; ``take`` is called with
    each worker that can train, ``say`` with each line that a person should know.
    """

    def __init__(
        self,
        client: Client,
        arguments: tuple[Any, ...],
        arrivals: "SimpleQueue[Callable[[], Any]]",
        take: Callable[[Worker], None],
        say: Callable[[str], None],
    ) -> None:
        self._client = client
        self._arguments = arguments
        self._arrivals = arrivals
        self._take = take
        self._say = say
        self._known: set[str] = set()
        self._aside: dict[str, _Aside] = {}
        self.pending: set[str] = set()
        """Addresses of workers that were asked and have not answered."""

    @property
    def problem(self) -> str | None:
        """Why one of those that were set aside cannot train."""
        return next((aside.problem for aside in self._aside.values()), None)

    def look(self) -> None:
        """Begin to make a trainer in each worker that is new, or that may have been mended."""
        addresses = self._addresses()
        self._aside = {a: aside for a, aside in self._aside.items() if a in addresses}
        mended = {a for a, aside in self._aside.items() if aside.until <= monotonic()}
        new, self._known = (addresses - self._known) | mended, addresses
        for address in new - self.pending:
            self.pending.add(address)
            options = {"pure": False, "retries": 0, "allow_other_workers": False}
            future = self._client.submit(
                Trainer, *self._arguments, actor=True, workers=[address], **options
            )
            begin(self._client, self._join(address, future))

    def _addresses(self) -> set[str]:
        """Of all workers, from the scheduler itself.

        The client's own ``scheduler_info`` returns a list that its timer may have emptied.
        """
        scheduler = self._client.scheduler
        assert scheduler is not None
        try:
            info = self._client.sync(scheduler.identity, n_workers=-1)
        except OSError:  # the scheduler is gone, which the client notices in a moment
            return self._known
        return set(info["workers"])

    async def _join(self, address: str, future: Any) -> None:
        try:
            worker = Worker(future, await future)
            capability = await call(worker, "capability")
        except Exception as error:
            problem = " ".join(str(error).split())[:LONGEST_PROBLEM] or type(error).__name__
            self._arrivals.put(lambda: self._refused(address, problem))
        else:
            self._arrivals.put(lambda: self._joined(address, worker, capability))

    def _joined(self, address: str, worker: Worker, capability: str) -> None:
        self.pending.discard(address)
        self._aside.pop(address, None)
        own = torch.backends.cpu.get_cpu_capability()
        if capability != own:
            self._say(
                f"the Dask worker {address} computes with {capability}, this process with {own}: "
                "its results may differ in their last bits"
            )
        self._take(worker)

    def _refused(self, address: str, problem: str) -> None:
        self.pending.discard(address)
        if address not in self._addresses():  # it went as it came; one that comes back is new
            self._known.discard(address)
            return
        before = self._aside.get(address)
        pause_s = min(2 * before.pause_s, LONGEST_PAUSE_S) if before else FIRST_PAUSE_S
        self._aside[address] = _Aside(problem, pause_s, monotonic() + pause_s)
        if before is None or before.problem != problem:
            self._say(f"the Dask worker {address} is set aside, because it cannot train: {problem}")
