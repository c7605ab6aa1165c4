# SPDX-License-Identifier: MIT
"""Serial drivers are replaced while bytes go both ways over the very port; every byte is looked at."""
import re
import time

from inkernel import CHECKED, expect_passed
from lib import BOOT_S, boots, built, expect, runs_to_end
import machine
from runner import FAULTY

CTL = "echo /slots/serial/ctl swap "
POLLED = "/boot/modules/uart_ns16550_poll.hko"
N_SWAPS = 210
NUMBERED = re.compile(r"^# numbered (\d{6}) 0123456789 abcdefghijklmnopqrstuvwxyz$", re.M)


def numbered_lines(smp):
    """A thread of the kernel writes lines while another one swaps, and while drivers break."""
    def test():
        code, text = runs_to_end(built("server", extra=CHECKED), smp=smp, timeout=300,
                                 append="helix.tests=modules_serial*,modules_a_serial*")
        expect_passed(code, text)
        numbers = [int(n) for n in NUMBERED.findall(text)]
        expect(len(numbers) > 1000, "more than a thousand lines", str(len(numbers)))
        expect(numbers == list(range(len(numbers))) and len(numbers) == text.count("# numbered"),
               "each line once, whole, in its order", str(numbers[-20:]))
    return test


def typed(m, smp):
    """All lines are typed at once, so that input waits in chip and queues during each swap, and what
    was answered before is still on its way out. Returns what is expected, a pattern for each line."""
    known = m.ask("help")
    body = "\n".join([known.ack] + known.body + ["END"])
    lines, expected = [], []
    for i in range(N_SWAPS):
        to = ("ns16550_poll", "ns16550")[i % 2]
        lines.append(CTL + to)
        expected.append(rf"OK ECHO path=/slots/serial/ctl provider={to} items=\d+ pause_ns=\d+")
        for k in range(1 + i % 3):
            lines.append(f"ping {i:04d} {k}")       # what is typed comes back, with its number
            expected.append(r"(?:OK|ERR) P[A-Z]+.*")
        if i % 7 == 0:
            lines.append("help")
            expected.append(re.escape(body))
    m.send("".join(line + "\r" for line in lines).encode())
    return lines, expected


def every_byte(smp):
    def test():
        with boots(built("server"), smp=smp) as m:
            expect(m.ask(f"echo /modules/ctl load {POLLED}").ok, "the module is loaded")
            lines, expected = typed(m, smp)
            deadline = time.monotonic() + 300
            while m.buffer.count(machine.PROMPT) < len(lines):
                try:
                    m.pump(deadline)
                except machine.NoAnswer:
                    break
            text = machine.ESCAPES.sub(b"", m.buffer).replace(b"\r", b"").decode()
            m.buffer = b""
            parts = text.split("helix> ")
            for line, pattern, part in zip(lines, expected, parts):
                expect(re.fullmatch(re.escape(line) + "\n" + pattern + "\n", part),
                       f"{line!r} and its answer", repr(part))
            expect(len(parts) == len(lines) + 1 and parts[-1] == "", "nothing else",
                   repr(text[-300:]))
            counts = m.ask("cat /proc/consoles").text()
            expect("dropped_in_bytes=0\n" in counts, "no input was dropped", counts)
    return test


def provider(m):
    return m.ask("cat /slots/serial/provider").body[0]


def line_without_interrupts():
    """Each answer takes up to a second; then the healer swaps, and they are quick again. The console
    shows errors only: what the healer says would come between a prompt and the next line."""
    with boots(built("server", extra=FAULTY), smp=1, append="helix.loglevel=error") as m:
        expect(m.ask(f"echo /modules/ctl load {POLLED}").ok, "the module is loaded")
        expect(m.ask("echo /fault/ctl arm serial.irq times always").ok, "no interrupts any more")
        deadline = time.monotonic() + BOOT_S
        while provider(m) != "provider=ns16550_poll":
            expect(time.monotonic() < deadline, "the driver that polls is in the slot",
                   m.ask("heal").text())
            time.sleep(0.5)
        history = m.ask("cat /heal/history").text()
        expect(re.search(r"serial\.line.*fall", history), "a record of it", history)
        for _ in range(20):
            expect(m.ask("ping", timeout=10).ok, "it answers")


def tests():
    found = [("serial: the healer replaces a driver whose interrupts do not come",
              line_without_interrupts)]
    for smp in (1, 4):
        found.append((f"serial: numbered lines during swaps, {smp} CPUs", numbered_lines(smp)))
        found.append((f"serial: typed and answered during swaps, {smp} CPUs", every_byte(smp)))
    return found
