# SPDX-License-Identifier: MIT
"""The host tests of a profile build and pass, also where most choices are off."""
import os
import unittest

import lib


class Unit(unittest.TestCase):
    weight = 2

    def check(self, profile):
        run = lib.make(f"PROFILE={profile}", f"O={os.path.join(lib.WORK, 'unit-' + profile)}", "unit")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertRegex(run.stdout, r"(?m)^[1-9]\d+ passed, 0 failed$")

    def test_minimal(self):
        self.check("minimal")

    def test_teaching(self):
        self.check("teaching")


class Soak(unittest.TestCase):
    weight = 2

    def test_what_needs_no_machine(self):
        """`make soak` in short: the simulator is built and takes events, every heap is traced."""
        run = lib.make("soak-host", "SCHEDSIM_EVENTS=2000", "HX_HEAP_STEPS=3000")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        for heap in ("bump", "firstfit", "pool", "slab", "tlsf"):
            self.assertRegex(run.stdout, rf"(?m)^# {heap} +3000 operations$")
        self.assertRegex(run.stdout, r"(?m)^5 passed, 0 failed$")
        self.assertRegex(run.stdout, r"2,?000 events")
