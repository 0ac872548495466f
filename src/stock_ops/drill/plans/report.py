"""The report of a drill that people read: one file of HTML, without scripts and anything from elsewhere."""

from datetime import datetime

from stock_ops.drill.facts.drills import Outcome
from stock_ops.drill.plans.journal import RPO_LIMIT_S, Check, Journal, Phase, summary
from stock_ops.drill.plans.markup import Markup, element, joined
from stock_ops.drill.plans.picture import picture, spelled

_WORDS: dict[Outcome, str] = {"passed": "passed", "failed": "failed", "not_run": "not run"}
_PHASES: dict[Phase, str] = {
    "before": "Before: does everything work now?",
    "method": "The drill: restore the newest backup beside the live data",
    "damage": "The damages: is each of them found, and named?",
    "after": "After: does everything still work?",
    "rollback": "Cleaning up",
}


def drill_report(journal: Journal) -> str:
    """The whole file."""
    title = f"Drill {journal.id}: {_WORDS[journal.outcome]}"
    head = element(
        "head",
        Markup('<meta charset="utf-8">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark">'),
        element("title", title),
        element("style", Markup(_STYLE)),
    )
    drawn = picture(journal)
    body = element(
        "body",
        element(
            "main",
            _verdict(journal),
            _figures(journal),
            element("section", element("div", drawn, class_="picture")) if drawn else None,
            _checks(journal),
            _facts(journal),
            _glossary(journal),
        ),
    )
    return f'<!DOCTYPE html>\n<html lang="en">{head}\n{body}</html>\n'


def _verdict(journal: Journal) -> Markup:
    first = next((check for check in journal.checks if check.outcome == "failed"), None)
    why = journal.obstacle or (first.found if first else "")
    todo = journal.todo or (first.todo if first else "")
    return element(
        "header",
        element("p", "Sabotage drill" if journal.sabotage else "Drill", class_="kind"),
        element("h1", _headline(journal)),
        element("p", summary(journal).capitalize() + "."),
        element("p", why, class_="why") if why else None,
        element("p", element("b", "To do: "), todo, class_="why") if todo else None,
        class_=journal.outcome,
    )


def _headline(journal: Journal) -> str:
    if journal.outcome == "not_run":
        return "The drill did not run. Nothing is proven."
    if journal.sabotage:
        if journal.outcome == "passed":
            return "Every damage was found."
        missed = any(check.phase == "damage" and check.outcome == "failed" for check in journal.checks)
        return "A damage was NOT found." if missed else "The drill itself failed."
    if journal.outcome == "passed":
        return "The data can be restored."
    return "The drill failed."


def _figures(journal: Journal) -> Markup | None:
    times, cards = journal.times, list[Markup]()
    if journal.sabotage:
        damages = [check for check in journal.checks if check.phase == "damage"]
        found = sum(check.outcome == "passed" for check in damages)
        return element("section", _card(f"{found} of {len(damages)}", "damages found", ""), class_="cards")
    if times.rpo_s is not None:
        cards.append(_card(spelled(times.rpo_s), "would be lost", f"RPO; limit {spelled(RPO_LIMIT_S)}"))
    if times.rto_s is not None:
        cards.append(_card(spelled(times.rto_s), "until the first correct chart", "RTO"))
    figures = next((check.figures for check in journal.checks if check.name == "content"), {})
    if {"rows", "tables"} <= figures.keys():
        tables = f"in {_figure(figures['tables'])} tables"
        cards.append(_card(_figure(figures["rows"]), "rows compared, all equal", tables))
    return element("section", *cards, class_="cards") if cards else None


def _card(value: str, words: str, remark: str) -> Markup:
    return element(
        "div",
        element("strong", value),
        element("span", words),
        element("small", remark) if remark else None,
        class_="card",
    )


def _checks(journal: Journal) -> Markup:
    sections = []
    for phase, words in _PHASES.items():
        checks = [check for check in journal.checks if check.phase == phase]
        if checks:
            control = journal.sabotage and phase == "method"
            title = "The control: without any damage the restore works" if control else words
            sections += [element("h2", title), element("ol", *map(_check, checks), class_="checks")]
    return element("section", *sections)


def _check(check: Check) -> Markup:
    figures = ", ".join(f"{name} {_figure(value)}" for name, value in check.figures.items())
    return element(
        "li",
        element("span", _WORDS[check.outcome], class_=f"badge {check.outcome}"),
        element(
            "div",
            element("b", check.title),
            element("p", check.found) if check.found else None,
            element("p", "To do: ", check.todo) if check.todo else None,
            element("p", figures, class_="figures") if figures else None,
        ),
        element("span", spelled(check.seconds) if check.seconds is not None else "", class_="time"),
    )


def _figure(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}".rstrip("0").rstrip(".")


def _facts(journal: Journal) -> Markup:
    told = {
        "Drill": journal.id,
        "Began": _moment(journal.started_at),
        "Ended": _moment(journal.finished_at) if journal.finished_at else "never",
        "Backup": journal.backup or "none",
        "Made of": " + ".join(journal.chain) if len(journal.chain) > 1 else "",
        "Backup holds": f"everything up to {_moment(journal.times.marked_at)}"
        if journal.times.marked_at
        else "",
        "Storage": journal.storage,
        "Restored in": f"{journal.scratch} (removed afterwards)",
        "Again": "stockops drill --sabotage" if journal.sabotage else "stockops drill",
    }
    rows = [joined(element("dt", name), element("dd", value)) for name, value in told.items() if value]
    return element("section", element("h2", "Particulars"), element("dl", *rows))


