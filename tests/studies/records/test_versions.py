import optuna

from studies.records.versions import made_with


def test_the_environment_names_versions_and_machine() -> None:
    found = made_with()
    assert found["optuna"] == optuna.__version__
    assert all(isinstance(value, str) and value for value in found.values())
