#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""All boot tests as TAP. Arguments: patterns of test names."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(os.path.dirname(HERE)), "scripts")]
sys.dont_write_bytecode = True
import campaign_short  # noqa: E402
import debugger  # noqa: E402
import failures  # noqa: E402
import figures  # noqa: E402
import guide  # noqa: E402
import host  # noqa: E402
import inkernel  # noqa: E402
import lib  # noqa: E402
import modules  # noqa: E402
import profiles  # noqa: E402
import runner  # noqa: E402
import screen  # noqa: E402
import serial_swap  # noqa: E402
import swap  # noqa: E402
import terminal  # noqa: E402
import watchdog  # noqa: E402

if __name__ == "__main__":
    found = []
    for group in (inkernel, modules, swap, serial_swap, failures, screen, terminal, runner, figures, host,
                  debugger, profiles, watchdog, guide, campaign_short):
        found += group.tests()
    sys.exit(lib.run_all(found, sys.argv[1:]))
