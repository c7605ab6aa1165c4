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
