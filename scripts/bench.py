#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measure: guest instructions per operation, twice, and refuse figures that differ.

Builds the profiles with CONFIG_BENCH=y (PROFILE, else RUNS below), boots them under -icount, writes
build/bench/figures.jsonl, figures.svg and a drawing for each cost curve (curves.py), prints a table;
without PROFILE also each scheduler in a kernel for several CPUs, in schedulers.jsonl.
--docs also rewrites the tables of docs/benchmarks.md and the curves in docs/images/.
"""
import json
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "scripts"))
import curves  # noqa: E402
import machine  # noqa: E402


def other(kind, default, name):
    """EXTRA words: another provider of a kind in place of the profile's."""
    return "" if name == default else f"{kind}_{default}=n {kind}_{name}=y {kind}_DEFAULT_{name}=y"


# Profile, words on top of BENCH=y, and which figures: all that a build has, or those of one provider.
# The peers take turns or go by priority, on one CPU: the server is measured with round robin and for one
# CPU beside them, and what each of our schedulers costs stands apart in docs/benchmarks.md.
RR = other("SCHED", "EEVDF", "RR") + " SMP=n"
RUNS = (("server", RR, "all"), ("minimal", "", "all"),
        ("server", other("HEAP", "SLAB", "TLSF") + " " + RR, "heap.tlsf.*"),
        ("server", other("HEAP", "SLAB", "POOL") + " HEAP_POOL_N_32=4096 HEAP_POOL_N_64=8192 "
         "HEAP_POOL_N_128=8192 " + RR, "heap.pool.*"),
        ("server", other("HEAP", "SLAB", "FIRSTFIT") + " HEAP_FIRSTFIT_KIB=4096 " + RR,
         "heap.firstfit.*"),
        ("server", "CRYPTO=y " + RR, "token.*"), ("server", "CRYPTO=y " + RR, "crypto.*"),
        # From EEVDF, which has most to hand over, to round robin and back.
        ("server", "SCHED_RR=y SMP=n", "swap.*"),
        # Between buddy and bitmap, and between slab and TLSF.
        ("server", "FRAMES_BITMAP=y HEAP_TLSF=y " + RR, "swap.*"))

# What the schedulers cost: each alone in the server's kernel for several CPUs, on a machine with one
# and on one with four. docs/benchmarks.md has a table for each.
SCHEDULERS = ("RR", "PRIO", "MLFQ", "EDF", "EEVDF", "STRIDE", "DIS")
SCHED_CPUS = (1, 4)
SCHED_GLOBS = ("sched.switch", "sem.ping_pong*", "thread.create_exit.*", "tick.total*",
               "ipi.round_trip", "tlb.shootdown.4")
# And how that grows with the threads that are ready, on one CPU: such a figure gets the scheduler's name,
# so that the curves of all are drawn side by side.
SCHED_CURVES = ("sched.pick.*", "sched.enqueue.*", "sched.dequeue.*", "sched.tick.*", "sched.deadline.*")
CURVE = re.compile(r'"sched\.((deadline\.)?(pick|enqueue|dequeue|tick)\.\d+")')


def build(profile, extra):
    name = "-".join([profile] + [w.split("=")[0].lower() for w in extra.split() if w.endswith("=y")])
    folder = os.path.join(TOP, "build", "bench", f"{name}-{os.environ.get('CC') or 'gcc'}")
    done = subprocess.run(["make", "-s", "-C", TOP, f"PROFILE={profile}", f"O={folder}",
                           f"EXTRA=BENCH=y {extra}".strip(), "kernel"])
    if done.returncode:
        sys.exit(1)
    return os.path.join(folder, "out")


def measure(out, glob, cpus=1):
    """The lines that one run prints; none if that kernel has no such figure."""
    m = machine.Machine(out, icount=True, smp=cpus,
                        append=f"helix.bench={glob} helix.bench.unit=insn")
    with m:
        code = m.wait_end(300)
    if code != machine.EXIT_OK:
        sys.exit(f"helix: the benchmark ended with {code}:\n" +
                 m.transcript.decode(errors="replace")[-2000:])
    return [ln for ln in m.transcript.replace(b"\r", b"").decode(errors="replace").split("\n")
            if ln.startswith('{"bench"')]


