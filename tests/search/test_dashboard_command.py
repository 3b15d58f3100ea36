"""The dashboard and gc commands over real studies, in a real browser."""

import json
import os
import re
import shutil
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import pytest
from helpers.warm import Warm
from optuna.artifacts import FileSystemArtifactStore
from optuna_dashboard import wsgi
from playwright.sync_api import Page, sync_playwright
from test_ae_command import BUDGET, NARROW, Command, says, states

from studies.dashboard.serving import Server
from studies.storage.artifacts import OWNERS
from studies.storage.databases import open_storage, storage_url

CALLER = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
"""Keeps the cookies of all dashboards: each has a name of its own."""
CHROMIUM = Path("/usr/bin/chromium")
AE, CLF = "ae-epochs2-subset600", "clf-epochs2-subset600"

pytestmark = pytest.mark.slow


class Process(NamedTuple):
    """A running command."""

    popen: Warm
    printed: str
    door: str
    """The address that it printed, with its token."""


class Studies(NamedTuple):
    """A home with a study of each stage, not to be changed."""

    command: Command
    n_ae: int
    n_clf: int


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory, data_dir: Path) -> Studies:
    command = Command(tmp_path_factory.mktemp("home"), data_dir)
    make_studies(command)
    return Studies(command, n_ae=7, n_clf=4)


def own_copy(studies: Studies, home: Path, data_dir: Path) -> Command:
    """The same studies in another home, which a test may change."""
    command = Command(home, data_dir)
    folder = command.database.parent
    shutil.copytree(
        studies.command.database.parent,
        folder,
        copy_function=shutil.copy,  # young, for gc
        ignore=shutil.ignore_patterns("*-shm"),
    )
    (folder / "studies.db-artifacts" / OWNERS).write_text(f"{command.database}\n")
    return command


def make_studies(command: Command) -> None:
    for words in (("ae", "--trials", "2", *NARROW), ("clf", "--trials", "1")):
        done = command.run(*words, *BUDGET, "--jobs", "1")
        assert done.returncode == 0, done.stderr
        follows = (
            "in a browser: fmnist-search dashboard" if words[0] == "ae" else "fmnist-search report"
        )
        assert follows in done.stdout


@contextmanager
def dashboard(command: Command, *words: str) -> Iterator[tuple["Process", str]]:
    """The running command, whose token :func:`call` has from now on, and its address without it."""
    process = command.start("dashboard", *words)
    printed = ""
    try:
        assert process.stdout is not None
        found = None
        while found is None:
            line = process.stdout.readline()
            assert line, "it ended before it printed an address"
            printed += line
            found = re.search(r"(http://\S+/)\?token=\S+", line)
        CALLER.open(found[0], timeout=60).close()
        yield Process(process, printed, found[0]), found[1]
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def running(studies: Studies) -> Iterator[tuple[Process, str]]:
    with dashboard(studies.command, "--port", "0") as running:
        yield running


@pytest.fixture
def address(running: tuple[Process, str]) -> str:
    return running[1]


class Browser:
    """A page, and all that went wrong in it."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address
        self.wrong: list[str] = []
        page.on("requestfailed", lambda r: self.wrong.append(f"{r.url}: {r.failure}"))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda m: self.wrong.append(m.text) if m.type == "error" else None)
        page.on(
            "response", lambda r: self.wrong.append(f"{r.url}: {r.status}") if not r.ok else None
        )

    def see(self, path: str, *words: str) -> None:
        self.page.goto(self.address + path)
        for text in words:
            self.page.get_by_text(text).first.wait_for(timeout=60_000)
        self.page.wait_for_load_state("networkidle")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    if not CHROMIUM.exists():
        pytest.skip("needs Debian's chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture(scope="module")
def visitor(chromium: Any, running: tuple[Process, str]) -> Iterator[Any]:
    """A browser's profile that came in by the address that was printed."""
    process, address = running
    profile = chromium.new_context(viewport={"width": 1400, "height": 1000})
    page = profile.new_page()
    page.goto(process.door)
    page.wait_for_url(f"{address}dashboard")
    page.close()
    yield profile
    profile.close()


@pytest.fixture
def browser(visitor: Any, address: str) -> Iterator[Browser]:
    page = visitor.new_page()
    yield Browser(page, address)
    page.close()


