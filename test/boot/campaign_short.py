# SPDX-License-Identifier: MIT
"""A short campaign of injected faults; the long one is `make campaign`."""
import campaign as long_one
from lib import expect


def short(cc):
    c = long_one.campaign(24, 7, 2, cc)
    text, total = long_one.table(c, "short")
    module, kernel = long_one.totals(c, "module"), long_one.totals(c, "kernel")
    expect(total.injected == 24 and total.manifested >= 12, "faults that show", text)
    for part in (module, kernel):
        expect(part.lost == 0, "the kernel lives", text)
        expect(part.detected == part.manifested, "each of them is detected", text)
        expect(part.recovered == part.manifested, "each is recovered from", text)


def tests():
    return [("campaign: faults are detected and recovered from", lambda: short("gcc")),
            ("campaign: faults are detected and recovered from, clang", lambda: short("clang"))]
