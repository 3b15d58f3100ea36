"""The program's entry: looks whether Python finds our packages, and begins.

Their names are ordinary words, so a file of the user's may have one of them and come first on
Python's path. This package has a name that nobody else takes, and imports none of them before it
has looked.
"""

import sys
from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("search", "reports", "studies", "spaces")


def main() -> None:
    """Run the command line, or say which file stands before it."""
    if (line := in_the_way()) is not None:
        print(f"error: {line}", file=sys.stderr)
        sys.exit(1)
    from search.app import main as run

    run()


def in_the_way() -> str | None:
    """What keeps Python from finding a package of ours, and what to do, in words; None if nothing.

    Nothing of theirs is run for it.
    """
    here = Path(__file__).resolve().parents[1]
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            return f"the package {name!r} of fmnist-search is missing; install fmnist-search again"
        # A folder without __init__.py has its places alone.
        found = Path(spec.origin or next(iter(spec.submodule_search_locations or ()), "")).resolve()
        if found != here / name / "__init__.py":
            return (
                f"{found} comes before fmnist-search's own {name!r} on Python's path; rename it, "
                f"or take its folder out of PYTHONPATH or away from the script that was started"
            )
    return None
