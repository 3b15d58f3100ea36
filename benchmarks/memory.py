"""What memory a training process takes, and that it stays flat from trial to trial.

    python -m benchmarks.memory --data-dir DIR

One process trains short trials of configurations drawn from the paper's space, some batches each
and an evaluation, on the search protocol's split, as a search does one after another. The columns
are megabytes after so many trials: what the process holds of its own (USS: freed when it ends, not
shared with others), what it shares with files and other processes, and the most it ever had.
"""

import argparse
import random
import resource
from itertools import islice
from pathlib import Path

import psutil
import torch

from spaces.autoencoder import PAPER_SPACE
from spaces.budget import Budget
from studies.data.fetch import ensure_data
from studies.data.images import load_split
from studies.training.loop import Training


def main() -> None:
    """Train, and print a line now and then."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--batches", type=int, default=10, help="batches a trial")
    options = parser.parse_args()
    torch.set_num_threads(1)
    split = load_split(ensure_data(options.data_dir, print), Budget())
    rng = random.Random(0)
    print("trials   own   shared   peak  (MB)")
    report(0)
    for number in range(1, options.trials + 1):
        training = Training(PAPER_SPACE.sample(rng), split, seed=number, budget=Budget())
        for batch in islice(training.shuffled_batches(), options.batches):
            training.train_batch(batch)
        training.evaluate(split.validation)
        if number % 10 == 0 or number == 1:
            report(number)


def report(n_trials: int) -> None:
    """One line of the table."""
    memory = psutil.Process().memory_full_info()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    columns = (memory.uss, memory.rss - memory.uss, peak)
    own, shared, most = (round(n_bytes / 1e6) for n_bytes in columns)
    print(f"{n_trials:6}{own:6}{shared:9}{most:7}", flush=True)


if __name__ == "__main__":
    main()
