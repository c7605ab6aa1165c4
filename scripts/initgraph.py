#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compute the order in which components come up.

    initgraph.py --out init_order.c --dot init.dot FILE.c...

Reads every HX_COMPONENT(...) = { ... }; of the files (the strict form of hx/core/init.h), checks
that names are unique and needs can be met, sorts inside each phase by Kahn's algorithm, ties by
name, and writes init_order.c with the header init_order.h beside it, and a drawing.

Source: A. B. Kahn, Topological sorting of large networks, CACM 5(11), 1962.
"""
import argparse
import heapq
import os
import re
import sys

PHASES = ["BOOT", "EARLY", "CORE", "LATE", "RUNTIME"]
FIELDS = {"name", "phase", "version", "needs", "gives", "init", "shutdown", "health"}
WORD = re.compile(r"[a-z0-9][a-z0-9_.-]*\Z")
C_NAME = re.compile(r"[A-Za-z_]\w*\Z")
# Comments, strings and characters are found in one pass, so that none is seen inside another.
COMMENT = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')', re.S)
START = re.compile(r"^[ \t]*HX_COMPONENT\b", re.M)
HEAD = re.compile(r"[ \t]*HX_COMPONENT\(\s*([A-Za-z_]\w*)\s*\)\s*=\s*\{")
FIELD = re.compile(r'\s*\.(\w+)\s*=\s*("(?:[^"\\\n])*"|[A-Za-z_]\w*|\d+u?)\s*(,|(?=\}))')
END = re.compile(r"\s*\}\s*;")


class Bad(Exception):
    """A message for the person who wrote the component."""


class Component:
    def __init__(self, ident, where):
        self.ident, self.where = ident, where
        self.name, self.phase = None, None
        self.needs, self.gives = [], []     # needs: (word, optional)

    def all_gives(self):
        return [self.name] + self.gives


def without_comments(text):
    """The same text with comments blanked: positions and line numbers stay."""
    return COMMENT.sub(lambda m: m.group(0) if m.group(1) else
                       re.sub(r"[^\n]", " ", m.group(0)), text)


def words(value, where, what):
    if value == "NULL":
        return []
    if not value.startswith('"'):
        raise Bad(f"{where}: .{what} must be a string of words or NULL")
    return value[1:-1].split()


def set_field(c, field, value, where):
    if field == "name":
        if not value.startswith('"') or not WORD.match(value[1:-1]):
            raise Bad(f"{where}: .name must be a string like \"log\" (a-z 0-9 _ . -)")
        c.name = value[1:-1]
    elif field == "phase":
        if not value.startswith("HX_PHASE_") or value[len("HX_PHASE_"):] not in PHASES:
            raise Bad(f"{where}: .phase must be one of HX_PHASE_{', HX_PHASE_'.join(PHASES)}")
        c.phase = PHASES.index(value[len("HX_PHASE_"):])
    elif field == "version":
        if not value.rstrip("u").isdigit():
            raise Bad(f"{where}: .version must be a number")
    elif field == "needs":
        c.needs = [(w.rstrip("?"), w.endswith("?")) for w in words(value, where, field)]
    elif field == "gives":
        c.gives = words(value, where, field)
    elif not C_NAME.match(value):
        raise Bad(f"{where}: .{field} must be the name of a function or NULL")
    for word in [w for w, _ in c.needs] + c.gives:
        if not WORD.match(word):
            raise Bad(f"{where}: \"{word}\" is no word (a-z 0-9 _ . -)")


def parse(path, text):
    text = without_comments(text)
    found = []

    def place(at):
        return f"{path}:{text.count(chr(10), 0, at) + 1}"

    for start in START.finditer(text):
        head = HEAD.match(text, start.start())
        where = place(start.end())
        if head is None:
            raise Bad(f"{where}: HX_COMPONENT must read HX_COMPONENT(ident) = {{")
        c, at, seen = Component(head.group(1), where), head.end(), set()
        while END.match(text, at) is None:
            m = FIELD.match(text, at)
            blank = re.match(r"\s*", text[at:]).end()
            if m is None:
                raise Bad(f"{place(at + blank)}: cannot read this part of HX_COMPONENT({c.ident}); "
                          "one .field = \"string\", number or name after the other")
            field, value = m.group(1), m.group(2)
            if field not in FIELDS:
                raise Bad(f"{place(m.start(1))}: HX_COMPONENT({c.ident}) has no field .{field}")
            if field in seen:
                raise Bad(f"{place(m.start(1))}: .{field} stands twice in HX_COMPONENT({c.ident})")
            seen.add(field)
            set_field(c, field, value, place(m.start(1)))
            at = m.end()
        if c.name is None or c.phase is None:
            raise Bad(f"{where}: HX_COMPONENT({c.ident}) lacks .name or .phase")
        found.append(c)
    return found


def check_names(components):
    names, idents = {}, {}
    for c in components:
        for key, table, what in ((c.name, names, "name"), (c.ident, idents, "identifier")):
            if key in table:
                raise Bad(f"{c.where}: component {what} \"{key}\" is taken by {table[key].where}")
            table[key] = c


def edges(components):
    """before[c]: the components that must be up before c, by the words it needs."""
    givers = {}
    for c in components:
        for word in c.all_gives():
            givers.setdefault(word, []).append(c)
    before = {}
    for c in components:
        before[c] = set()
        for word, optional in c.needs:
            who = [g for g in givers.get(word, []) if g is not c]
            if c in givers.get(word, []) and not who:
                raise Bad(f"{c.where}: component {c.name} needs \"{word}\", which only itself "
                          "gives")
            if not who and not optional:
                raise Bad(f"{c.where}: component {c.name} needs \"{word}\", which no chosen "
                          "component gives")
            late = [g for g in who if g.phase > c.phase]
            if late:
                raise Bad(f"{c.where}: component {c.name} of phase {PHASES[c.phase]} needs "
                          f"\"{word}\", which {late[0].name} gives only in {PHASES[late[0].phase]}")
            before[c].update(who)
    return before


def find_cycle(left, before):
    """A circle among components none of which can start: follow any edge until one repeats."""
    c, path = min(left, key=lambda x: x.name), []
    while c not in path:
        path.append(c)
        c = min((b for b in before[c] if b in left), key=lambda x: x.name)
    circle = path[path.index(c):] + [c]
    return " needs ".join(x.name for x in circle)


def order(components):
    """Kahn's algorithm inside each phase; ties by name."""
    check_names(components)
    before = edges(components)
    out = []
    for phase in range(len(PHASES)):
        mine = [c for c in components if c.phase == phase]
        missing = {c: {b for b in before[c] if b.phase == phase} for c in mine}
        ready = [(c.name, i) for i, c in enumerate(mine) if not missing[c]]
        heapq.heapify(ready)
        n_done = len(out)
        while ready:
            c = mine[heapq.heappop(ready)[1]]
            out.append(c)
            for i, other in enumerate(mine):
                if c in missing[other]:
                    missing[other].remove(c)
                    if not missing[other]:
                        heapq.heappush(ready, (other.name, i))
        left = [c for c in mine if c not in out[n_done:]]
        if left:
            raise Bad(f"{left[0].where}: components need each other in a circle: "
                      + find_cycle(left, before))
    return out


