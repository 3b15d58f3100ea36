import inspect
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage

from studies.storage.databases import open_storage, storage_url
from studies.storage.guarded import TRANSACTIONS

HEARTBEATS = {"record_heartbeat", "_get_stale_trial_ids"}
"""Optuna's own, which it asks for only where it was told to at the beginning."""


def test_each_method_in_which_optuna_begins_a_transaction_is_guarded() -> None:
    begins = {
        name
        for name, method in vars(RDBStorage).items()
        if inspect.isfunction(method) and "_create_scoped_session(" in inspect.getsource(method)
    }
    assert begins - HEARTBEATS == begins & set(TRANSACTIONS)
    assert len(begins) > 15


def test_that_there_is_no_best_trial_yet_is_no_damage(tmp_path: Path) -> None:
    storage = open_storage(storage_url(str(tmp_path / "studies.db")))
    study = optuna.create_study(storage=storage)
    with pytest.raises(ValueError, match="does not exist"):  # Optuna's own
        _ = study.best_trial
