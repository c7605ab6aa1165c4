#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All tests of the build as TAP: every *_test.py here. Arguments: patterns of test names."""
import concurrent.futures
import fnmatch
import importlib
import importlib.util
import os
import sys
import threading
import time
import unittest

if importlib.util.find_spec("kconfiglib") is None and sys.executable != "/usr/bin/python3":
    os.execv("/usr/bin/python3", ["/usr/bin/python3"] + sys.argv)   # another python3 came first
HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
JOBS = 2


def flat(suite):
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            yield from flat(test)
        else:
            yield test


def name_of(test):
    words = test.id().split(".")
    return f"{words[0].replace('_test', '')}: {words[-1].replace('test_', '', 1).replace('_', ' ')}"


def main(patterns):
    loader, tests = unittest.TestLoader(), []
    for name in sorted(os.listdir(HERE)):
        if name.endswith("_test.py"):
            tests += flat(loader.loadTestsFromModule(importlib.import_module(name[:-3])))
    if patterns:
        tests = [t for t in tests if any(fnmatch.fnmatch(name_of(t), p) for p in patterns)]
    # Long ones first, so that the two workers end together.
    tests.sort(key=lambda t: -getattr(t, "weight", 0))
    print(f"1..{len(tests)}", flush=True)
    guard, numbers, failed = threading.Lock(), iter(range(1, len(tests) + 1)), []

    def one(test):
        result, start = unittest.TestResult(), time.monotonic()
        test.run(result)
        trouble = result.failures + result.errors
        with guard:
            n = next(numbers)
            if result.skipped:
                print(f"ok {n} - {name_of(test)} # SKIP {result.skipped[0][1]}", flush=True)
            elif not trouble:
                print(f"ok {n} - {name_of(test)} # {time.monotonic() - start:.1f} s", flush=True)
            else:
                failed.append(test)
                print(f"not ok {n} - {name_of(test)}", flush=True)
                for _, text in trouble:
                    for line in text.splitlines()[-60:]:
                        print(f"# {line}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(one, tests))
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
