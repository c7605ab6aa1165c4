#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check the models with spin: each holds, and each of its planted bugs is found.

  run.py [PATTERN...]     TAP; a pattern picks tests by name

A model is a .pml file here. `#ifdef BUG_X` in it is a mistake that must make a property fail: one
test for the model as it is, one for each bug. spin searches every state of the model.
"""
import fnmatch
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
DEPTH = 200000
TIMEOUT_S = 300


def check(model, bug):
    """(errors, states, text): spin's verdict over all states of a model."""
    with tempfile.TemporaryDirectory() as d:
        define = [f"-D{bug}"] if bug else []
        run = subprocess.run(["spin"] + define + ["-a", os.path.join(HERE, model + ".pml")], cwd=d,
                             capture_output=True, text=True)
        if run.returncode:
            return None, 0, run.stdout + run.stderr
        run = subprocess.run(["gcc", "-O2", "-w", "-DSAFETY", "-DMEMLIM=2048", "-o", "pan",
                              "pan.c"], cwd=d, capture_output=True, text=True)
        if run.returncode:
            return None, 0, run.stderr
        run = subprocess.run(["./pan", f"-m{DEPTH}"], cwd=d, capture_output=True, text=True,
                             timeout=TIMEOUT_S)
        errors = re.search(r"errors: (\d+)", run.stdout)
        states = re.search(r"(\d+) states, stored", run.stdout)
        if errors is None or "max search depth too small" in run.stdout or \
                (not bug and "Search not completed" in run.stdout):
            return None, 0, run.stdout + run.stderr
        return int(errors.group(1)), int(states.group(1)) if states else 0, run.stdout


def tests():
    for name in sorted(os.listdir(HERE)):
        if name.endswith(".pml"):
            with open(os.path.join(HERE, name)) as f:
                bugs = sorted(set(re.findall(r"#ifn?def (BUG_\w+)", f.read())))
            for bug in [None] + bugs:
                yield name[:-4], bug


def main(argv):
    chosen = [(m, b) for m, b in tests()
              if not argv or any(fnmatch.fnmatch(m + (f": {b}" if b else ""), p) for p in argv)]
    failed = 0
    print(f"1..{len(chosen)}", flush=True)
    for i, (model, bug) in enumerate(chosen, 1):
        errors, states, text = check(model, bug)
        good = errors is not None and (errors > 0) == bool(bug)
        failed += not good
        what = f"{model}: {bug} is found" if bug else f"{model}: every property holds"
        print(f"{'ok' if good else 'not ok'} {i} - {what} ({states} states)", flush=True)
        if not good:
            print("\n".join("# " + line for line in text.splitlines()[-30:]), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
