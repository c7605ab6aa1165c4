#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bytes per room and symbol of a built kernel, beside those of the last run, which it then replaces.

  size.py BUILD_FOLDER
"""
import json
import os
import shutil
import sys


def change(new, old):
    return "" if old is None or new == old else f"{new - old:+,}"


def main(argv):
    now_path = os.path.join(argv[0], "out", "size.json")
    last_path = os.path.join(argv[0], "size.last.json")
    with open(now_path) as f:
        now = json.load(f)
    last = None
    if os.path.exists(last_path):
        with open(last_path) as f:
            last = json.load(f)
    print(f"{'room':32} {'text':>8} {'rodata':>8} {'data':>7} {'bss':>9}   change")
    rows = sorted(now["rooms"].items(), key=lambda r: -sum(r[1].values()))
    for name, s in rows + [("the whole image", now["total"])]:
        old = last and (last["total"] if name == "the whole image" else last["rooms"].get(name))
        print(f"{name:32} {s['text']:8,} {s['rodata']:8,} {s['data']:7,} {s['bss']:9,}   "
              f"{change(sum(s.values()), sum(old.values()) if old else None)}")
    before = dict((n, size) for n, size, _ in last["symbols"]) if last else {}
    print(f"\n{'largest symbols':48} {'bytes':>8}   change")
    for name, size, kind in now["symbols"][:25]:
        print(f"{name:44} {kind:3} {size:8,}   {change(size, before.get(name, 0) if last else None)}")
    shutil.copyfile(now_path, last_path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
