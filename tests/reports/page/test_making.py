import re
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import optuna
import pandas
import pytest
from helpers.made_up_studies import make
from markdown_it import MarkdownIt
from optuna.trial import TrialState

from reports.analysis.chosen_studies import Sources
from reports.document.parts import Section
from reports.document.texts import Language
from reports.page.folder import MANIFEST, holds_only_a_report
from reports.page.making import build, check_folder, write
from spaces.budget import Budget
from spaces.errors import StudyError
from studies.records import settings
from studies.records.settings import StudySettings

pytestmark = pytest.mark.slow

Read = Callable[..., Sources]


def written(sources: Sources, folder: Path, language: Language = "en") -> str:
    """The page of a report written to ``folder``."""
    page, *_ = write(build(sources, language), sources, language, folder)
    return page.read_text(encoding="utf-8")


def test_a_finished_search_gives_every_kind_of_file(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    make(storage, "ae", 60)
    make(storage, "clf", 40, stage="classifier")
    document = build(sources(), "en")
    write(document, sources(), "en", tmp_path / "out")
    files = {p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")}
    for figure in document.figures():
        assert {f"figures/{figure.name}.png", f"figures/{figure.name}.svg"} <= files
        drawn = (tmp_path / "out" / "figures" / f"{figure.name}.svg").read_text(encoding="utf-8")
        assert "mathdefault" not in drawn, "formulas are shown as they are typed"
        assert figure.alt
        assert figure.caption
    for table in document.tables():
        assert {f"tables/{table.name}.csv", f"tables/{table.name}.tex"} <= files
    names = {figure.name for figure in document.figures()}
    assert {"figure-6-losses", "figure-8-curves", "figure-9-confusion", "time"} <= names
    assert {f"ae-{n}" for n in ("history", "epochs", "importance", "slices", "parallel")} <= names
    assert len(names) == len(document.figures()), "each has files of its own"
    frame = pandas.read_csv(tmp_path / "out" / "values" / "ae-trials.csv")
    assert len(frame) == 65
    assert len(pandas.read_csv(tmp_path / "out" / "values" / "ae-epochs.csv")) > 65


def test_the_page_needs_no_network_and_is_small(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    make(storage, "ae", 30)
    page = written(sources(), tmp_path)
    assert len(page.encode()) < 6e6
    linked = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert all(link.startswith(("#", "data:")) for link in linked)
    assert "@import" not in page
    ids = re.findall(r'\sid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    targets = {link[1:] for link in linked if link.startswith("#")}
    assert targets <= set(ids)


def test_the_markdown_says_what_the_page_says(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    make(storage, "ae", 30)
    document = build(sources(), "en")
    _, path, *_ = write(document, sources(), "en", tmp_path)
    text = path.read_text(encoding="utf-8")
    for figure in document.figures():
        assert f"](figures/{figure.name}.png)" in text
    for table in document.tables():
        assert table.caption in text
    parsed = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    kinds = [token.type for token in parsed]
    headings = [t.content for before, t in pairwise(parsed) if before.type == "heading_open"]
    slugs = {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in headings}
    links = set(re.findall(r"\]\(#(.*?)\)", text))
    assert "study-ae" in links <= slugs, "claims lead to what bears them out"
    assert kinds.count("table_open") == len(document.tables())
    assert kinds.count("td_open") == sum(
        len(table.columns) * len(table.frame) for table in document.tables()
    )
    assert text.startswith("# Fashion-MNIST")


@pytest.mark.parametrize("language", ["en", "es"])
def test_an_empty_study_and_none_at_all_are_reported(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path, language: Language
) -> None:
    page = written(sources(), tmp_path / "none", language)
    assert "<code>fmnist-search ae --trials 50</code>" in page
    empty = optuna.create_study(storage=storage, study_name="ae")
    settings.write(empty, StudySettings("autoencoder"))
    page = written(sources(), tmp_path / "empty", language)
    wanted = {"en": "has been trained to the end yet", "es": "se entrenó todavía hasta el final"}
    assert wanted[language] in page


def test_a_study_of_nothing_but_pruned_and_running_trials_is_reported(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    study = make(storage, "ae", 25, share_pruned=1.0, with_paper=False)
    study.ask()
    study.enqueue_trial({"dropout": 0.1})
    page = written(sources(), tmp_path)
    assert "1 trial of ae is still running" in page
    assert "No trial of the autoencoder study ae has been trained to the end yet." in page
    assert 'id="ae-history"' in page
    assert 'id="ae-epochs"' in page


def test_several_objectives_and_failed_trials_are_reported(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    made = make(optuna.storages.InMemoryStorage(), "source", 30, share_pruned=0.0)
    study = optuna.create_study(
        storage=storage, study_name="ae-params", directions=["minimize", "minimize"]
    )
    settings.write(study, StudySettings("autoencoder", Budget(epochs=6), objectives=("params",)))
    for trial in made.get_trials():
        trial.values = [*trial.values, trial.user_attrs["n_parameters"]]
        study.add_trial(trial)
    study.add_trial(optuna.trial.create_trial(state=TrialState.FAIL))
    page = written(sources(), tmp_path)
    assert 'id="ae-params-pareto-n-parameters"' in page
    assert 'id="ae-params-importance"' in page


def test_names_cannot_break_the_page(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    make(storage, "</script><b>$x_1$ & %", 12)
    page = written(sources(), tmp_path)
    assert "<b>$x" not in page
    assert page.count("</script>") == 4


def test_spanish_reports_are_spanish(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    make(storage, "ae", 40)
    make(storage, "clf", 30, stage="classifier")
    page = written(sources(), tmp_path, "es")
    assert '<html lang="es">' in page
    prose = re.sub(r"<(style|script|svg|code).*?</\1>", "", page, flags=re.DOTALL)
    for word in (" the ", "Validation", "Study ", "trials", "trained"):
        assert word not in prose, word


def test_a_named_study_that_is_not_there_is_refused(
    storage: optuna.storages.BaseStorage, sources: Read
) -> None:
    make(storage, "ae", 1)
    with pytest.raises(StudyError, match="there are: ae"):
        sources("clf")


def test_without_names_the_largest_budget_of_each_stage_is_reported_and_others_are_listed(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    make(storage, "quick", 8, budget=Budget(epochs=2, subset=6000))
    make(storage, "ae", 2, budget=Budget())
    optuna.create_study(storage=storage, study_name="foreign")
    assert [s.name for s in sources().searches] == ["ae"]
    assert sources().left_out == ["quick", "foreign"]
    assert [s.name for s in sources("quick").searches] == ["quick"]
    assert "The storage holds other studies: quick, foreign." in written(sources(), tmp_path)


def test_a_folder_that_holds_something_is_not_written_unless_asked(tmp_path: Path) -> None:
    check_folder(tmp_path / "new", overwrite=False)
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(StudyError, match="--overwrite"):
        check_folder(tmp_path, overwrite=False)
    with pytest.raises(StudyError, match="is a file"):
        check_folder(tmp_path / "mine.txt", overwrite=True)
    check_folder(tmp_path, overwrite=True)


def test_all_of_a_report_is_of_the_moment_when_it_read_the_study(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    study = make(storage, "ae", 6)
    untouched = sources()
    write(build(untouched, "en"), untouched, "en", tmp_path / "before")
    read = sources()

    def improve(_: str) -> None:
        trial = next(t for t in study.get_trials() if t.state == TrialState.COMPLETE)
        trial.values = [trial.values[0] / 10]
        study.add_trial(trial)
        study.ask()
        study.set_user_attr("made_with", {"torch": "9.9.later"})

    document = build(read, "en", on_step=improve)
    improve("between building and writing")
    write(document, read, "en", tmp_path / "meanwhile")
    assert len(study.get_trials()) > 11 + 8, "it did change between sections"
    before, meanwhile = (
        {
            path.relative_to(tmp_path / name): path.read_bytes()
            for path in (tmp_path / name).rglob("*")
            if path.is_file()
        }
        for name in ("before", "meanwhile")
    )
    assert before.keys() == meanwhile.keys()
    assert [name for name in before if before[name] != meanwhile[name]] == []


def test_nothing_of_an_earlier_report_remains_and_what_is_the_users_own_stays(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    make(storage, "first", 4)
    write(build(sources(), "en"), sources(), "en", tmp_path)
    mine = [tmp_path / "notes.txt", tmp_path / "figures" / "mine.png"]
    outside = tmp_path.parent / f"{tmp_path.name}-outside.txt"
    for path in (*mine, outside):
        path.write_text("mine")
    with (tmp_path / MANIFEST).open("a") as manifest:
        manifest.write(f"../{outside.name}\nfigures/../notes.txt\n{outside}\nnotes.txt\n")
    storage.delete_study(storage.get_study_id_from_name("first"))
    empty = optuna.create_study(storage=storage, study_name="second")
    settings.write(empty, StudySettings("autoencoder"))
    written = write(build(sources(), "en"), sources(), "en", tmp_path)
    there = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert there == {*written, *mine, tmp_path / MANIFEST}
    assert not any("first" in path.name for path in there)
    assert written[:2] == [tmp_path / "report.html", tmp_path / "report.md"]
    assert outside.exists(), "a line in the manifest leads nowhere else"
    for name in ("notes.txt", "figures/mine.png"):
        (tmp_path / name).unlink()
    write(Section("report", "Nothing"), sources()._replace(searches=[]), "en", tmp_path)
    left = {path.name for path in tmp_path.iterdir()} - {"artifacts"}
    assert left == {"report.html", "report.md", MANIFEST}, "folders that are empty go too"


def test_files_of_another_origin_are_not_written_over(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    (tmp_path / "report.html").write_text("<title>mine</title>")
    (tmp_path / "figures").mkdir()
    with pytest.raises(StudyError, match=r"holds report.html, figures of another origin"):
        check_folder(tmp_path, overwrite=True)
    assert not holds_only_a_report(tmp_path)
    earlier = tmp_path / "of an earlier version, which noted no files"
    write(build(sources(), "en"), sources(), "en", earlier)
    (earlier / MANIFEST).unlink()
    check_folder(earlier, overwrite=True)
    assert holds_only_a_report(earlier)


def test_a_thousand_trials_take_seconds(
    storage: optuna.storages.BaseStorage, sources: Read, tmp_path: Path
) -> None:
    make(storage, "ae", 1000, budget=Budget())
    start = time.process_time()
    page = written(sources(), tmp_path)
    assert time.process_time() - start < 40, "of this process, whatever else the machine does"
    assert len(page.encode()) < 6e6
