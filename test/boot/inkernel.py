# SPDX-License-Identifier: MIT
"""The tests that run inside the booted kernel, on several machines, with the checks switched on."""
import re

from lib import built, expect, runs_to_end

CHECKED = "KTEST=y DEBUG_ASSERT=y DEBUG_LOCKS=y FAULT_INJECTION=y"
ONE = CHECKED + " SMP=n"
# What goes through many rounds and has nothing to do with the machine: where only that differs from
# a kernel whose tests all run.
LONG = ("caps_in_m*", "call_t*", "chan_t*", "borders_b*", "modules_c*", "swap_to_*", "a_*",
        "thread_1000*", "mutex_ex*", "sem_ping*", "smp_join*", "smp_torture", "fs_swap*",
        "modules_serial*")
MEMORY = "heap*,mem*,frames*,kva*,vm*"
SHORT = ",".join("-" + name for name in LONG)
# All of them built in; fixed priorities boot, since a cooperative one lets nobody spin.
SCHEDULERS = ("SCHED_RR=y SCHED_PRIO=y SCHED_MLFQ=y SCHED_EDF=y SCHED_STRIDE=y SCHED_DIS=y SCHED_COOP=y "
              "SCHED_DEFAULT_PRIO=y")


def last_words(text):
    """The report of a panic from its reason on, after the last test's line; else the last lines."""
    at = text.find("PANIC: ")
    if at < 0:
        return text[-2000:]
    before = re.findall(r"^(?:not )?ok \d+.*$", text[:at], re.M)
    return "\n".join(before[-1:]) + "\n" + text[at:at + 3000]


def expect_passed(code, text, names=()):
    """All that the plan names passed, and these among them. What failed is told before all else."""
    plan = re.search(r"^1\.\.(\d+)$", text, re.M)
    expect(plan and int(plan.group(1)) > 0, "a TAP plan with tests", last_words(text))
    good = len(re.findall(r"^ok \d+", text, re.M))
    bad = re.findall(r"^not ok .*$", text, re.M)
    expect(not bad, f"{good} of {plan.group(1)} passed", "\n".join(bad) + text[-1500:])
    expect(good == int(plan.group(1)), f"{good} of {plan.group(1)} reported", last_words(text))
    for name in names:
        expect(re.search(rf"^ok \d+ - {name}$", text, re.M), f"{name} ran", last_words(text))
    expect(code == 0x10, "exit code 0x10", str(code))


def run_tests(profile, extra=CHECKED, cc="gcc", words="", which="all", timeout=1200, **options):
    out = built(profile, extra=extra, cc=cc,
                targets="kernel" if options.get("firmware", "direct") == "direct" else "iso")
    code, text = runs_to_end(out, timeout=timeout, append=f"helix.tests={which} {words}".strip(),
                             **options)
    expect_passed(code, text)


