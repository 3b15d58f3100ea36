from pathlib import Path

import pytest
from helpers.trained_studies import AE, TrainedStudies

import fmnist_search
from fmnist_search import Report, StudyError


@pytest.fixture(scope="module")
def report(trained: TrainedStudies) -> Report:
    return fmnist_search.report(AE, storage=trained.database, data_dir=trained.data_dir)


@pytest.mark.slow
def test_figures_are_pictures_that_a_notebook_shows(report: Report) -> None:
    assert f"{AE}-epochs" in report.figures
    for figure in report.figures.values():
        assert figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.slow
def test_tables_are_values(report: Report) -> None:
    assert report.tables["studies"].iloc[0, 0] == AE
    assert f"{len(report.tables)} tables" in repr(report)


@pytest.mark.slow
def test_a_report_is_written_into_a_folder_that_is_empty(report: Report, tmp_path: Path) -> None:
    page = report.write(tmp_path / "report")
    assert page.read_text().startswith("<!doctype html>")
    with pytest.raises(StudyError, match="is not empty"):
        report.write(tmp_path / "report")
    assert report.write(tmp_path / "report", overwrite=True) == page


def test_a_study_that_is_not_there_is_refused(trained: TrainedStudies) -> None:
    with pytest.raises(StudyError, match="no study 'aee'"):
        fmnist_search.report("aee", storage=trained.database)
