#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""A campaign of injected faults against a booted kernel: what `make campaign` runs.

  campaign.py [--faults N] [--seed S] [--smp N] [--cc CC] [--minutes N] [--only GLOB] [--into FILE]

Builds the server profile with fault injection, boots it, and injects N faults of the kinds and at
the points of ROWS, chosen by the seed: each is armed (/fault/ctl, or a word that a test module
takes), then something is done that comes by there. After each it looks what became of it:

  injected     the point fired, or the module broke; what was armed and never reached is not counted
  manifested   somebody saw an effect: an error was answered, or a record was made
  detected     ... of those, how many the kernel answered as an error or recorded by itself
  recovered    ... of those, how many are over: the same thing works, without a restart
  lost         the kernel ended or did not answer any more; it is booted anew and the campaign goes on

The same seed gives the same faults in the same order. --only takes those whose "part point kind"
matches, to look at a few. --into writes the table between the two marks of a page.
"""
import argparse
import fnmatch
import os
import random
import subprocess
import sys
import time

import machine

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
EXTRA = ("KTEST=y FAULT_INJECTION=y HEAP_REDZONES=y MEM_LEAKS=y MODULES_TAKE_BACK=y "
         "MODULES_HEAL_NOTED=\"none\" HEAL_PERIOD_MS=10 HEAL_SWEEP_MS=100 HEAL_MODULE_MS=100 "
         "HEAL_TRIES=100 HEAL_WINDOW_S=1 HEAL_BACKOFF_MS=0 LOG_CONSOLE_LEVEL=0")
BREAKER, BROKEN, OTHER = "test_kernel_breaker", "test_kernel_broken_sched", "sched_rr"
MODULES = "/boot/modules"
ANSWER_S = 8        # a loop ends after HEAL_MODULE_MS of CPU time; then SETTLE_S once more
SETTLE_S = 60       # a host that is busy with other things
LOOK_S = 0.25       # for what only a sweep finds: three of them
MARKS = ("<!-- campaign -->", "<!-- end of campaign -->")


class Row:
    """A point and a kind, what is done to come by there, and where the fault then is."""

    def __init__(self, part, point, kind, what, do, after=1, weight=5, sweep=False):
        self.part, self.point, self.kind, self.what, self.do = part, point, kind, what, do
        self.after, self.weight, self.sweep = after, weight, sweep
        self.name = f"{point} {kind}"


def rows():
    """All of them. part: module (isolatable), kernel (answers or repairs), core (nobody could)."""
    found = []
    for kind, what in (("wild", "wild write"), ("null", "null call"), ("loop", "endless loop"),
                       ("deadlock", "two threads, two mutexes"), ("leak", "a block is not freed"),
                       ("flip", "bit flip behind a block"), ("fail", "failing call")):
        found.append(Row("module", "module.breaker", kind, what, "breaker", sweep=kind == "flip"))
    for word, what in (("bad", "wild read"), ("text", "write to code"), ("zero", "division by zero"),
                       ("garbage", "jump into data"), ("opcode", "invalid instruction"),
                       ("stack", "stack overflow"), ("leaf", "wild pointer to memcpy()"),
                       ("list", "wild pointer to hx_strlen()"), ("bug", "broken invariant"),
                       ("spin", "fault with a spinlock held"), ("rw", "fault while reading"),
                       ("spin-irq", "fault with interrupts off"), ("rw-write", "fault while writing")):
        found.append(Row("module", "breaker", word, what, "word", weight=2))
    for op in ("pick", "enqueue", "tick", "load"):
        found.append(Row("module", "broken_sched", op, "a scheduler's wild write", "scheduler",
                         after=3 if op == "load" else 20, weight=2))
    for point, what, after in (("heap.alloc", "failing allocation", 30),
                               ("frames.alloc", "failing page", 12),
                               ("kva.alloc", "no addresses", 3),
                               ("names.take", "a node refuses", 1)):
        found.append(Row("kernel", point, "fail", what, "load", after=after))
    found.append(Row("kernel", "thread.create", "fail", "no thread", "starts"))
    found.append(Row("kernel", "names.show", "fail", "a node cannot be read", "show"))
    for step in ("prepare", "quiesce", "export", "import", "import.item"):
        found.append(Row("kernel", f"swap.{step}", "fail", "a step of a swap fails", "swap",
                         after=4 if step == "import.item" else 1, weight=2))
    found += [
        Row("kernel", "swap.state", "flip", "bit flip in exported state", "swap"),
        Row("kernel", "heap.zone", "flip", "bit flip behind a block", "load", after=8, sweep=True),
        Row("kernel", "thread.canary", "flip", "bit flip at a stack's end", "lives", sweep=True),
        Row("kernel", "irq.lost", "lost", "any interrupt is lost", "show", after=20),
        Row("kernel", "serial.irq", "lost", "the console's interrupt is lost", "show", after=6),
        Row("core", "heap.free", "leak", "the kernel keeps a block", "load", after=8, weight=1),
        Row("core", "names.show", "wild", "wild write in the kernel", "show", weight=1),
        Row("core", "names.show", "null", "null call in the kernel", "show", weight=1),
    ]
    return found


class Count:
    FIELDS = ("injected", "manifested", "detected", "recovered", "lost")

    def __init__(self):
        self.injected = self.manifested = self.detected = self.recovered = self.lost = 0


class Campaign:
    def __init__(self, out, seed, smp, only="*"):
        self.out, self.smp, self.seed = out, smp, seed
        self.random = random.Random(seed)
        self.rows = [r for r in rows() if fnmatch.fnmatch(f"{r.part} {r.name}", only)]
        self.counts = {r.name: Count() for r in self.rows}
        self.machine = None
        self.boots = 0

    # ---- the machine

    def boot(self):
        self.boots += 1
        self.machine = machine.Machine(self.out, smp=self.smp).start()
        self.machine.wait_prompt(120)
        self.must(f"echo /fault/ctl seed {self.seed + self.boots}")
        self.load(BREAKER)
        self.must("echo /slots/scheduler/ctl probation 50")
        self.must("echo /heal/policy slot.scheduler fallback")
        for line in (f"load {MODULES}/{OTHER}.hko", f"unload {OTHER}"):
            self.must(f"echo /modules/ctl {line}")

    def ask(self, line, timeout=ANSWER_S):
        try:
            return self.machine.ask(line, timeout=timeout)
        except machine.NoAnswer:
            # A line of the log may have come behind the prompt: an empty line brings another one.
            self.machine.send(b"\r")
            text = self.machine.wait_prompt(SETTLE_S)
            lines = text.split("\n")
            acks = [i for i, l in enumerate(lines) if machine.ACK.match(l)]
            if not acks:
                raise
            return machine.Answer(line, lines[acks[0]], lines[acks[0] + 1:], [])

    def shown(self, path):
        """Lines of a node. A fault that is armed may be this very reading's, once."""
        for _ in range(3):
            answer = self.ask(f"cat {path}")
            if answer.ok and answer.body:
                return answer.body
        raise machine.NoAnswer(f"cat {path}: {answer.ack}")

    def must(self, line):
        answer = self.ask(line)
        if not answer.ok:
            raise machine.NoAnswer(f"{line}: {answer.ack}")

    def until(self, condition, what, seconds=SETTLE_S):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise machine.NoAnswer(what)
            time.sleep(0.005)

    def load(self, name):
        """Load a module, and wait until the healer knows it."""
        self.must(f"echo /modules/ctl load {MODULES}/{name}.hko")
        self.until(lambda: self.ask(f"echo /heal/policy {name} restart").ok, f"{name} is watched")

    def n_records(self):
        return int(self.shown("/heal/status")[0].split("records=")[1].split()[0])

    # ---- what is done to come by a point: each gives the answer, and puts back what it changed

    def do_breaker(self, row):
        answer = self.ask("echo /test/break not")
        if row.kind == "leak":      # found when the module goes
            self.must(f"echo /modules/ctl unload {BREAKER}")
            self.load(BREAKER)
        return answer

    def do_word(self, row):
        return self.ask(f"echo /test/break {row.kind}")

    def do_lives(self, _row):
        return self.ask("echo /test/break lives")

    def do_starts(self, _row):
        return self.ask("echo /test/break started")

    def do_show(self, _row):
        return self.ask("cat /mem/heap")

    def do_load(self, _row):
        answer = self.ask(f"echo /modules/ctl load {MODULES}/{OTHER}.hko")
        time.sleep(LOOK_S if _row.sweep else 0)
        return answer

    def do_swap(self, _row):
        self.must(f"echo /modules/ctl load {MODULES}/{OTHER}.hko")
        return self.ask("echo /slots/scheduler/ctl swap rr")

    def do_scheduler(self, row):
        self.must(f"echo /modules/ctl load {MODULES}/{BROKEN}.hko")
        self.must(f"echo /test/broken {row.kind} {self.after}")
        return self.ask("echo /slots/scheduler/ctl swap broken")

    # ---- is it over?

    def works(self, row):
        """Whether the same thing works, and nothing is left of it."""
        if row.do in ("breaker", "word", "lives", "starts"):
            return self.ask("echo /test/break not").ok
        if row.do == "show":
            return self.do_show(row).ok
        if row.do == "scheduler":
            return self.provider() != "broken"
        self.until(self.tidy, "it is tidied up")
        return self.do_load(row).ok if row.do == "load" else self.do_swap(row).ok

    def provider(self):
        return self.shown("/slots/scheduler/provider")[0].split()[0].split("=")[-1]

    def tidy(self):
        """The usual scheduler serves, and only the breaker is loaded: later, if one is on trial."""
        if self.provider() != "eevdf" and not self.ask("echo /slots/scheduler/ctl swap eevdf").ok:
            return False
        there = [l.split()[-1].rstrip("/") for l in self.ask("ls /modules").body if l[:1] == "d"]
        return all([self.ask(f"echo /modules/ctl unload {m}").ok for m in there if m != BREAKER])

    # ---- faults

    def arm(self, row):
        if row.do not in ("word", "scheduler"):
            self.must(f"echo /fault/ctl arm {row.point} kind {row.kind} after {self.after}")

    def has_fired(self, row):
        """Disarms: which fails if it fired, because that disarmed it."""
        if row.do == "word":
            return True
        if row.do == "scheduler":       # one that does not break just serves
            try:
                self.until(lambda: self.provider() != "broken", "it is thrown out", 2)
            except machine.NoAnswer:
                return False
            return True
        return not self.ask(f"echo /fault/ctl disarm {row.point}").ok

    def look(self, row, count, before, answer):
        """What became of a fault that was injected."""
        seen = self.n_records() > before
        if row.part == "module" and row.kind not in ("fail",) or row.sweep:
            try:
                self.until(lambda: self.n_records() > before, "a record", LOOK_S + 2)
                seen = True
            except machine.NoAnswer:
                pass
        if answer.ok and not seen and row.kind != "leak" and row.do != "scheduler":
            return
        count.manifested += 1
        count.detected += seen or "ERR" in answer.ack
        self.until(lambda: self.works(row), "it works again")
        # A leak of the kernel's own that nobody saw is still there.
        count.recovered += seen or not answer.ok

    def inject(self):
        """One fault. False: its point was not reached."""
        row = self.random.choices(self.rows, [r.weight for r in self.rows])[0]
        self.after = self.random.randint(1, row.after)
        count = self.counts[row.name]
        injected = count.injected
        fired = False
        try:
            before = self.n_records()
            self.arm(row)
            answer = getattr(self, "do_" + row.do)(row)
            fired = self.has_fired(row)
            if fired:
                count.injected += 1
                self.look(row, count, before, answer)
            if row.part == "module" and row.kind == "flip":
                self.must(f"echo /modules/ctl unload {BREAKER}")
                self.load(BREAKER)
            if row.do in ("load", "swap", "scheduler"):
                self.until(self.tidy, "it is tidied up")
        except (machine.NoAnswer, machine.Ended) as e:
            told = self.machine.transcript.decode(errors="replace")
            why = self.why(e)
            # Whatever was armed, something ended: it fired, unless that was counted already.
            if count.injected == injected:
                count.injected += 1
                count.manifested += 1
                count.detected += "\nPANIC: " in told.replace("\r", "")
            count.lost += 1
            print(f"# {row.name} (after {self.after}): lost: {e}\n{told[-4000:]}\n{why}",
                  file=sys.stderr, flush=True)
            self.machine.close()
            self.boot()
            return True
        return fired

    def why(self, e):
        """What the kernel itself says of a fault that is not over."""
        try:
            return "" if isinstance(e, machine.Ended) else \
                "\n".join(self.ask("tail /heal/history 4").body + self.ask("tail /log/kernel 8").body)
        except (machine.NoAnswer, machine.Ended):
            return "it is silent"

    def run(self, n, minutes=0):
        self.boot()
        end = time.monotonic() + minutes * 60
        done = 0
        try:
            while done < n and (minutes == 0 or time.monotonic() < end):
                done += self.inject()  # what was not reached does not count
                if done % 100 == 0:
                    print(f"# {done} of {n}", file=sys.stderr, flush=True)
            if not self.ask("poweroff").ok:
                raise machine.NoAnswer("poweroff")
        except machine.Ended:
            pass
        finally:
            self.machine.close()


