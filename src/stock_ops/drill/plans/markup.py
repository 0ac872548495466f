"""HTML and SVG put together from elements; every text in them is escaped."""

from html import escape


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


Child = str | None
"""A text, which is escaped, or Markup, which is not; None is left out."""


def element(name: str, *children: Child, **attributes: str | float | None) -> Markup:
    """An element. Attributes: `class_` is written class, `stroke_width` stroke-width; None is left out."""
    inside = "".join(map(_inside, children))
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_number(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{told}>{inside}</{name}>")


def joined(*children: Child) -> Markup:
    """Elements one after the other."""
    return Markup("".join(map(_inside, children)))


def _inside(child: Child) -> str:
    if child is None:
        return ""
    return child if isinstance(child, Markup) else escape(child)


def _number(value: str | float) -> str:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)