def c_text(ordered, header):
    rows = "".join(f"\t&hx_component_{c.ident},\n" for c in ordered)
    return ("// SPDX-License-Identifier: MIT\n/* Generated by scripts/initgraph.py. */\n"
            f'#include "{header}"\n\n'
            "const struct hx_component *const hx_init_order[] = {\n" + rows + "};\n"
            f"const size_t hx_init_order_len = {len(ordered)};\n")


def header_text(ordered):
    rows = "".join(f"extern const struct hx_component hx_component_{c.ident};\n" for c in ordered)
    return ("/* SPDX-License-Identifier: MIT */\n/* Generated by scripts/initgraph.py. */\n"
            "#ifndef HX_INIT_ORDER_H\n#define HX_INIT_ORDER_H\n\n#include <hx/core/init.h>\n\n"
            + rows + "\n#endif\n")


def dot_text(ordered):
    givers = {w: c for c in reversed(ordered) for w in c.all_gives()}
    out = ["digraph init {", "\trankdir=LR;", "\tnode [shape=box, fontname=\"sans-serif\"];"]
    for phase, title in enumerate(PHASES):
        mine = [c for c in ordered if c.phase == phase]
        if mine:
            out.append(f'\tsubgraph cluster_{title} {{ label="{title}";')
            out += [f'\t\t"{c.name}" [label="{ordered.index(c) + 1} {c.name}"];' for c in mine]
            out.append("\t}")
    for c in ordered:
        for word, optional in c.needs:
            if word in givers:
                style = " [style=dashed]" if optional else ""
                out.append(f'\t"{givers[word].name}" -> "{c.name}"{style};')
    return "\n".join(out + ["}"]) + "\n"


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--out", required=True)
    ap.add_argument("--dot")
    ap.add_argument("files", nargs="*")
    args = ap.parse_args()
    try:
        components = []
        for path in args.files:
            with open(path, encoding="utf-8") as f:
                components += parse(path, f.read())
        ordered = order(components)
    except (Bad, OSError, UnicodeDecodeError) as e:
        print(f"initgraph.py: {e}", file=sys.stderr)
        return 1
    header = os.path.splitext(args.out)[0] + ".h"
    outputs = {args.out: c_text(ordered, os.path.basename(header)), header: header_text(ordered)}
    if args.dot:
        outputs[args.dot] = dot_text(ordered)
    for path, text in outputs.items():
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
