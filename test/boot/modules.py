# SPDX-License-Identifier: MIT
"""Modules at the prompt: loaded, listed, refused in words, taken out."""
import re
import time

from inkernel import CHECKED, ONE, expect_passed, run_tests
from lib import boots, built, expect, runs_to_end
import runner

EVERY = " ".join(f"SCHED_{s}=m" for s in ("COOP", "DIS", "EDF", "MLFQ", "PRIO", "RR", "STRIDE"))
HEAPS = "HEAP_TLSF=m HEAP_POOL=m HEAP_FIRSTFIT=m HEAP_BUMP=m"
LINES = (
    ("echo /modules/ctl load /boot/modules/sched_rr.hko", r"^OK ECHO path=/modules/ctl from=/boot/mod"),
    ("cat /modules/sched_rr/state", r"^state=running users=0$"),
    ("cat /slots/scheduler/providers", r"^name=rr abi=\d+ state=ready from=sched_rr users=0$"),
    ("mods", r"^name=sched_rr version=\S+ kind=scheduler state=running users=0 bytes=\d+ at=0xffffe0"),
    ("cat /modules/graph", r'^\t"sched_rr" -> "threads" \[label="required", style=solid\];$'),
    ("echo /modules/ctl load /boot/modules/sched_rr.hko",
     r"^ERR ECHO reason=\w+ detail=duplicate name=sched_rr$"),
    ("echo /modules/ctl load /boot/README.txt", r"^ERR ECHO reason=\w+ detail=no-module$"),
    ("echo /modules/ctl load /boot/none.hko", r"^ERR ECHO reason=\w+ detail=file path=/boot/none.hko$"),
    ("echo /modules/ctl fly", r"^ERR ECHO reason=\w+ detail=usage "),
    ("echo /modules/ctl unload sched_rr", r"^OK ECHO path=/modules/ctl name=sched_rr$"),
    ("echo /modules/ctl unload sched_rr", r"^ERR ECHO reason=\w+ detail=not-loaded name=sched_rr$"),
    ("mods", r"^modules=0 max=\d+ bytes=0 max_bytes=\d+ area_bytes=0$"),
)


def at_the_prompt():
    words = [w for line, _ in LINES for w in ("--exec", line)]
    run = runner.call("", "--json", *words)
    answers = [runner.json.loads(line) for line in run.stdout.splitlines()]
    expect(len(answers) == len(LINES), "an answer to each line", run.stdout + run.stderr)
    for (line, pattern), answer in zip(LINES, answers):
        text = "\n".join([answer["ack"]] + answer["body"])
        expect(re.search(pattern, text, re.M), f"{line}: {pattern}", text)


def every(cc, extra, smp):
    return lambda: run_tests("server", extra=f"{extra} {EVERY}", cc=cc, smp=smp)


def heaps(cc, extra, smp):
    """Each heap as a module: into the slot and out of it under load, and one that breaks there."""
    def run():
        out = built("server", extra=f"{extra} {HEAPS}", cc=cc)
        code, text = runs_to_end(out, timeout=240, append="helix.tests=modules_*heap*", smp=smp)
        expect_passed(code, text, ("modules_heaps_come_into_the_slot_and_go",
                                   "modules_a_heap_that_breaks_is_thrown_out"))
    return run


DRIVER = "/boot/modules/misc_i6300esb.hko"
VERB = "/boot/modules/verbs_hexdump.hko"


def asked(m, line, pattern):
    answer = m.ask(line)
    text = "\n".join([answer.ack] + answer.body)
    expect(re.search(pattern, text, re.M), f"{line}: {pattern}", text)


def fed(m):
    found = re.search(r"fed=(\d+)", "\n".join(m.ask("cat /proc/watchdog").body))
    return int(found.group(1)) if found else -1


def verb_and_driver(cc, smp):
    """A part that is a verb and one that drives a device: loaded, used, out, and once more."""
    def run():
        out = built("server", extra="WATCHDOG_I6300ESB=m VERB_HEXDUMP=m", cc=cc)
        with boots(out, extra=("-device", "i6300esb"), smp=smp) as m:
            for _ in range(2):
                asked(m, "hexdump /proc/version", r"^ERR PARSE reason=\w+ detail=unknown-verb")
                asked(m, f"echo /modules/ctl load {VERB}", r"^OK ECHO ")
                asked(m, "hexdump /proc/version 16", r"^OK HEXDUMP path=/proc/version\n"
                      r"00000000  ([0-9a-f]{2} ){8} ([0-9a-f]{2} ){8} \|.{16}\|$")
                asked(m, "help hexdump", r"^hexdump PATH \[BYTES\] *a node or a file as numbers")
                asked(m, "cat /modules/verbs_hexdump/info", r"^verbs=1$")
                asked(m, f"echo /modules/ctl load {VERB}", r"detail=duplicate name=verbs_hexdump$")
                asked(m, "echo /modules/ctl unload verbs_hexdump", r"^OK ECHO ")
                asked(m, f"echo /modules/ctl load {DRIVER}", r"^OK ECHO ")
                asked(m, "cat /proc/watchdog", r"^name=i6300esb state=running ")
                asked(m, "cat /proc/ports", r"^first=0xcf8 last=0xcff name=misc_i6300esb holder=")
                first = fed(m)
                wait_for(lambda n=first: fed(m) > n, 60, "the healer feeds it")
                asked(m, "echo /modules/ctl unload misc_i6300esb", r"^OK ECHO ")
                asked(m, "cat /proc/watchdog", r"^ERR CAT ")
                asked(m, "cat /proc/ports", r"^first=0x3f8 last=0x3ff name=serial holder=kernel$")
            asked(m, "mods", r"^modules=0 .* area_bytes=0$")
            m.poweroff()
    return run


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        expect(time.monotonic() < end, what)
        time.sleep(0.2)


def borders(cc, smp):
    """Modules that break in every way, one of them a scheduler that has all threads."""
    def run():
        out = built("server", extra=f"{CHECKED} SLOT_SWAP=y SCHED_EDF=m", cc=cc)
        code, text = runs_to_end(out, timeout=240, append="helix.tests=borders_*", smp=smp)
        expect_passed(code, text, [f"borders_{name}" for name in (
            "breaking_ends_the_call_and_not_the_kernel", "a_scheduler_that_breaks_is_thrown_out",
            "locks_of_who_faults_go_to_who_waits", "functions_given_away_break_behind_gates",
            "modules_have_what_they_were_granted_until_it_is_revoked")])
    return run


def tests():
    found = [("modules: at the prompt", at_the_prompt)]
    for cc, extra, smp in (("gcc", ONE, 1), ("gcc", CHECKED, 4), ("clang", CHECKED, 4)):
        found.append((f"in the kernel: every scheduler as a module, {cc}, {smp} CPUs", every(cc, extra, smp)))
    for cc, extra, smp in (("gcc", CHECKED, 1), ("gcc", CHECKED, 4), ("clang", CHECKED, 4),
                           ("gcc", "KTEST=y", 4)):
        checks = "" if "DEBUG" in extra else ", without checks"
        found.append((f"modules: heaps, {cc}, {smp} CPUs{checks}", heaps(cc, extra, smp)))
    for cc, smp in (("gcc", 1), ("gcc", 4), ("clang", 4)):
        found.append((f"modules: a verb and a driver, {cc}, {smp} CPUs", verb_and_driver(cc, smp)))
        found.append((f"modules: faults end calls, {cc}, {smp} CPUs", borders(cc, smp)))
    return found
