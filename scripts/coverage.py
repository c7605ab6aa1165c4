#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the host tests execute: what `make coverage` calls.

  coverage.py [BUILD]     BUILD: a folder configured with -Dtests=true -Dcoverage=true

Without BUILD, builds the tests of the configuration with counters first. Runs all of them, writes
build/coverage/index.html and coverage.xml, and prints a table: lines and branches by room, then the
total. Tests themselves, the harness and generated files are not counted. Needs gcovr and gcc.
Exit status: 0; 1 a test failed, or no figures could be made.
"""
import csv
import io
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def build():
    env = dict(os.environ, CC="gcc")
    done = subprocess.run([sys.executable, os.path.join(TOP, "scripts", "build.py"), "coverage"],
                          stdout=subprocess.PIPE, text=True, env=env)
    if done.returncode:
        sys.exit(1)
    return done.stdout.strip().split("\n")[-1]


def forget_counters(folder):
    """Counters add up over runs: begin at zero, so that the figures are of this run."""
    for where, _, files in os.walk(folder):
        for name in files:
            if name.endswith(".gcda"):
                os.unlink(os.path.join(where, name))


def gcovr(folder, out):
    """The figures by file as rows of a CSV; writes the reports on the way."""
    command = ["gcovr", "--root", ".", "--object-directory", folder, "--gcov-executable", "gcov",
               "--exclude", r"(.*/)?tests/", "--exclude", "test/", "--exclude", r".*\.S$",
               "--exclude-unreachable-branches", "--exclude-throw-branches",
               "--html-details", os.path.join(out, "index.html"),
               "--xml", os.path.join(out, "coverage.xml"), "--csv", os.path.join(out, "coverage.csv"),
               folder]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        sys.exit(1)
    with open(os.path.join(out, "coverage.csv"), newline="") as f:
        return list(csv.DictReader(io.StringIO(f.read())))


def percent(part, whole):
    return f"{100 * part / whole:5.1f} %" if whole else "      -"


def table(rows):
    rooms = {}
    for row in rows:
        sums = rooms.setdefault(os.path.dirname(row["filename"]), [0, 0, 0, 0])
        for i, key in enumerate(("line_covered", "line_total", "branch_covered", "branch_total")):
            sums[i] += int(row[key])
    total = [sum(column) for column in zip(*rooms.values())] if rooms else [0, 0, 0, 0]
    width = max((len(r) for r in rooms), default=5)
    print(f"{'room':{width}}   lines         branches")
    for name, s in sorted(rooms.items()) + [("total", total)]:
        print(f"{name:{width}} {s[1]:6} {percent(s[0], s[1])} {s[3]:6} {percent(s[2], s[3])}")


def main(argv):
    folder = os.path.abspath(argv[0]) if argv else build()
    out = os.path.join(TOP, "build", "coverage")
    os.makedirs(out, exist_ok=True)
    forget_counters(folder)
    run = subprocess.run([sys.executable, os.path.join(TOP, "test", "host", "run.py"), folder],
                         stdout=subprocess.PIPE, text=True)
    summary = run.stdout.strip().split("\n")[-1]
    for line in run.stdout.split("\n"):
        if line.startswith("not ok"):
            print(line)
    rows = gcovr(folder, out)
    if not rows:
        print("coverage: no figures: was the build configured with -Dcoverage=true?", file=sys.stderr)
        return 1
    table(rows)
    print(f"{summary}; details in {os.path.relpath(out, TOP)}/index.html")
    return 1 if run.returncode else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
