"""A bar chart as SVG: made of text, readable on light and on dark pages."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

_WIDTH: Final = 720
_LABEL: Final = 150
_BAR: Final = 16
_GAP: Final = 4
_GROUP: Final = 44
_COLOURS: Final = ("#2f6fde", "#8a8f98", "#d9822b", "#3f9d5a", "#9b59b6")

_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}}"
)

Group = tuple[str, Sequence[tuple[str, float | None]]]


def bars(title: str, groups: Sequence[Group]) -> str:
    """Groups of horizontal bars, all on one scale; None is a bar that there is not."""
    longest = max((value for _, values in groups for _, value in values if value is not None), default=1.0)
    room = _WIDTH - _LABEL - 60
    parts: list[str] = []
    y = 40
    for heading, values in groups:
        parts.append(f'<text class="title" x="0" y="{y}">{escape(heading)}</text>')
        y += 10
        for number, (label, value) in enumerate(values):
            if value is None:
                continue
            width = max(1, round(room * value / longest))
            colour = _COLOURS[number % len(_COLOURS)]
            middle = y + _BAR - 4
            parts.append(f'<text x="{_LABEL - 8}" y="{middle}" text-anchor="end">{escape(label)}</text>')
            parts.append(f'<rect x="{_LABEL}" y="{y}" width="{width}" height="{_BAR}" fill="{colour}"/>')
            parts.append(f'<text x="{_LABEL + width + 6}" y="{middle}">{value:.1f}</text>')
            y += _BAR + _GAP
        y += _GROUP - 10
    height = y - _GROUP + 20
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            f'<text class="title" x="0" y="16">{escape(title)}</text>',
            *parts,
            "</svg>\n",
        ]
    )
