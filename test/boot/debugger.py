# SPDX-License-Identifier: MIT
"""gdb on the kernel, with a script instead of a person."""
import os
import re
import shutil
import subprocess
import sys

import pexpect

from lib import TOP, Failed, built, expect


def session():
    if shutil.which("gdb") is None:
        raise AssertionError("gdb is not installed: scripts/setup brings it")
    folder = os.path.dirname(built("server"))
    commands = ["backtrace", "tbreak console_run", "continue", "backtrace", "print session.used",
                "detach"]
    run = subprocess.run([sys.executable, os.path.join(TOP, "scripts", "gdb.py"), folder, "-batch"] +
                         [word for c in commands for word in ("-ex", c)], capture_output=True,
                         text=True, stdin=subprocess.DEVNULL, timeout=120)
    text = run.stdout + run.stderr
    for what in (r"(?m)^Breakpoint 1, hx_main \(info=0x\w+ <hx_x86_boot>\) at core/init/main\.c:\d+$",
                 r"(?m)^#1 .* in hx_x86_boot_final \(.*\) at hal/x86_64/boot\.c:\d+$",
                 r"(?m)^#0  console_run \(\) at core/console/session\.c:\d+$",
                 r"(?m)^\$1 = \d+$"):
        expect(re.search(what, text), what, text)
    expect("Resource temporarily" not in text and run.returncode == 0, "a clean end", text)


def stopped_by_a_key():
    """As a person does it: make gdb on a terminal, Ctrl-C while the kernel runs."""
    built("server")
    folder = os.path.join(TOP, "build", "test", "server-x86_64-gcc")
    child = pexpect.spawn("make", ["-s", "-C", TOP, "PROFILE=server", f"O={folder}", "gdb"],
                          timeout=60, dimensions=(24, 200), encoding="utf-8",
                          env=dict(os.environ, TERM="dumb"))
    try:
        for line, answer in ((None, "Breakpoint 1, hx_main"), ("set confirm off", ""),
                             ("set pagination off", ""), ("tbreak console_run", "breakpoint 2"),
                             ("continue", "console_run \\(\\) at"),
                             ("continue", "Continuing\\."), ("\x03", "SIGINT"), ("quit", None)):
            if line == "\x03":
                child.sendintr()
            elif line is not None:
                child.sendline(line)
            child.expect(answer if answer is not None else pexpect.EOF)
            if answer is not None and answer != "Continuing\\.":
                child.expect_exact("(gdb) ")
    except (pexpect.TIMEOUT, pexpect.EOF) as e:
        raise Failed(f"after {line!r} no {answer!r}: {child.before!r}") from e
    finally:
        child.close(force=True)


def tests():
    return [("gdb: Ctrl-C stops the kernel", stopped_by_a_key),
            ("gdb: break at hx_main, callers, continue", session)]
