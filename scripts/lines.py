#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Code lines of the C and assembly sources compiled into a built kernel: neither blank nor comment.

  lines.py BUILD_FOLDER       a line per room, then the sum

Headers and generated sources are not counted.
"""
import json
import os
import re
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')', re.S)


def code_lines(text):
    """How many lines hold more than white space once comments are gone."""
    plain = TOKEN.sub(lambda m: m.group(1) or re.sub(r"[^\n]", "", m.group(0)), text)
    return sum(1 for line in plain.split("\n") if line.strip())


def sources(folder):
    """[(room, path)] of what the link took from the tree."""
    with open(os.path.join(folder, "out", "helix-kernel.map"), errors="replace") as f:
        linked = f.read()
    with open(os.path.join(folder, "compile_commands.json")) as f:
        commands = json.load(f)
    found = set()
    for c in commands:
        path = os.path.normpath(os.path.join(c["directory"], c["file"]))
        m = re.match(r"lib(\w+)(?:-bench|-exports)?\.a\.p/", c["output"])
        if m and c["output"] in linked and path.startswith(TOP + os.sep) and \
                not path.startswith(os.path.abspath(folder) + os.sep):
            found.add((m.group(1), path))
    return sorted(found)


def count(folder):
    """{room: code lines}."""
    rooms = {}
    for room, path in sources(folder):
        with open(path, errors="replace") as f:
            rooms[room] = rooms.get(room, 0) + code_lines(f.read())
    return rooms


def main(argv):
    if len(argv) != 1:
        print(__doc__)
        return 2
    rooms = count(argv[0])
    for room, n in sorted(rooms.items(), key=lambda r: -r[1]):
        print(f"{room:32} {n:6,}")
    print(f"{'sum':32} {sum(rooms.values()):6,}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