def _glossary(journal: Journal) -> Markup:
    words = _SABOTAGE_GLOSSARY if journal.sabotage else _GLOSSARY
    rows = [joined(element("dt", name), element("dd", text)) for name, text in words.items()]
    return element("section", element("h2", "Terms"), element("dl", *rows))


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


_GLOSSARY = {
    "Drill": "A rehearsal: the newest backup is restored into an instance of its own beside the live one, "
    "which is not touched. A backup that was never restored is a hope.",
    "Write-ahead log": "Every change of the database, in order. With it a restore goes on from the backup to "
    "the last change that reached the storage.",
    "Heartbeat": "A row with the time of day, written every other second. The newest one that comes back "
    "shows up to which moment nothing is lost.",
    "RPO": "Recovery point objective: how much time of changes would be lost.",
    "RTO": "Recovery time objective: how long it takes until charts are drawn again, all checks of the "
    "restore included.",
    "Content": "When a backup is made, the rows of every table are counted and a checksum is made of them. "
    "The restored tables must give the same.",
}
_SABOTAGE_GLOSSARY = {
    "Sabotage": "A check that cannot fail proves nothing. This drill damages data as they are read from "
    "the storage, one damage at a time, and passes only if each is found by an error that names the damaged "
    "object. The storage itself is never changed.",
    "Mark": "The moment for which a backup was measured. The restored data are compared there.",
}

_STYLE = """
:root { --page: #f6f7f9; --card: #fff; --text: #14202b; --soft: #56646f; --line: #dde3e8; --ink: #fff;
  --passed: #15803d; --failed: #c2262e; --not_run: #946200; --saved: #2563eb; --loss: #fbd5d5; }
@media (prefers-color-scheme: dark) { :root { --page: #0e141a; --card: #172029; --text: #e4eaef;
  --soft: #9aa9b5; --line: #2a3742; --ink: #0e141a; --passed: #4ade80; --failed: #f8787e; --not_run: #eab54a;
  --saved: #60a5fa; --loss: #5b2327; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
header, section { background: var(--card); border: 1px solid var(--line); border-radius: 10px;
  padding: 1.25rem 1.5rem; margin-bottom: 1rem; }
header { border-left: 8px solid var(--not_run); }
header.passed { border-left-color: var(--passed); }
header.failed { border-left-color: var(--failed); }
header p { margin: .25rem 0; overflow-wrap: anywhere; }
.kind, .time, .figures, dt, small { color: var(--soft); }
.kind { text-transform: uppercase; letter-spacing: .08em; font-size: .8rem; }
h1 { margin: .1rem 0 .4rem; font-size: 1.9rem; line-height: 1.2; }
h2 { font-size: 1.05rem; margin: 1.4rem 0 .5rem; }
section > h2:first-child { margin-top: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; padding: 0;
  background: none; border: 0; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.5rem; }
.card strong, .card span, .card small { display: block; }
.card strong { font-size: 1.9rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.checks { list-style: none; margin: 0; padding: 0; }
.checks li { display: grid; grid-template-columns: 5.2rem 1fr auto; gap: .25rem 1rem; padding: .6rem 0;
  border-top: 1px solid var(--line); align-items: start; }
.checks div { min-width: 0; overflow-wrap: anywhere; }
.checks p { margin: .1rem 0 0; font-size: .92rem; }
.badge { border-radius: 999px; padding: .05rem .6rem; font-size: .82rem; font-weight: 600; text-align: center;
  color: var(--ink); background: var(--not_run); }
.badge.passed { background: var(--passed); }
.badge.failed { background: var(--failed); }
.time { font-variant-numeric: tabular-nums; white-space: nowrap; }
dl { display: grid; grid-template-columns: minmax(7rem, auto) 1fr; gap: .4rem 1.25rem; margin: 0; }
dd { margin: 0; overflow-wrap: anywhere; }
.picture { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 44rem; height: auto; }
svg text { fill: var(--text); font-size: 14px; }
svg .head { font-weight: 700; font-size: 15px; }
svg .strong { font-weight: 600; }
svg .small { fill: var(--soft); font-size: 13px; }
svg .middle { text-anchor: middle; }
svg .end { text-anchor: end; }
svg .inside { fill: var(--ink); font-weight: 600; }
svg .saved { fill: var(--saved); }
svg .lost { fill: var(--loss); }
svg rect.passed { fill: var(--passed); }
svg rect.failed { fill: var(--failed); }
svg rect.not_run { fill: var(--not_run); }
svg .tick, svg .span { stroke: var(--text); stroke-width: 2; }
svg .flag { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 4; }
@media (max-width: 34rem) { header, section { padding: 1rem; } .cards { padding: 0; }
  .checks li { grid-template-columns: 5.2rem 1fr; } .time { grid-column: 2; }
  dl { grid-template-columns: 1fr; gap: 0; } dd { margin-bottom: .6rem; } h1 { font-size: 1.5rem; } }
"""
