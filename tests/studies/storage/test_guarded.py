import inspect

from optuna.storages import RDBStorage

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