def call(url: str, method: str = "GET", body: Any = None) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with CALLER.open(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


NO_TOKEN = (
    b"refused: open the address that `fmnist-search dashboard` printed; it contains a token\n"
)


def refusal(url: str, method: str = "GET") -> tuple[int, bytes]:
    """What another user's program gets, which knows the address alone."""
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=60)
    with refused.value as error:
        return error.code, error.read()


def study_ids(address: str) -> dict[str, int]:
    listed = json.loads(call(f"{address}api/studies")[1])["study_summaries"]
    return {study["study_name"]: study["study_id"] for study in listed}


def details(address: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(call(f"{address}api/studies/{study_ids(address)[name]}")[1])
    return found


def test_a_browser_lists_the_studies_by_their_names(browser: Browser) -> None:
    browser.see("dashboard", AE, CLF)
    assert browser.wrong == []


@pytest.mark.parametrize("name", [AE, CLF])
def test_a_studys_page_has_its_graphs_and_the_saved_plots(browser: Browser, name: str) -> None:
    number = study_ids(browser.address)[name]
    plots = ("The paper's configurations and the best", "Quality against size")
    browser.see(f"dashboard/studies/{number}", *plots)
    metric = "validation_loss" if name == AE else "validation_accuracy"
    browser.page.get_by_text(metric).first.wait_for()
    drawn = browser.page.locator('[id^="user-defined-plot"] .main-svg').first
    assert drawn.is_visible()
    assert browser.wrong == []


def test_a_studys_note_says_protocol_and_how_to_go_on(browser: Browser) -> None:
    number = study_ids(browser.address)[AE]
    browser.see(f"dashboard/studies/{number}/note", "Protocol", f"--study {AE} --more 10")
    assert browser.wrong == []


@pytest.mark.parametrize(
    ("name", "pictures"),
    [
        (AE, ["learning-curve.png", "reconstructions.png"]),
        (CLF, ["confusion-matrix.png", "learning-curve.png", "most-confused.png"]),
    ],
)
def test_a_trials_page_has_its_note_and_shows_its_pictures(
    browser: Browser, name: str, pictures: list[str]
) -> None:
    number = study_ids(browser.address)[name]
    browser.see(
        f"dashboard/studies/{number}/trials?numbers=0", "The paper's configuration", *pictures
    )
    # The page draws its cards before their pictures have come.
    browser.page.wait_for_function("[...document.images].every(image => image.naturalWidth > 300)")
    for picture in pictures:
        alt = picture.removesuffix(".png")
        assert browser.page.get_by_alt_text(alt, exact=True).count() == 1, "in the note"
    assert browser.page.locator("img").count() == 2 * len(pictures), "and each on its own card"
    assert browser.wrong == []


def test_nobody_without_the_token_sees_or_deletes_anything(studies: Studies, address: str) -> None:
    ids = study_ids(address)
    assert refusal(address) == refusal(f"{address}api/studies") == (403, NO_TOKEN)
    assert refusal(f"{address}?token=guessed") == (403, NO_TOKEN)
    assert refusal(f"{address}api/studies/{ids[AE]}", "DELETE") == (403, NO_TOKEN)
    assert study_ids(address) == ids


def test_a_page_of_the_dashboard_may_change_a_note_and_no_other_page_may(
    browser: Browser, studies: Studies
) -> None:
    url = f"{browser.address}api/studies/{study_ids(browser.address)[CLF]}/note"
    put = """url => fetch(url, {
        method: 'PUT', credentials: 'include', body: '{}',
        headers: {'Content-Type': 'application/json'},
    }).then(answer => answer.status, String)"""
    browser.see("dashboard", CLF)
    assert browser.page.evaluate(put, url) == 400, "it is heard, and has no text"
    with plain_dashboard(studies.command) as elsewhere:  # another port of the same host
        browser.page.goto(elsewhere)
        assert browser.page.evaluate(put, url) == "TypeError: Failed to fetch"


def test_what_is_launched_leads_to_the_page_and_shows_no_token(
    studies: Studies, tmp_path: Path, chromium: Any
) -> None:
    called = tmp_path / "called"
    launcher = tmp_path / "xdg-open"
    launcher.write_text(f'#!/bin/sh\ncp "$1" "{tmp_path}"; echo "$1" > "{called}"\n')
    launcher.chmod(0o755)
    environment = studies.command.environment
    command = Command(studies.command.home, Path(environment["FMNIST_SEARCH_DATA"]))
    command.environment["PATH"] = f"{tmp_path}:{environment['PATH']}"
    with dashboard(command, "--port", "0", "--open") as (process, address):
        for _ in range(600):
            if called.exists():
                break
            time.sleep(0.1)
        page = Path(called.read_text().strip())
        assert process.door not in called.read_text()
        assert page.parent.stat().st_mode & 0o077 == 0
        shown = chromium.new_page()
        shown.goto(page.as_uri())
        shown.wait_for_url(f"{address}dashboard")
        shown.get_by_text(AE).first.wait_for(timeout=60_000)
        shown.close()


def test_every_trained_trial_has_small_pictures_pruned_ones_too(
    studies: Studies, address: str
) -> None:
    for name, n_trials in ((AE, studies.n_ae), (CLF, studies.n_clf)):
        study = details(address, name)
        number = study_ids(address)[name]
        trained = [t for t in study["trials"] if t["intermediate_values"]]
        assert len(study["trials"]) == n_trials
        assert trained
        for trial in trained:
            assert trial["note"]["body"]
            urls = [
                f"{address}artifacts/{number}/{trial['trial_id']}/{a['artifact_id']}"
                for a in trial["artifacts"]
                if a["mimetype"] == "image/png"
            ]
            contents = [call(url)[1] for url in urls]
            assert all(content.startswith(b"\x89PNG") for content in contents)
            assert 1_000 < sum(map(len, contents)) < 100_000


def test_a_taken_port_is_said_another_one_used_and_ctrl_c_ends_it_with_a_line(
    studies: Studies,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with dashboard(studies.command, "--port", str(port)) as (process, address):
            assert f"port {port} is taken" in process.printed
            assert f":{port}/" not in address
            assert call(address)[0] == 200
            process.popen.send_signal(signal.SIGINT)
            output, _ = process.popen.communicate(timeout=60)
    assert process.popen.returncode == 0
    assert output.strip() == "dashboard ended"


def test_it_listens_on_this_machine_alone(studies: Studies, address: str) -> None:
    assert address.startswith("http://127.0.0.1:")
    with dashboard(studies.command, "--port", "0", "--host", "0.0.0.0") as (process, everywhere):
        assert everywhere.startswith("http://127.0.0.1:")
        assert "warning: 0.0.0.0 can be reached from other machines" in process.printed
        assert refusal(everywhere) == (403, NO_TOKEN)
    unheard = studies.command.run("dashboard", "--host", "256.1.1.1")
    assert unheard.returncode == 2
    assert "cannot listen on 256.1.1.1" in unheard.stderr
    assert "Traceback" not in unheard.stderr


def test_without_a_database_it_says_how_to_make_one(tmp_path: Path, data_dir: Path) -> None:
    command = Command(tmp_path, data_dir)
    refused = command.run("dashboard")
    assert refused.returncode == 1
    assert "fmnist-search ae --trials 50" in refused.stderr
    assert not command.database.exists()


def test_looking_on_does_not_disturb_a_search_with_several_jobs(
    tmp_path: Path, data_dir: Path
) -> None:
    command = Command(tmp_path, data_dir)
    search = command.start("ae", "--trials", "8", *BUDGET, *NARROW, "--jobs", "2")
    assert says(search, "started")
    with dashboard(command, "--port", "0") as (_, address):
        rest: list[str] = []
        reader = threading.Thread(target=lambda: rest.extend(search.communicate()))
        reader.start()
        codes = set()
        n_looks = 0
        while reader.is_alive():
            number = study_ids(address)[AE]
            codes.add(call(f"{address}api/studies/{number}")[0])
            codes.add(call(f"{address}api/studies/{number}/note", "PUT", {"body": "seen"})[0])
            n_looks += 1
        reader.join()
    assert search.returncode == 0, rest
    assert n_looks > 3
    assert 200 in codes
    trials = command.trials(AE)
    assert not {"FAIL", "RUNNING", "WAITING"} & set(states(trials))
    assert sum("paper" not in trial for trial in trials) == 8


def test_who_deletes_a_study_in_the_browser_breaks_nothing_and_gc_frees_its_files(
    studies: Studies, tmp_path: Path, data_dir: Path
) -> None:
    command = own_copy(studies, tmp_path, data_dir)
    with dashboard(command, "--port", "0") as (_, address):
        assert call(f"{address}api/studies/{study_ids(address)[AE]}", "DELETE", {})[0] == 204
    assert [row["name"] for row in json.loads(command.run("studies", "--json").stdout)] == [CLF]
    artifacts = command.database.with_name("studies.db-artifacts")
    before = set(artifacts.iterdir())
    shown = json.loads(command.run("gc", "--dry-run", "--json").stdout)
    assert shown["can_go"]["files"] == 0, "they are too young"
    assert shown["too_young"]["files"] > 0
    for path in artifacts.iterdir():
        age(path, 3600)
    shown = json.loads(command.run("gc", "--dry-run", "--json").stdout)
    assert shown["can_go"]["files"] > 7
    assert set(artifacts.iterdir()) == before
    asked = command.run("gc")
    assert asked.returncode == 2, "there is nobody to ask"
    assert set(artifacts.iterdir()) == before
    removed = command.run("gc", "--yes")
    assert removed.returncode == 0, removed.stderr
    assert {p.name for p in before - set(artifacts.iterdir())} == set(shown["names"])
    more = command.run("clf", "--study", CLF, "--more", "1", "--jobs", "1")
    assert more.returncode == 0, more.stderr
    assert "2 of 2 searched trials" in more.stdout, "its encoder's weights are still there"


def test_a_search_whose_study_is_deleted_ends_with_a_line(tmp_path: Path, data_dir: Path) -> None:
    command = Command(tmp_path, data_dir)
    search = command.start("ae", "--trials", "500", *BUDGET, *NARROW, "--jobs", "1")
    assert says(search, "started")
    optuna.delete_study(study_name=AE, storage=open_storage(storage_url(str(command.database))))
    output, _ = search.communicate(timeout=120)
    assert search.returncode == 1
    assert "was deleted or renamed while it ran" in output
    assert "Traceback" not in output


def age(path: Path, seconds: float) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


@contextmanager
def plain_dashboard(command: Command) -> Iterator[str]:
    """Optuna-dashboard without anything of ours, which removes files itself."""
    storage = open_storage(storage_url(str(command.database)))
    store = FileSystemArtifactStore(command.database.with_name("studies.db-artifacts"))
    server = Server("127.0.0.1", 0)
    server.set_app(wsgi(storage, artifact_store=store))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_files_that_another_dashboard_removed_are_missed_in_words(
    studies: Studies, tmp_path: Path, data_dir: Path
) -> None:
    command = own_copy(studies, tmp_path, data_dir)
    with plain_dashboard(command) as address:
        ids = study_ids(address)
        study = details(address, CLF)
        for meta in study["artifacts"]:
            url = f"{address}api/artifacts/{ids[CLF]}/{meta['artifact_id']}"
            assert call(url, "DELETE")[0] == 204
        for trial in details(address, AE)["trials"]:
            for meta in trial["artifacts"]:
                call(
                    f"{address}api/artifacts/{ids[AE]}/{trial['trial_id']}/{meta['artifact_id']}",
                    "DELETE",
                )
    gone = command.run("clf", "--study", CLF, "--more", "1", "--jobs", "1")
    assert gone.returncode == 1
    assert "the encoder's weights of study" in gone.stderr
    new = command.run("clf", *BUDGET, "--trials", "1", "--study", "another", "--jobs", "1")
    assert new.returncode == 0, f"no dashboard removes trials' weights: {new.stderr}"
    for words in (("ae", "--study", AE, "--more", "1", "--jobs", "1"), ("gc", "--dry-run")):
        done = command.run(*words)
        assert done.returncode == 0, done.stderr
    with dashboard(command, "--port", "0") as (_, address):
        trial = details(address, AE)["trials"][0]
        meta = trial["artifacts"][0]
        url = f"{address}artifacts/{ids[AE]}/{trial['trial_id']}/{meta['artifact_id']}"
        assert call(url)[0] == 404
