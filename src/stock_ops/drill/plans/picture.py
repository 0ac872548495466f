"""The picture in a drill's report: the recovered span of time, and the duration of each step."""

from dataclasses import dataclass
from datetime import datetime

from stock_ops.drill.plans.journal import Check, Journal
from stock_ops.drill.plans.markup import Markup, element, joined

WIDTH = 960
_LEFT, _RIGHT = 24.0, 936.0
_AXIS = 92.0
_LOSS_WIDTH = 150.0
"""The loss is seconds beside hours; it has a scale of its own, or it could not be seen."""
_NAMES = 190.0
"""Where the bars begin; before them stand the names of the checks."""
_VALUES = 70.0
"""Room for the figures after the bars."""
_TOP, _ROW = 52.0, 26.0
"""Of the first bar, and from one to the next."""


def picture(journal: Journal) -> Markup:
    """Both halves, one above the other; a half whose moments are not known is left out."""
    parts = [part for part in (_recovered(journal), _durations(journal)) if part]
    height, drawn = 0.0, list[Markup]()
    for part in parts:
        drawn.append(element("g", part.markup, transform=f"translate(0 {height:.0f})"))
        height += part.height
    if not drawn:
        return Markup()
    return element(
        "svg",
        element("title", "Timeline of the drill"),
        *drawn,
        viewBox=f"0 0 {WIDTH} {height:.0f}",
        role="img",
        xmlns="http://www.w3.org/2000/svg",
    )


@dataclass(frozen=True, slots=True)
class _Part:
    markup: Markup
    height: float


def _recovered(journal: Journal) -> _Part | None:
    """Backup, log, last heartbeat, loss: on one line."""
    times = journal.times
    if journal.sabotage or times.marked_at is None or times.beat_at is None or times.read_at is None:
        return None
    beat = _RIGHT - _LOSS_WIDTH
    log = f"write-ahead log, {spelled((times.beat_at - times.marked_at).total_seconds())}"
    loss = f"lost: {spelled(times.rpo_s or 0.0)}"
    return _Part(
        joined(
            _text(_LEFT, 20, "Recovered data", "head"),
            _bar(_LEFT, beat - _LEFT, "saved"),
            _bar(beat, _LOSS_WIDTH, "lost"),
            _text((_LEFT + beat) / 2, _AXIS + 5, log, "inside middle"),
            _text((beat + _RIGHT) / 2, _AXIS + 5, loss, "middle"),
            _moment(_LEFT, times.marked_at, "backup", "start"),
            _moment(beat, times.beat_at, "last heartbeat recovered", "end"),
            _moment(_RIGHT, times.read_at, "log read: later changes would be lost", "end", above=False),
        ),
        _AXIS + 74,
    )


def _durations(journal: Journal) -> _Part | None:
    """One row a check, from when it began to when it ended."""
    rows = [check for check in journal.checks if check.started_at and check.seconds is not None]
    if not rows:
        return None
    scale = _Scale(journal, rows)
    height = _TOP + 8 + _ROW * len(rows)
    drawn = [_row(number, check, scale) for number, check in enumerate(rows)]
    return _Part(
        joined(
            _text(_LEFT, 20, "How long it takes", "head"),
            *_flags(journal, scale, height),
            *drawn,
        ),
        height + (56 if journal.times.chart_at and not journal.sabotage else 12),
    )


class _Scale:
    """Moments of the drill to places on the picture."""

    def __init__(self, journal: Journal, rows: list[Check]) -> None:
        self._begin = journal.started_at
        ends = [self._seconds(row.started_at) + (row.seconds or 0.0) for row in rows]
        self._whole = max(*ends, 0.001)
        self._width = _RIGHT - _VALUES - _NAMES

    def at(self, moment: datetime | None) -> float:
        return _NAMES + self.width(self._seconds(moment))

    def width(self, seconds: float) -> float:
        return self._width * min(1.0, max(0.0, seconds / self._whole))

    def _seconds(self, moment: datetime | None) -> float:
        return (moment - self._begin).total_seconds() if moment else 0.0


def _row(number: int, check: Check, scale: _Scale) -> Markup:
    top, begin = _TOP + _ROW * number, scale.at(check.started_at)
    width = max(3.0, scale.width(check.seconds or 0.0))
    return joined(
        _text(_NAMES - 12, top + 15, _cut(check.label), "end"),
        element("rect", x=begin, y=top + 3, width=width, height=_ROW - 9, rx=3, class_=check.outcome),
        _text(begin + width + 7, top + 15, spelled(check.seconds or 0.0), "small"),
    )


def _flags(journal: Journal, scale: _Scale, height: float) -> list[Markup]:
    """From the beginning of the restore to the first chart: the length of an outage."""
    times, base = journal.times, height + 14
    if journal.sabotage or times.begun_at is None or times.chart_at is None:
        return []
    first, last = scale.at(times.begun_at), scale.at(times.chart_at)
    middle = max((first + last) / 2, _NAMES + 70)
    return [
        *_flag(scale, times.begun_at, "restore begins", "small", base),
        *_flag(scale, times.restored_at, "restored", "small end", height),
        *_flag(scale, times.chart_at, "first chart", "small", base),
        element("line", x1=first, x2=last, y1=base, y2=base, class_="span"),
        _text(middle, base + 20, f"back after {spelled(times.rto_s or 0.0)}", "strong middle"),
    ]


def _flag(scale: _Scale, at: datetime | None, words: str, kind: str, end: float) -> list[Markup]:
    if at is None:
        return []
    x, gap = scale.at(at), -5.0 if "end" in kind else 5.0
    line = element("line", x1=x, x2=x, y1=32, y2=end, class_="flag")
    return [line, _text(x + gap, 42, words, kind)]


def _bar(x: float, width: float, kind: str) -> Markup:
    return element("rect", x=x, y=_AXIS - 14, width=width, height=28, rx=4, class_=kind)


def _moment(x: float, at: datetime, words: str, anchor: str, *, above: bool = True) -> Markup:
    tip, text = (_AXIS - 22, _AXIS - 28) if above else (_AXIS + 22, _AXIS + 36)
    return joined(
        element("line", x1=x, x2=x, y1=min(tip, _AXIS), y2=max(tip, _AXIS), class_="tick"),
        _text(x, text, words, f"strong {anchor}"),
        _text(x, text - 16 if above else text + 16, f"{at:%d %b %H:%M:%S}", f"small {anchor}"),
    )


def _text(x: float, y: float, words: str, kind: str) -> Markup:
    return element("text", words, x=x, y=y, class_=kind)


def _cut(words: str) -> str:
    return words if len(words) <= 22 else f"{words[:21]}…"


def spelled(seconds: float) -> str:
    """A duration for people."""
    if 0 < seconds < 0.05:
        return "< 0.1 s"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, hours = seconds / 60, seconds / 3600
    if minutes < 100:
        return f"{minutes:.0f} min"
    return f"{hours:.1f} h" if hours < 48 else f"{hours / 24:.1f} days"
