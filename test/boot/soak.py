#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What takes long in a booted kernel, for `make soak`: TAP as from run.py, patterns as arguments."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts")]
sys.dont_write_bytecode = True
import inkernel  # noqa: E402
import lib  # noqa: E402


def tests():
    """Without the checks the test of all pairs swaps 10,000 times."""
    return [(f"soak: 10,000 swaps between all schedulers, {smp} CPUs",
             lambda smp=smp: inkernel.run_tests("server", extra="KTEST=y " + inkernel.SCHEDULERS,
                                                smp=smp, which="swap_between*", timeout=7200))
            for smp in (1, 2, 4)]


if __name__ == "__main__":
    sys.exit(lib.run_all(tests(), sys.argv[1:]))
