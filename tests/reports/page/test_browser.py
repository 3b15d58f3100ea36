"""The page in a real browser; skipped where there is none."""

import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import optuna
import pytest
from helpers.made_up_studies import make

from reports.analysis.chosen_studies import choose
from reports.page.making import build, write
from studies.records.encoders import all_studies
from studies.storage.artifacts import ArtifactFolder

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    storage, folder = optuna.storages.InMemoryStorage(), tmp_path_factory.mktemp("report")
    make(storage, "ae", 60)
    make(storage, "clf", 40, stage="classifier")
    sources = choose(all_studies(storage), (), ArtifactFolder(folder / "artifacts"))
    path, *_ = write(build(sources, "en"), sources, "en", folder / "out")
    return path


def scroll_through(page: Any) -> None:
    """As a reader does; plotly's figures are drawn as they come near."""
    height = page.evaluate("document.documentElement.scrollHeight")
    for y in range(0, height, 700):
        page.evaluate(f"window.scrollTo({{top: {y}, behavior: 'instant'}})")
        page.wait_for_timeout(30)
    page.wait_for_timeout(500)


@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1400, "light")])
def test_all_is_seen_at_every_width_in_both_schemes(
    browser: Any, page_path: Path, width: int, scheme: str
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    errors: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(page_path.as_uri())
    page.wait_for_function("'Plotly' in window")
    scroll_through(page)
    assert errors == []
    assert [url for url in requests if not url.startswith(("file:", "data:", "blob:"))] == []
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width, "nothing but tables and wide figures may scroll sideways"
    for drawing in page.locator("figure .drawing").all():
        box = drawing.bounding_box()
        assert box["width"] > 250
        assert box["height"] > 50
        assert drawing.locator("svg").first.is_visible()
    for table in page.locator("table").all():
        assert table.is_visible()
    n_live = page.locator(".drawing.live .main-svg").count()
    assert n_live >= page.locator("[data-plot]").count() > 5
    page.close()


@pytest.mark.parametrize(("width", "height"), [(390, 844), (1400, 900)])
def test_the_first_screen_is_the_answer(
    browser: Any, page_path: Path, width: int, height: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(page_path.as_uri())
    for shown in (page.locator(".answer").last, page.locator("header pre")):
        box = shown.bounding_box()
        assert box["y"] + box["height"] <= height
    page.close()


def test_a_table_says_that_it_scrolls_as_long_as_there_is_more_to_see(
    browser: Any, page_path: Path
) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(page_path.as_uri())
    table = page.locator(".table", has=page.locator("#table-table-3"))
    scroll, hint = table.locator(".scroll"), table.locator(".hint")
    hint.wait_for()
    assert "more" in scroll.get_attribute("class")
    scroll.evaluate("own => own.scrollTo({left: own.scrollWidth, behavior: 'instant'})")
    page.wait_for_timeout(200)
    assert "more" not in scroll.get_attribute("class")
    page.set_viewport_size({"width": 3000, "height": 844})
    hint.wait_for(state="hidden")
    page.close()


def test_without_scripts_the_drawings_are_there(browser: Any, page_path: Path) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_path.as_uri())
    assert page.locator("figure svg").count() == page.locator("figure").count()
    context.close()


def test_it_can_be_read_by_keyboard_and_by_ear(browser: Any, page_path: Path) -> None:
    page = browser.new_page()
    page.goto(page_path.as_uri())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    inside = "document.getElementById('main').contains(document.activeElement)"
    assert page.evaluate(inside), "the contents come next"
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    for drawing in page.locator("[role=img]").all():
        assert len(drawing.get_attribute("aria-label")) > 20
    for table in page.locator("table").all():
        assert table.locator("caption").inner_text()
        assert table.locator("th[scope=col]").count() > 1
    page.close()
