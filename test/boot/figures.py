# SPDX-License-Identifier: MIT
"""Benchmarks print the same numbers twice; the documentation's tables agree with the kernel."""
import json
import os
import subprocess
import sys

from lib import TOP, built, expect, runs_to_end

NAMES = ("boot.to_main", "boot.to_prompt", "sched.yield", "sched.switch", "mutex.pair",
         "sem.pair", "spin.pair", "sem.ping_pong", "thread.create_exit.static",
         "thread.create_exit.alloc", "irq.entry_exit", "tick.total", "heap.slab.pair",
         "frames.buddy.pair", "fs.ramfs.open", "fs.ramfs.read1", "fs.ramfs.create", "vm.map", "vm.fault",
         "vm.fault.cow", "vm.switch")

# What a call through a slot takes more than a direct one: nothing where no swap is built in.
MAY_BE_0 = ("slot.call.scheduler", "slot.call.heap")


def figures_of(out, **options):
    code, text = runs_to_end(out, timeout=240, icount=True,
                             append="helix.bench=all helix.bench.unit=insn", **options)
    expect(code == 0x10, "exit code 0x10", f"{code}\n{text[-2000:]}")
    return [line for line in text.split("\n") if line.startswith('{"bench"')]


def same_twice():
    out = built("server", extra="BENCH=y")
    first, second = figures_of(out), figures_of(out)
    expect(first, "figures are printed")
    expect(first == second, "two runs agree",
           "\n".join(f"{a}\n{b}" for a, b in zip(first, second) if a != b))
    got = {}
    for line in first:
        figure = json.loads(line)
        got[figure["bench"]] = figure
        expect(figure["unit"] in ("insn", "bytes", "ratio"), "a unit", line)
        expect(figure["min"] <= figure["p50"] <= figure["p99"] <= figure["max"], "order", line)
        expect(figure["max"] > 0 or figure["bench"] in MAY_BE_0, "a measured value", line)
    missing = [n for n in NAMES if n not in got]
    expect(not missing, "all figures are there", " ".join(missing))


def tables_agree():
    out = built("server", extra="KTEST=y BENCH=y FAULT_INJECTION=y")
    check = subprocess.run([sys.executable, os.path.join(TOP, "scripts", "docs.py"), "--check",
                            "--kernel", out], capture_output=True, text=True)
    expect(check.returncode == 0, "the generated tables are up to date", check.stdout + check.stderr)


def tests():
    return [("documentation: tables agree with the kernel", tables_agree),
            ("figures: two runs print the same numbers", same_twice)]
