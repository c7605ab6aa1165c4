#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draw cost curves: from figures named <family>.<n> to one SVG for each kind of them.

  curves.py FIGURES.jsonl FOLDER      writes FOLDER/curve-<kind>.svg

Any figure whose name ends in a number is a point of its family. Families that begin and end alike
share a drawing: heap.slab.pair.<n> and heap.tlsf.pair.<n> are both lines of curve-heap-pair.svg. A
family measured in several profiles gets a line for each. Both axes are logarithmic: a flat line is
constant cost, and each step up a tenfold one. Full lines are p50, dotted ones p99.
"""
import json
import math
import os
import re
import sys
from html import escape

COLORS = ("#1f5fa8", "#c2410c", "#15803d", "#7e22ce", "#b91c1c", "#0f766e", "#854d0e", "#475569")
WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 80, 200, 40, 60


def kind_of(family):
    """heap.slab.pair -> heap.pair: what families that are drawn together have in common."""
    parts = family.split(".")
    return parts[0] if len(parts) == 1 else f"{parts[0]}.{parts[-1]}"


def collect(lines):
    """{kind: {line's name: [(n, p50, p99)]}}, and {kind: unit}; points sorted by n. One is no line."""
    points, units = {}, {}
    for line in lines:
        if not line.startswith('{"bench"'):
            continue
        f = json.loads(line)
        m = re.fullmatch(r"(.+)\.(\d+)", f["bench"])
        if m is None or int(m.group(2)) == 0:
            continue
        family, kind = m.group(1), kind_of(m.group(1))
        points.setdefault(kind, {}).setdefault((family, f.get("profile", "")), {})[
            int(m.group(2))] = (f["p50"], f["p99"])
        units[kind] = f["unit"]
    kinds = {}
    for kind, lines_ in points.items():
        lines_ = {name: values for name, values in lines_.items() if len(values) > 1}
        if not lines_:
            continue
        families = [family for family, _ in lines_]
        kinds[kind] = {
            family if families.count(family) == 1 else f"{family} ({profile})":
            [(n, *p) for n, p in sorted(values.items())]
            for (family, profile), values in sorted(lines_.items())}
    return kinds, units


def number(n):
    for unit, name in ((1_000_000, "M"), (1_000, "k")):
        if n >= unit and n % unit == 0:
            return f"{n // unit}{name}"
    return str(n)


class Axis:
    """A logarithmic scale over whole decades, from pixel a to pixel b."""

    def __init__(self, values, a, b):
        self.low = math.floor(math.log10(max(min(values), 1)))
        self.high = max(math.ceil(math.log10(max(max(values), 1))), self.low + 1)
        self.a, self.b = a, b

    def __call__(self, value):
        share = (math.log10(max(value, 1)) - self.low) / (self.high - self.low)
        return self.a + share * (self.b - self.a)

    def ticks(self):
        return [10 ** k for k in range(self.low, self.high + 1)]


def text(x, y, what, anchor="start", more=""):
    return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}"{more}>{escape(what)}</text>'


def path(x, y, points, color, dotted):
    d = " ".join(f"{'L' if i else 'M'}{x(n):.1f} {y(v):.1f}" for i, (n, v) in enumerate(points))
    dash = ' stroke-dasharray="2 4"' if dotted else ""
    return f'<path d="{d}" fill="none" stroke="{color}" stroke-width="{1 if dotted else 2}"{dash}/>'


def draw(kind, lines, unit):
    every = [p for points in lines.values() for p in points]
    x = Axis([p[0] for p in every], LEFT, WIDTH - RIGHT)
    y = Axis([v for p in every for v in p[1:]], HEIGHT - BOTTOM, TOP)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
           f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
           '<rect width="100%" height="100%" fill="white"/>',
           text(LEFT, 22, f"{kind}.<n>: {'instructions' if unit == 'insn' else unit}, "
                "p50 full, p99 dotted", more=' font-size="14"')]
    for t in x.ticks():
        out += [f'<path d="M{x(t):.1f} {TOP} V{HEIGHT - BOTTOM}" stroke="#ddd"/>',
                text(x(t), HEIGHT - BOTTOM + 18, number(t), "middle")]
    for t in y.ticks():
        out += [f'<path d="M{LEFT} {y(t):.1f} H{WIDTH - RIGHT}" stroke="#ddd"/>',
                text(LEFT - 8, y(t) + 4, f"{t:,}", "end")]
    out.append(text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, "n", "middle"))
    for i, (name, points) in enumerate(lines.items()):
        color = COLORS[i % len(COLORS)]
        out += [path(x, y, [(n, v) for n, v, _ in points], color, False),
                path(x, y, [(n, v) for n, _, v in points], color, True)]
        out += [f'<circle cx="{x(n):.1f}" cy="{y(v):.1f}" r="3" fill="{color}">'
                f"<title>{escape(name)}.{n}: {v:,}</title></circle>" for n, v, _ in points]
        at = TOP + 8 + 34 * i
        out += [f'<path d="M{WIDTH - RIGHT + 16} {at} h20" stroke="{color}" stroke-width="2"/>',
                text(WIDTH - RIGHT + 42, at + 4, name),
                text(WIDTH - RIGHT + 42, at + 19, f"{points[0][1]:,} … {points[-1][1]:,}",
                     more=' fill="#666"')]
    return "\n".join(out) + "\n</svg>\n"


def write(lines, folder):
    """The drawings of all kinds; returns the names of the files."""
    kinds, units = collect(lines)
    os.makedirs(folder, exist_ok=True)
    names = []
    for kind, of_kind in sorted(kinds.items()):
        names.append(f"curve-{kind.replace('.', '-')}.svg")
        with open(os.path.join(folder, names[-1]), "w") as f:
            f.write(draw(kind, of_kind, units[kind]))
    return names


def main(argv):
    if len(argv) != 2:
        print(__doc__)
        return 2
    with open(argv[0]) as f:
        print("\n".join(write(f.read().splitlines(), argv[1])))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