def agreed(out, glob, cpus=1):
    first, second = measure(out, glob, cpus), measure(out, glob, cpus)
    if first != second:
        for a, b in zip(first, second):
            if a != b:
                print(a, b, sep="\n", file=sys.stderr)
        sys.exit("helix: two runs printed different figures")
    return first


def schedulers():
    """Lines of figures of each scheduler, with its name and the number of CPUs; and of its curves."""
    of_cpus, of_curves = [], []
    for name in SCHEDULERS:
        out = build("server", (other("SCHED", "EEVDF", name) + " SMP=y").strip())
        for cpus in SCHED_CPUS:
            of_cpus += [json.dumps(dict(json.loads(ln), scheduler=name.lower(), cpus=cpus))
                        for glob in SCHED_GLOBS for ln in agreed(out, glob, cpus)]
        of_curves += [CURVE.sub(rf'"sched.{name.lower()}.\1', ln)
                      for glob in SCHED_CURVES for ln in agreed(out, glob)]
    return of_cpus, of_curves


def svg(figures, path):
    """A bar per figure, logarithmic: 1 to 1,000,000 instructions."""
    import math
    rows = []
    for i, f in enumerate(figures):
        y, width = 20 + 22 * i, 80 * math.log10(max(f["p50"], 1) + 1)
        rows.append(f'<text x="250" y="{y + 12}" text-anchor="end">{f["profile"]} {f["bench"]}</text>'
                    f'<rect x="260" y="{y}" width="{width:.0f}" height="16" fill="#4878a8"/>'
                    f'<text x="{266 + width:.0f}" y="{y + 12}">{f["p50"]:,}</text>')
    with open(path, "w") as f:
        f.write(f'<svg xmlns="http://www.w3.org/2000/svg" width="860" height="{40 + 22 * len(rows)}" '
                'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="white"/>'
                + "\n".join(rows) + "</svg>\n")


def main(argv):
    alone = os.environ.get("PROFILE")
    by_scheduler, lines = [], []
    for profile, extra, glob in [(alone, "", "all")] if alone else RUNS:
        of_run = agreed(build(profile, extra), glob)
        if not of_run:
            sys.exit(f"helix: {profile} {extra} has no figure {glob}")
        lines += [ln for ln in of_run if alone or not CURVE.search(ln)]
    if not alone:
        by_scheduler, of_curves = schedulers()
        lines += of_curves
    folder = os.path.join(TOP, "build", "bench")
    path = os.path.join(folder, "figures.jsonl")
    with open(path, "w") as f:
        f.write("\n".join(lines) + "\n")
    figures = [json.loads(ln) for ln in lines]
    svg([f for f in figures if not f["bench"].split(".")[-1].isdigit()],
        os.path.join(folder, "figures.svg"))
    drawn = curves.write(lines, folder)
    print(f"{'figure':34} {'profile':9} {'unit':6} {'min':>9} {'p50':>9} {'p99':>9} {'max':>9}")
    for f in figures:
        print(f"{f['bench']:34} {f['profile']:9} {f['unit']:6} {f['min']:9,} {f['p50']:9,} "
              f"{f['p99']:9,} {f['max']:9,}")
    print(f"{os.path.relpath(path, TOP)}, {', '.join(['figures.svg'] + drawn)}; two runs agreed")
    if by_scheduler:
        with open(os.path.join(folder, "schedulers.jsonl"), "w") as f:
            f.write("\n".join(by_scheduler) + "\n")
    for f in map(json.loads, by_scheduler):
        print(f"{f['bench']:34} {f['scheduler']:6} {f['cpus']:2} {f['unit']:6} {f['min']:9,} "
              f"{f['p50']:9,} {f['p99']:9,} {f['max']:9,}")
    if "--docs" in argv:
        curves.write(lines, os.path.join(TOP, "docs", "images"))
        return subprocess.call([sys.executable, os.path.join(TOP, "scripts", "docs.py"), "--bench",
                                path])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