def totals(campaign, part=None):
    total = Count()
    for row in campaign.rows:
        if part in (None, row.part):
            for f in Count.FIELDS:
                setattr(total, f, getattr(total, f) + getattr(campaign.counts[row.name], f))
    return total


def table(campaign, command):
    """The page's table, and the sum of all."""
    lines = [f"`{command}`, {campaign.boots - 1} boots after a loss.", "",
             "| part | point | kind | " + " | ".join(Count.FIELDS) + " |",
             "| --- | --- | --- |" + " ---: |" * len(Count.FIELDS)]

    def line(part, point, what, count):
        lines.append(f"| {part} | {point} | {what} | " +
                     " | ".join(str(getattr(count, f)) for f in Count.FIELDS) + " |")

    for row in campaign.rows:
        point = f"`{row.point}`" if row.do not in ("word", "scheduler") else f"`{row.point} {row.kind}`"
        line(row.part, point, f"{row.kind}: {row.what}" if row.do not in ("word", "scheduler")
             else row.what, campaign.counts[row.name])
    for part in ("module", "kernel", "core"):
        line(f"all of {part}", "", "", totals(campaign, part))
    line("all", "", "", totals(campaign))
    total = totals(campaign)
    share = 100 * total.recovered / total.manifested if total.manifested else 100
    lines += ["", f"{share:.1f} % of what manifested was recovered from without a restart."]
    return "\n".join(lines), total


