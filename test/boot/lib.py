# SPDX-License-Identifier: MIT
"""What the boot tests share: variants of profiles, machines, TAP.

A test is a function that takes no argument and raises Failed (or any exception) if what it saw is
wrong. Tests run two at a time; each prints one TAP line when it ends.
"""
import concurrent.futures
import fnmatch
import os
import subprocess
import threading
import time

import machine

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROFILES = ("desktop", "server", "embedded", "secure", "realtime", "teaching", "minimal")
JOBS = 2
BOOT_S = 120        # generous: a loaded machine under emulation


class Failed(Exception):
    pass


def expect(condition, what, seen=""):
    if not condition:
        raise Failed(f"{what}; saw: {seen}" if seen else what)


_locks, _locks_guard = {}, threading.Lock()


def built(profile, extra="", cc="gcc", targets="kernel", arch="x86_64"):
    """The out/ folder of a profile, with extra Kconfig lines ("KTEST=y FOO=3") on top of it."""
    name = profile + ("-" + extra.replace(" ", "-").replace("=", "_").lower() if extra else "")
    folder = os.path.join(TOP, "build", "test", f"{name}-{arch}-{cc}")
    with _locks_guard:
        lock = _locks.setdefault(folder, threading.Lock())
    with lock:
        run = subprocess.run(["make", "-s", "-C", TOP, f"PROFILE={profile}", f"ARCH={arch}",
                              f"CC={cc}", f"O={folder}", f"EXTRA={extra}", "CCACHE=y"] +
                             targets.split(),
                             capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if run.returncode:
        raise Failed(f"make {targets} for {name} ({cc}) failed:\n" +
                     (run.stdout + run.stderr)[-3000:])
    return os.path.join(folder, "out")


def boots(out, **options):
    """A machine that has reached its prompt. Use as a context."""
    m = machine.Machine(out, **options).start()
    try:
        m.banner = m.wait_prompt(BOOT_S)
    except (machine.NoAnswer, machine.Ended) as e:
        text = m.transcript.decode(errors="replace")[-1500:]
        m.close()
        raise Failed(f"no prompt: {e}\n{text}") from e
    return m


def runs_to_end(out, timeout=BOOT_S, **options):
    """Let the kernel leave by itself: its exit code and everything it printed."""
    with machine.Machine(out, **options) as m:
        try:
            code = m.wait_end(timeout)
        except machine.NoAnswer as e:
            raise Failed(f"{e}; the last it said:\n" +
                         m.transcript.decode(errors="replace")[-1500:]) from e
        return code, m.transcript.replace(b"\r", b"").decode(errors="replace")


def run_all(tests, argv):
    """tests: list of (name, function). Arguments are patterns of names; none: all."""
    if argv:
        tests = [t for t in tests if any(fnmatch.fnmatch(t[0], p) for p in argv)]
    print(f"1..{len(tests)}", flush=True)
    numbers, guard, failed = iter(range(1, len(tests) + 1)), threading.Lock(), []

    def one(test):
        name, fn = test
        start, why = time.monotonic(), None
        try:
            fn()
        except Exception as e:      # a test may fail in any way; the others go on
            why = f"{type(e).__name__}: {e}"
        with guard:
            n = next(numbers)
            took = time.monotonic() - start
            if why is None:
                print(f"ok {n} - {name} # {took:.1f} s", flush=True)
            else:
                failed.append(name)
                print(f"not ok {n} - {name}", flush=True)
                for line in why.splitlines()[-60:]:
                    print(f"# {line}", flush=True)

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(one, tests))
    return 1 if failed else 0