def tests():
    found = []

    def add(name, *args, **kw):
        found.append((f"in the kernel: {name}", lambda: run_tests(*args, **kw)))

    for profile in ("embedded", "teaching", "minimal"):
        add(profile, profile)
        add(f"{profile}, 4 CPUs present", profile, smp=4)
    add("server", "server")
    for smp in (2, 4, 8):
        add(f"server, {smp} CPUs", "server", smp=smp, which="all" if smp != 2 else SHORT)
    for smp in (1, 4):
        add(f"server for one CPU, {smp} present", "server", extra=ONE, smp=smp,
            which="all" if smp == 1 else SHORT)
        add(f"realtime for one CPU, {smp} present", "realtime", extra=ONE, smp=smp)
    for kind in ("NONE", "VOLUNTARY"):
        for smp in (1, 4):
            add(f"server, preemption {kind.lower()}, {smp} CPUs", "server",
                extra=f"{CHECKED} PREEMPT_{kind}=y", smp=smp, which="all" if smp == 4 else SHORT)
    for smp in (1, 2, 4):
        add(f"server, priorities and statistics, {smp} CPUs", "server",
            extra=f"{CHECKED} SCHED_PRIO=y SCHED_DEFAULT_PRIO=y SCHED_STATS=y", smp=smp,
            which="all" if smp == 4 else SHORT)
    heaps = (f"{CHECKED} SLOT_SWAP=y SCHED_EDF=y HEAP_TLSF=y HEAP_FIRSTFIT=y HEAP_FIRSTFIT_KIB=4096 "
             "HEAP_POOL=y HEAP_POOL_N_32=2048 HEAP_POOL_N_64=2048 HEAP_BUMP=y HEAP_BUMP_KIB=4096 "
             "FRAMES_BITMAP=y")
    swapped = {"extra": heaps, "words": "helix.slot.heap=slab helix.slot.frames=buddy"}
    for smp in (1, 4):
        add(f"server, heaps and frames swapped, {smp} CPUs", "server", smp=smp,
            which=MEMORY + ",swap*", **swapped)
    add("server, heaps and frames swapped, clang, 4 CPUs", "server", cc="clang", smp=4, which=SHORT,
        **swapped)
    for smp in (1, 4):  # all pairs, 1,000 swaps (fewer on a busy host); make soak has 10,000
        add(f"server, all schedulers, {smp} CPUs", "server", extra=f"{CHECKED} {SCHEDULERS}", smp=smp,
            which="swap*,stall*")
    for smp in (1, 4):  # a module is the second filesystem of the kernels above
        add(f"server, filesystems swapped, both built in, {smp} CPUs", "server", smp=smp,
            extra=f"{CHECKED} FS_LISTFS=y ROOTFS_BOOT_LISTFS=y", which="fs_swap*,ramfs*")
    add("server, cooperative, 4 CPUs", "server",
        extra=f"{CHECKED} SCHED_COOP=y SCHED_DEFAULT_COOP=y", smp=4, which=SHORT)
    add("server, clang, 4 CPUs", "server", cc="clang", smp=4)
    add("server, BIOS, 4 CPUs", "server", firmware="bios", smp=4, which=SHORT)
    add("server, UEFI, 4 CPUs", "server", firmware="uefi", smp=4, which=SHORT)
    add("server, qemu64, 4 CPUs", "server", cpu="qemu64", smp=4, which=SHORT)
    for profile in ("secure", "realtime"):
        for smp in (1, 4):
            add(f"{profile}, {smp} CPUs", profile, smp=smp)
    add("realtime, clang, 4 CPUs", "realtime", cc="clang", smp=4, which=SHORT)
    for smp in (2, 4, 8):  # a million wake-ups each
        add(f"server without checks, {smp} CPUs", "server", extra="KTEST=y", smp=smp,
            which="all" if smp == 4 else SHORT)
    add("server, UBSAN and KASAN, 4 CPUs", "server", extra="KTEST=y UBSAN=y KASAN=y", smp=4,
        which=SHORT)
    add("desktop", "desktop", which=SHORT)
    add("desktop, 4 CPUs", "desktop", smp=4)
    add("desktop, fixed priorities", "desktop", words="helix.slot.scheduler=prio", which=SHORT)
    add("desktop, clang, 4 CPUs", "desktop", cc="clang", smp=4, which=SHORT)
    add("server, clang", "server", cc="clang", which=SHORT)
    add("server, BIOS", "server", firmware="bios", which=SHORT)
    add("server, UEFI", "server", firmware="uefi", which=SHORT)
    add("server without checks", "server", extra="KTEST=y", which=SHORT)
    add("server, bitmap frames", "server",
        extra=CHECKED + " FRAMES_BITMAP=y FRAMES_BUDDY=n FRAMES_DEFAULT_BITMAP=y", which=SHORT)
    add("minimal, bump frames", "minimal",
        extra=CHECKED + " FRAMES_BITMAP=n FRAMES_BUMP=y FRAMES_DEFAULT_BUMP=y")
    for heap, more in (("bump", "HEAP_BUMP_KIB=4096"), ("tlsf", ""), ("pool", ""), ("firstfit", "")):
        name = heap.upper()
        add(f"server, heap {heap}", "server",
            extra=f"{CHECKED} HEAP_SLAB=n HEAP_{name}=y HEAP_DEFAULT_{name}=y {more}".strip(),
            which="heap*,mem*" if heap == "bump" else MEMORY)    # it reuses nothing
    add("server, memory watched", "server",
        extra=CHECKED + " HEAP_REDZONES=y MEM_LEAKS=y FRAMES_POISON=y", which=SHORT)
    guards = CHECKED + " HEAP_GUARDS=y"
    for smp in (1, 4):
        add(f"server, large blocks guarded, {smp} CPUs", "server", extra=guards, smp=smp, which=SHORT)
    add("server, large blocks guarded, clang, 4 CPUs", "server", extra=guards, cc="clang", smp=4,
        which=SHORT)
    for mem in ("32M", "3G", "6G"):
        add(f"server, {mem}", "server", mem=mem, which=SHORT)
    add("server, without 1 GiB pages", "server", cpu="qemu64", mem="6G", which=SHORT)
    # What the CPU has of paging, and what was chosen.
    la57 = CHECKED + " LA57=y"
    add("server, LA57", "server", extra=la57, which=SHORT)
    add("server, LA57, 6G, 4 CPUs", "server", extra=la57, mem="6G", smp=4, which=SHORT)
    add("server, LA57 chosen, CPU without", "server", extra=la57, cpu="qemu64", which=SHORT)
    add("server, LA57, BIOS, clang", "server", extra=la57, firmware="bios", cc="clang", which=SHORT)
    add("server, qemu64", "server", cpu="qemu64", which=SHORT)
    for cpu in ("max,-smap,-smep,-umip", "max,-pcid,-invpcid", "max,-pge,-la57"):
        add(f"server, {cpu}", "server", cpu=cpu, which=SHORT)
    add("server, without 2 MiB user pages", "server", extra=CHECKED + " VM_HUGE=n", which=SHORT)
    for smp, base, name in ((1, ONE, "one CPU"), (1, CHECKED, "1 CPUs"), (4, CHECKED, "4 CPUs")):
        add(f"server, user mode, {name}", "server", extra=base + " VM_USER=y", smp=smp, which=SHORT)
    add("server, user mode, clang, 4 CPUs", "server", extra=CHECKED + " VM_USER=y LA57=y",
        cc="clang", smp=4, which=SHORT)
    add("server, user mode, qemu64, 4 CPUs", "server", extra=CHECKED + " VM_USER=y", cpu="qemu64",
        smp=4, which=SHORT)
    add("secure, LA57", "secure", extra=la57, which=SHORT)
    return found
