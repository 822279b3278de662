"""The chart of ratios: one bar a language and workload, readable on light and on dark."""

from __future__ import annotations

import math
from html import escape
from typing import Any

WIDTH, LEFT, ROW, GAP, TOP = 860, 190, 22, 20, 64
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .faint { fill: #57606a; font-size: 12px }
  .title { font-size: 16px; font-weight: 600 }
  .bar { fill: #2f6f4f } .behind { fill: #b35900 } .line { stroke: #57606a; stroke-dasharray: 3 3 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .faint { fill: #9da7b1 } .bar { fill: #57b583 } .behind { fill: #e0903f } .line { stroke: #9da7b1 }
  }
"""


def draw(cells: list[dict[str, Any]], workloads: dict[str, str], titles: dict[str, str]) -> str:
    """The chart as SVG. The axis is logarithmic; left of the line at 1 the rival is faster."""
    most = max([4.0, *(cell["ratio"] for cell in cells)])
    least = min([0.5, *(cell["ratio"] for cell in cells)])
    room = WIDTH - LEFT - 250

    def at(ratio: float) -> float:
        return LEFT + room * (math.log(ratio) - math.log(least)) / (math.log(most) - math.log(least))

    parts, y = [], TOP
    for lang, title in titles.items():
        of_lang = [cell for cell in cells if cell["lang"] == lang]
        if not of_lang:
            continue
        parts.append(f'<text x="16" y="{y + 15}" font-weight="600">{escape(title)}</text>')
        for cell in of_lang:
            begin, end = sorted((at(1), at(cell["ratio"])))
            kind = "bar" if cell["ratio"] >= 1 else "behind"
            parts.append(f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(workloads[cell["workload"]])}</text>')
            parts.append(f'<rect class="{kind}" x="{begin:.1f}" y="{y + 3}" width="{max(end - begin, 1):.1f}" height="{ROW - 6}" rx="2"/>')
            parts.append(f'<text x="{end + 6:.1f}" y="{y + 15}">{cell["ratio"]:.1f}×</text>')
            parts.append(f'<text class="faint" x="{end + 54:.1f}" y="{y + 15}">{escape(cell["name"])}</text>')
            y += ROW
        y += GAP
    head = '<text class="title" x="16" y="26">Times as fast as the best rival of each cell</text>'
    head += '<text class="faint" x="16" y="46">a check in process, context made before; logarithmic; the line is where both are equal</text>'
    line = f'<line class="line" x1="{at(1):.1f}" x2="{at(1):.1f}" y1="{TOP - 4}" y2="{y - GAP + 4}"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}" role="img" '
        f'aria-label="Times as fast as the best rival"><style>{STYLE}</style>{head}{line}{"".join(parts)}</svg>\n'
    )
