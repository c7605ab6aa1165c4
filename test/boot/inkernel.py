# SPDX-License-Identifier: MIT
"""The tests that run inside the booted kernel, on several machines, with the checks switched on."""
import re

from lib import built, expect, runs_to_end

CHECKED = "KTEST=y DEBUG_ASSERT=y DEBUG_LOCKS=y FAULT_INJECTION=y"
SMP = CHECKED + " SMP=y"


def run_tests(profile, extra=CHECKED, cc="gcc", words="", **options):
    out = built(profile, extra=extra, cc=cc,
                targets="kernel" if options.get("firmware", "direct") == "direct" else "iso")
    code, text = runs_to_end(out, timeout=240, append=f"helix.tests=all {words}".strip(), **options)
    plan = re.search(r"^1\.\.(\d+)$", text, re.M)
    expect(plan and int(plan.group(1)) > 0, "a TAP plan with tests", text[-2000:])
    good = len(re.findall(r"^ok \d+", text, re.M))
    bad = re.findall(r"^not ok .*$", text, re.M)
    expect(not bad, f"{good} of {plan.group(1)} passed", "\n".join(bad) + text[-1500:])
    expect(good == int(plan.group(1)), f"{good} of {plan.group(1)} reported", text[-2000:])
    expect(code == 0x10, "exit code 0x10", str(code))


def tests():
    found = []

    def add(name, *args, **kw):
        found.append((f"in the kernel: {name}", lambda: run_tests(*args, **kw)))

    for profile in ("server", "realtime", "embedded", "teaching", "minimal"):
        add(profile, profile)
        add(f"{profile}, 4 CPUs present", profile, smp=4)
    for smp in (1, 2, 4, 8):
        add(f"server, SMP on {smp} CPUs", "server", extra=SMP, smp=smp)
    for kind in ("NONE", "VOLUNTARY"):
        for smp in (1, 4):
            add(f"server, preemption {kind.lower()}, {smp} CPUs", "server",
                extra=f"{SMP} PREEMPT_{kind}=y", smp=smp)
    for smp in (1, 2, 4):
        add(f"server, priorities and statistics, {smp} CPUs", "server",
            extra=f"{SMP} SCHED_PRIO=y SCHED_DEFAULT_PRIO=y SCHED_STATS=y", smp=smp)
    add("server, cooperative, 4 CPUs", "server",
        extra=f"{SMP} SCHED_COOP=y SCHED_DEFAULT_COOP=y", smp=4)
    add("server, SMP, clang, 4 CPUs", "server", extra=SMP, cc="clang", smp=4)
    add("server, SMP, BIOS, 4 CPUs", "server", extra=SMP, firmware="bios", smp=4)
    add("server, SMP, UEFI, 4 CPUs", "server", extra=SMP, firmware="uefi", smp=4)
    add("server, SMP, qemu64, 4 CPUs", "server", extra=SMP, cpu="qemu64", smp=4)
    add("secure, SMP, 4 CPUs", "secure", extra=SMP, smp=4)
    add("server, SMP without checks, 8 CPUs", "server", extra="SMP=y KTEST=y", smp=8)
    add("server, SMP with UBSAN and KASAN, 4 CPUs", "server", extra="SMP=y KTEST=y UBSAN=y KASAN=y",
        smp=4)
    add("desktop", "desktop")
    add("desktop, 4 CPUs present", "desktop", smp=4)
    add("desktop, fixed priorities", "desktop", words="helix.slot.scheduler=prio")
    add("desktop, clang", "desktop", cc="clang")
    add("server, clang", "server", cc="clang")
    add("server, BIOS", "server", firmware="bios")
    add("server, UEFI", "server", firmware="uefi")
    add("server without checks", "server", extra="KTEST=y")
    add("server, bitmap frames", "server",
        extra=CHECKED + " FRAMES_BITMAP=y FRAMES_BUDDY=n FRAMES_DEFAULT_BITMAP=y")
    for heap, more in (("bump", "HEAP_BUMP_KIB=4096"), ("tlsf", ""), ("pool", ""), ("firstfit", "")):
        name = heap.upper()
        add(f"server, heap {heap}", "server",
            extra=f"{CHECKED} HEAP_SLAB=n HEAP_{name}=y HEAP_DEFAULT_{name}=y {more}".strip())
    add("server, memory watched", "server",
        extra=CHECKED + " HEAP_REDZONES=y MEM_LEAKS=y FRAMES_POISON=y")
    for mem in ("32M", "3G", "6G"):
        add(f"server, {mem}", "server", mem=mem)
    add("server, without 1 GiB pages", "server", cpu="qemu64", mem="6G")
    # What the CPU has of paging, and what was chosen.
    la57 = CHECKED + " LA57=y"
    add("server, LA57", "server", extra=la57)
    add("server, LA57, 6G", "server", extra=la57, mem="6G")
    add("server, LA57 chosen, CPU without", "server", extra=la57, cpu="qemu64")
    add("server, LA57, BIOS, clang", "server", extra=la57, firmware="bios", cc="clang")
    add("server, qemu64", "server", cpu="qemu64")
    for cpu in ("max,-smap,-smep,-umip", "max,-pcid,-invpcid", "max,-pge,-la57"):
        add(f"server, {cpu}", "server", cpu=cpu)
    add("server, without 2 MiB user pages", "server", extra=CHECKED + " VM_HUGE=n")
    add("secure", "secure")
    add("secure, LA57", "secure", extra=la57)
    return found
