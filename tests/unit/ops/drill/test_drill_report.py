"""The report of a drill: the verdict first, everything escaped, nothing from elsewhere."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from stock_ops.drill.plans.journal import Journal, finished, hindered
from stock_ops.drill.plans.markup import Markup, element
from stock_ops.drill.plans.picture import spelled
from stock_ops.drill.plans.report import drill_report
from stock_ops.kit.errors import OpsError
from tests.unit.ops.drill.drills import after, fresh, run, whole

NASTY = "<script>alert('x')</script> & \"<b>"


class Outline(HTMLParser):
    """Elements and text of a page; every element must be closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag != "meta":
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.texts).split())


def damaged(journal: Journal) -> Journal:
    """The same as a sabotage drill, one of whose damages is called `freshness`."""
    checks = (replace(one, phase="damage") if one.name == "freshness" else one for one in journal.checks)
    return replace(journal, sabotage=True, checks=tuple(checks))


def journals() -> dict[str, Journal]:
    stopped = hindered(run(fresh(), until="content"), OpsError("Stopped.", "Run it again."))
    return {
        "passed": whole(),
        "failed": whole(bad="content"),
        "refused": finished(hindered(fresh(), OpsError("No key.", "Bring it.")), after(1)),
        "stopped": finished(stopped, after(4)),
        "sabotage": damaged(whole()),
        "sabotage that missed one": damaged(whole(bad="freshness")),
        "sabotage that could not restore": damaged(whole(bad="content")),
    }


HEADLINES = {
    "passed": "The data can be restored.",
    "failed": "The drill failed.",
    "refused": "The drill did not run. Nothing is proven.",
    "stopped": "The drill did not run. Nothing is proven.",
    "sabotage": "Every damage was found.",
    "sabotage that missed one": "A damage was NOT found.",
    "sabotage that could not restore": "The drill itself failed.",
}


@pytest.mark.parametrize("name", list(HEADLINES))
def test_the_verdict_stands_before_everything_else(name: str) -> None:
    text = Outline(
        drill_report(journals()[name]).partition("<body>")[2].removesuffix("</body></html>\n")
    ).text
    assert text.find(HEADLINES[name]) in range(20)
    others = {headline for headline in HEADLINES.values() if headline != HEADLINES[name]}
    assert not any(headline in text for headline in others)


@pytest.mark.parametrize("name", list(HEADLINES))
def test_a_report_needs_nothing_from_elsewhere_and_runs_nothing(name: str) -> None:
    page = drill_report(journals()[name])
    outline = Outline(page)
    assert not outline.names & {"script", "link", "img", "iframe", "object", "image", "use", "a"}
    assert not {one for one in outline.attributes if one.startswith("on")} | (
        outline.attributes & {"src", "href", "style"}
    )
    assert re.findall(r"https?://[^\"\s]+", page) in ([], ["http://www.w3.org/2000/svg"])
    assert "url(" not in page
    assert "@import" not in page


def test_whatever_a_text_holds_is_shown_and_not_obeyed() -> None:
    checks = tuple(
        replace(check, label=NASTY, title=NASTY, found=NASTY, todo=NASTY, figures={NASTY: NASTY})
        for check in whole(bad="content").checks
    )
    nasty = dict.fromkeys(("id", "storage", "scratch", "backup", "obstacle", "todo"), NASTY)
    journal = replace(whole(), checks=checks, chain=(NASTY, NASTY), **nasty)  # type: ignore[arg-type]  # the names are fields
    page = drill_report(journal)
    assert "script" not in Outline(page).names
    assert NASTY in Outline(page).text
    assert "<script" not in page


def test_damages_are_counted_by_themselves() -> None:
    assert "1 of 1 damages found" in Outline(drill_report(journals()["sabotage"])).text
    assert "0 of 1 damages found" in Outline(drill_report(journals()["sabotage that missed one"])).text


def test_figures_reasons_and_what_to_do_are_told() -> None:
    text = Outline(drill_report(whole())).text
    assert "2.0 s would be lost" in text
    assert "5.2 s until the first correct chart" in text
    assert "1,234,567 rows compared" in text
    failed = Outline(drill_report(whole(bad="content"))).text
    assert "It is broken. To do: Mend it." in failed
    assert "compared, all equal" not in failed


def test_the_picture_has_a_bar_for_each_check_that_ran() -> None:
    page = drill_report(finished(run(fresh(), bad="log", until="content"), after(5)))
    assert page.count('class="passed"') == 3
    assert page.count("<rect") == 4
    assert "Recovered data" not in page


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"),
        (0.01, "< 0.1 s"),
        (2.04, "2.0 s"),
        (99.94, "99.9 s"),
        (600, "10 min"),
        (86_400, "24.0 h"),
        (400_000, "4.6 days"),
    ],
)
def test_durations_are_spelled_for_people(seconds: float, words: str) -> None:
    assert spelled(seconds) == words


def test_markup_is_kept_and_text_and_attributes_are_escaped() -> None:
    assert element("p", "<", Markup("<b>x</b>"), None, class_='"', stroke_width=1.5, x=2.0) == (
        '<p class="&quot;" stroke-width="1.5" x="2">&lt;<b>x</b></p>'
    )