def build(cc):
    folder = os.path.join(TOP, "build", "campaign" if cc == "gcc" else "campaign-" + cc)
    run = subprocess.run(["make", "-s", "-C", TOP, "PROFILE=server", f"EXTRA={EXTRA}", f"CC={cc}",
                          f"O={folder}", "kernel", "rootfs"], capture_output=True, text=True)
    if run.returncode:
        raise machine.MachineError((run.stdout + run.stderr)[-2000:])
    return os.path.join(folder, "out")


def campaign(faults, seed, smp, cc="gcc", minutes=0, only="*"):
    """Run one; the campaign that ran. Raises machine.MachineError."""
    c = Campaign(build(cc), seed, smp, only)
    c.run(faults, minutes)
    return c


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--faults", type=int, default=1000)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--smp", type=int, default=2)
    p.add_argument("--cc", default="gcc")
    p.add_argument("--minutes", type=float, default=0, help="end after so many; 0: when all are done")
    p.add_argument("--only", default="*", metavar="GLOB", help="'PART POINT KIND' of the faults")
    p.add_argument("--into")
    args = p.parse_args()
    c = campaign(args.faults, args.seed, args.smp, args.cc, args.minutes, args.only)
    text, total = table(c, f"scripts/campaign.py --faults {args.faults} --seed {args.seed} "
                           f"--smp {args.smp}" + (f" --cc {args.cc}" if args.cc != "gcc" else "") +
                           (f" --only '{args.only}'" if args.only != "*" else ""))
    print(text)
    if args.into:
        with open(args.into, encoding="utf-8") as f:
            before, rest = f.read().split(MARKS[0])
        with open(args.into, "w", encoding="utf-8") as f:
            f.write(before + MARKS[0] + "\n" + text + "\n" + MARKS[1] + rest.split(MARKS[1])[1])
    module = totals(c, "module")
    good = (module.lost == 0 and module.detected == module.manifested and
            total.recovered >= 0.9 * total.manifested)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
