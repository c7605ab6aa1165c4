#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run the host tests of a build folder and count single test cases.

    run.py BUILD [--suite unit|contract] [--jobs N] [--timeout SECONDS] [--list] [--remarks] [GLOB...]

Prints one TAP stream on standard output: a line per test case, named <program>: <case>, and the
output of programs that failed as comments, with --remarks also the lines "# …" that those which
passed printed. The last line is the summary, "N passed, N failed".
A program that dies, or whose plan and lines do not agree, is a failed case of its own.
Exit status: 0 all passed; 1 some failed; 2 usage, or a pattern that means no test.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import re
import subprocess
import sys
import time

RESULT = re.compile(r"^(ok|not ok)\b(?: (\d+))?(?: -)? ?(.*)$")
GROUP = re.compile(r"^# (?:not )?ok - (.*)$")
PLAN = re.compile(r"^1\.\.(\d+)$")
ENVIRONMENT = {
    "CMOCKA_MESSAGE_OUTPUT": "TAP",
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


class Outcome:
    """What one program did: cases as (passed, name, skipped), and why it failed as a whole."""

    def __init__(self, name):
        self.name, self.cases, self.broken, self.output, self.seconds = name, [], None, "", 0.0


def parse(outcome, text):
    """Read cmocka's TAP: per group a plan, its cases, then "# ok - <group>"."""
    planned, group_start = None, 0
    for line in text.splitlines():
        group = GROUP.match(line)
        if group:
            if group.group(1) != "tests":       # the name cmocka_run_group_tests() makes up
                outcome.cases[group_start:] = [(ok, f"{group.group(1)}: {name}", skip)
                                               for ok, name, skip in outcome.cases[group_start:]]
            group_start = len(outcome.cases)
        plan = PLAN.match(line)
        if plan:
            planned = (planned or 0) + int(plan.group(1))
        result = RESULT.match(line)
        if result:
            # cmocka reports a skipped case as "not ok 3 # SKIP name".
            name, skip = result.group(3), result.group(3).startswith("# SKIP")
            outcome.cases.append((skip or result.group(1) == "ok",
                                  name[len("# SKIP"):].strip() if skip else name, skip))
    if planned is None:
        outcome.broken = "no plan in its output"
    elif planned != len(outcome.cases):
        outcome.broken = f"planned {planned} cases, reported {len(outcome.cases)}"


def run(name, path, timeout):
    outcome = Outcome(name)
    start = time.monotonic()
    try:
        done = subprocess.run([path], stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=timeout, env={**os.environ, **ENVIRONMENT})
        out, err, status = done.stdout, done.stderr, done.returncode
    except subprocess.TimeoutExpired as e:
        out, err, status = e.stdout or b"", e.stderr or b"", None
    except OSError as e:
        out, err, status = b"", str(e).encode(), "not started"
    outcome.seconds = time.monotonic() - start
    text = out.decode(errors="replace")
    outcome.output = text + err.decode(errors="replace")
    parse(outcome, text)
    failed = sum(1 for passed, _, _ in outcome.cases if not passed)
    if status is None:
        outcome.broken = f"still running after {timeout:g} s"
    elif status != failed and not (status and failed):
        outcome.broken = f"ended with status {status}" + (
            f"; {outcome.broken}" if outcome.broken else "")
    return outcome


def read_list(build):
    path = os.path.join(build, "test", "host", "tests.list")
    try:
        with open(path) as f:
            return [line.split(" ", 2) for line in f.read().splitlines() if line]
    except FileNotFoundError:
        sys.exit(f"run.py: {path} is not there: configure with -Darch=host -Dtests=true")


def report(outcome, number, remarks):
    """TAP lines of one program; returns the next number and what passed, failed and was skipped."""
    passed = failed = skipped = 0
    for ok, name, skip in outcome.cases:
        number += 1
        print(f"{'ok' if ok else 'not ok'} {number} - {outcome.name}: {name}"
              f"{' # SKIP' if skip else ''}")
        passed, failed, skipped = passed + (ok and not skip), failed + (not ok), skipped + skip
    if outcome.broken:
        number += 1
        failed += 1
        print(f"not ok {number} - {outcome.name}: {outcome.broken}")
    for line in outcome.output.splitlines():
        if failed:
            print(f"#   {line}")
        elif remarks and line.startswith("# ") and not GROUP.match(line):
            print(line)
    sys.stdout.flush()
    return number, passed, failed, skipped


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("build")
    ap.add_argument("globs", nargs="*", metavar="GLOB", help="programs, e.g. 'core_*'")
    ap.add_argument("--suite", choices=["unit", "contract"])
    ap.add_argument("--jobs", type=int, default=2)
    ap.add_argument("--timeout", type=float, default=300)
    ap.add_argument("--list", action="store_true", help="only name the programs")
    ap.add_argument("--remarks", action="store_true", help="what programs that passed remark, too")
    args = ap.parse_args()

    chosen = [(name, path) for suite, name, path in read_list(args.build)
              if args.suite in (None, suite) and
              (not args.globs or any(fnmatch.fnmatch(name, g) for g in args.globs))]
    if args.list:
        print("\n".join(name for name, _ in chosen))
        return 0
    if not chosen and args.globs:
        print("run.py: no test is meant", file=sys.stderr)
        return 2

    start = time.monotonic()
    number, totals, bad = 0, [0, 0, 0], []
    print("TAP version 13")
    with concurrent.futures.ThreadPoolExecutor(max_workers=args.jobs) as pool:
        for outcome in pool.map(lambda t: run(t[0], t[1], args.timeout), chosen):
            number, *counts = report(outcome, number, args.remarks)
            totals = [a + b for a, b in zip(totals, counts)]
            if counts[1]:
                bad.append(outcome.name)
    print(f"1..{number}")
    for name in bad:
        print(f"# failed: {name}")
    skipped = f", {totals[2]} skipped" if totals[2] else ""
    print(f"# {len(chosen)} programs, {time.monotonic() - start:.1f} s")
    print(f"{totals[0]} passed, {totals[1]} failed{skipped}")
    return 1 if totals[1] else 0


if __name__ == "__main__":
    sys.exit(main())
