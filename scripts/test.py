#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the test groups and count: what `make test`, `make unit` and the others call.

  test.py [GROUP...]      none: all groups, in the order of GROUPS, then any other test/<group>/run.py

A group is a program that prints TAP. unit and contract are two suites of test/host/run.py, over a
build of every room; any other group is test/<group>/run.py, which takes patterns of test names. A
new folder with a run.py is a new group, with no list to extend. A group that ends without having
reported all it planned, or with a bad status and no failure reported, counts as one failure more.
The last line is "N passed, N failed"; skipped tests are neither.
"""
import os
import re
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GROUPS = ["lint", "unit", "contract", "build", "boot"]
RESULT = re.compile(r"(not ok|ok)\b(.*)$")
PLAN = re.compile(r"1\.\.(\d+)")


def groups():
    found = [g for g in sorted(os.listdir(os.path.join(TOP, "test")))
             if os.path.exists(os.path.join(TOP, "test", g, "run.py")) and g != "host"]
    return [g for g in GROUPS if g in found or g in ("unit", "contract")] + \
        [g for g in found if g not in GROUPS]


def program(group):
    """The command of a group, after building what it runs. Raises CalledProcessError."""
    if group in ("unit", "contract"):
        built = subprocess.run([sys.executable, os.path.join(TOP, "scripts", "build.py"), "unit"],
                               capture_output=True, text=True)
        if built.returncode:
            raise RuntimeError(built.stdout + built.stderr)
        folder = built.stdout.strip().split("\n")[-1]
        return [sys.executable, os.path.join(TOP, "test", "host", "run.py"), folder,
                "--suite", group]
    return [sys.executable, os.path.join(TOP, "test", group, "run.py")]


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.planned = None

    def line(self, line):
        """Count one TAP line; True if it says that something failed."""
        m = PLAN.match(line)
        if m:
            self.planned = (self.planned or 0) + int(m.group(1))
        m = RESULT.match(line)
        if m is None:
            return False
        if m.group(1) == "not ok":
            self.failed += 1
        elif re.search(r"# SKIP", m.group(2), re.I):
            self.skipped += 1
        else:
            self.passed += 1
        return m.group(1) == "not ok"

    def total(self):
        return self.passed + self.failed + self.skipped


def trouble(group, what):
    print(f"not ok - {group}: {what}", flush=True)


def run_group(group):
    count, start = Count(), time.monotonic()
    print(f"== {group}", flush=True)
    try:
        command = program(group)
    except RuntimeError as e:
        count.failed += 1
        trouble(group, "its programs could not be built")
        print(str(e).rstrip(), flush=True)
        return count
    verbose, failing = bool(os.environ.get("V")), False
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=TOP,
                          stdin=subprocess.DEVNULL, text=True, errors="replace") as p:
        for line in p.stdout:
            line = line.rstrip("\n")
            is_result = RESULT.match(line) is not None
            if is_result or not line.startswith("#"):
                failing = count.line(line)
            if failing or verbose or not (is_result or line.startswith(("#", "1..", "TAP "))):
                if not re.match(r"\d+ passed, \d+ failed", line):
                    print(line, flush=True)
    if count.planned is None or count.planned != count.total():
        trouble(group, f"planned {count.planned} tests, reported {count.total()}")
        count.failed += 1
    elif (p.returncode != 0) != (count.failed != 0):
        trouble(group, f"status {p.returncode} with {count.failed} failures reported")
        count.failed += 1
    skipped = f", {count.skipped} skipped" if count.skipped else ""
    print(f"   {group}: {count.passed} of {count.total()} passed{skipped}, "
          f"{time.monotonic() - start:.0f} s", flush=True)
    return count


def main(argv):
    known = groups()
    for name in argv:
        if name not in known:
            sys.exit(f"helix: no test group '{name}'. There are: {', '.join(known)}")
    counts = [run_group(g) for g in (argv or known)]
    failed = sum(c.failed for c in counts)
    print(f"{sum(c.passed for c in counts)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
