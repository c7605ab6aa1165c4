# SPDX-License-Identifier: MIT
"""The hardware watchdog: a kernel that hangs is ended by it, one that is well is not."""
import time

import machine
from lib import Failed, boots, built, expect

EXTRA = "WATCHDOG_I6300ESB=y WATCHDOG_I6300ESB_S=4 PROVOKE=y"
DEVICE = ("-device", "i6300esb", "-action", "watchdog=poweroff")


def hung(extra, timeout, **options):
    """How long a kernel that hangs on purpose lives; None: longer than that."""
    with machine.Machine(built("server", extra=EXTRA), append="helix.provoke=hang", extra=extra,
                         **options) as m:
        start = time.monotonic()
        try:
            m.wait_end(timeout)
        except machine.NoAnswer:
            return None
        finally:
            text = m.transcript.decode(errors="replace")
            expect("provoke: hang: now" in text, "the kernel came up to where it hangs", text[-800:])
        return time.monotonic() - start


def resets(smp):
    def test():
        expect(hung(DEVICE, 90, smp=smp) is not None, "the watchdog ended QEMU within 90 s")
    return test


def without_it_hangs():
    expect(hung((), 20) is None, "without the device it hangs until the test ends it")


def is_fed():
    with boots(built("server", extra=EXTRA), extra=DEVICE) as m:
        time.sleep(12)      # three times what it waits for
        try:
            body = m.ask("cat /proc/watchdog").body
        except machine.Ended as e:
            raise Failed("a kernel that is well was ended") from e
        expect(len(body) == 1 and "state=running" in body[0] and "hungry=0" in body[0], "it runs",
               str(body))
        fed = int(body[0].split("fed=")[1].split()[0])
        expect(fed >= 20, "it was fed", str(body))
        m.poweroff()


def tests():
    return [("watchdog: ends a kernel that hangs", resets(1)),
            ("watchdog: ends a kernel that hangs, 4 CPUs", resets(4)),
            ("watchdog: without one a kernel that hangs stays", without_it_hangs),
            ("watchdog: one that is fed does nothing", is_fed)]
