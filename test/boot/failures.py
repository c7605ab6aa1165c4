# SPDX-License-Identifier: MIT
"""What happens when something is wrong: each case ends with a clear message and a defined exit."""
import os
import re
import tempfile
import time

from lib import boots, built, expect, runs_to_end

INIT_FAILED, PANIC = 0x13, 0x12
FAULTY = "FAULT_INJECTION=y STATE_NODES=y"	# /proc/init tells the order
PROVOKE = "PROVOKE=y DEBUG_ASSERT=y"


def init_order(out):
    with boots(out) as m:
        body = m.ask("cat /proc/init").body
        m.poweroff()
    return [re.search(r"\bname=(\S+)", line).group(1) for line in body]


def rollback_everywhere(profile):
    """A failure at each component in turn takes down what was up, in reverse, and nothing else."""
    out = built(profile, extra=FAULTY)
    order = init_order(out)
    expect(len(order) >= 8, "an order of components", str(order))
    for i, name in enumerate(order):
        # What fails before the fault table is filled from the command line cannot be armed by it.
        if name in ("cmdline", "fault"):
            continue
        code, text = runs_to_end(out, append=f"helix.fault=init.{name}")
        expect(code == INIT_FAILED, f"{name}: exit code {INIT_FAILED:#x}", f"{code}\n{text[-800:]}")
        expect(f"component {name} failed" in text, f"{name}: the message names it", text[-800:])
        undone = re.findall(r"rollback (\S+)", text)
        expect(undone == order[:i][::-1], f"{name}: reverse order {order[:i][::-1]}", str(undone))


def provoked(kind, profile="server", code=PANIC, extra="", cc="gcc", **patterns):
    def test():
        out = built(profile, extra=(PROVOKE + " " + extra).strip(), cc=cc)
        got, text = runs_to_end(out, append=f"helix.provoke={kind}")
        for what, pattern in patterns.items():
            expect(re.search(pattern, text), f"{what}: /{pattern}/", text[-2500:])
        expect(got == code, f"exit code {code:#x}", f"{got}\n{text[-1500:]}")
    return test


def in_order():
    """What was written before a panic is on the terminal before its report, and once."""
    _, text = runs_to_end(built("server", extra=PROVOKE), append="helix.provoke=page-fault")
    before, report = text.split("\nPANIC: ", 1)
    line = "info provoke: page-fault: now"
    expect(before.count(line) == 1 and line not in report, "the line before the report", text[-2500:])


def user_memory():
    """The kernel touches user memory through the copies only: everything else is a panic."""
    report = {"where": r"callers:\n.*\(test/kernel/provoke/user\.c:\d+\)"}
    rights = {"decoded": r"(read|write).*not allowed by the page's rights, from kernel mode"}
    return [
        ("user memory: plain read is a panic", provoked("user-read", **rights, **report)),
        ("user memory: plain write is a panic", provoked("user-write", **rights, **report)),
        ("user memory: plain write with KASLR", provoked("user-write", profile="secure", **rights)),
        ("user memory: call is a panic", provoked(
            "user-call", decoded=r"execution of 0x[0-9a-f]+, not allowed by the page's rights")),
        ("user memory: absent page is a panic", provoked(
            "user-absent", decoded=r"write to 0x[0-9a-f]+, page not present, from kernel mode")),
        ("user memory: without SMAP it is not seen", survived("user-read", cpu="max,-smap")),
        ("user memory: copy to nowhere is an error", survived("user-copy", told=r"user-copy: -14")),
    ]


def survived(kind, cpu="max", told=""):
    def test():
        with boots(built("server", extra=PROVOKE), append=f"helix.provoke={kind}", cpu=cpu) as m:
            log = m.banner + m.ask("log").text()
            expect(f"{kind}: survived" in log, "the kernel goes on", log[-1500:])
            expect(re.search(told, log), f"/{told}/", log[-1500:])
            m.poweroff()
    return test


def storm_at_the_prompt(smp):
    """A device that keeps its line asserted for ever, and a driver that is deaf: the prompt lives."""
    def test():
        with boots(built("server", extra=PROVOKE), smp=smp,
                   append="helix.provoke=irq-storm helix.loglevel=error") as m:
            for _ in range(5):
                expect(m.ask("ping").ok, "it answers")
                time.sleep(0.3)
            lines = m.ask("cat /irq/lines").text()
            expect(re.search(r"line=8 state=\w+ trigger=level count=\d+ unclaimed=\d+ storms=[1-9]", lines),
                   "the storm is shown", lines)
            expect("line=8 user=deaf owner=provoke mode=exclusive" in lines, "and whose", lines)
            storms = m.ask("cat /irq/storms").text()
            expect(re.search(r"line=8 owner=provoke cause=unclaimed interrupts=1000 pause_ms=\d{2,}",
                             storms), "records", storms)
            expect("storm, 1000 unclaimed interrupts: paused" in m.ask("log").text(), "in the log")
            if smp > 1:
                expect(m.ask("echo /irq/ctl affinity 8 2-3").ok, "it goes elsewhere")
                expect(m.ask("echo /irq/ctl resume 8").ok, "and on")
                expect("affinity=2-3" in m.ask("cat /irq/lines").text(), "as told")
                time.sleep(0.3)
                counts = m.ask("cat /irq/counts").text()
                expect(re.search(r"cpu=[23] line=8 count=", counts), "CPU 2 or 3 takes it", counts)
            bad = m.ask("echo /irq/ctl affinity 9 0").text()
            expect("detail=free-line" in bad, "a line that nobody has", bad)
            m.poweroff()
    return test


def corrupt_archive(damage):
    def test():
        out = built("server")
        with open(os.path.join(out, "boot.cpio"), "rb") as f:
            data = bytearray(f.read())
        data = damage(data)
        with tempfile.NamedTemporaryFile(suffix=".cpio") as f:
            f.write(data)
            f.flush()
            code, text = runs_to_end(out, initrd=f.name)
        expect(code == INIT_FAILED, "exit code 0x13", f"{code}\n{text[-800:]}")
        expect("refused: " in text, "the message says what is wrong", text[-800:])
    return test


def flip_magic(data):
    data[3] = ord("9")
    return data


def cut(data):
    return data[:len(data) // 2 + 1]


def too_little_memory():
    """2 MiB do not hold the server's image with a log of 256 KiB."""
    code, text = runs_to_end(built("server", extra="LOG_KIB=256"), mem="2M")
    expect(code == INIT_FAILED, "a defined exit", f"{code}\n{text[-800:]}")
    expect("cannot boot: too little RAM" in text, "the message names it", text[-800:])


def one_mebibyte():
    """The minimal profile runs with 1 MiB above what the loader and firmware keep."""
    with boots(built("minimal"), mem="2M") as m:
        expect(m.ask("ping").ok, "it answers")
        m.poweroff()


def unknown_words():
    with boots(built("server"), append="helix.nonsense=1 helix.loglevel=warn") as m:
        expect("helix.nonsense" in m.banner + m.ask("log").text(), "the word is reported", m.banner)
        m.poweroff()


SMP = "FAULT_INJECTION=y PROVOKE=y"


def has_cpu(lines, words):
    return any(line.startswith(words + " ") for line in lines)


def lost_cpu(fault, why):
    """A CPU that does not come is reported and left out, harms nobody when it wakes after all, and
    the others run."""
    def test():
        with boots(built("server", extra=SMP), smp=4, append=f"helix.fault={fault}") as m:
            told = re.search(rf"cpu (\d) does not come up \({why}\): left out",
                             m.banner + m.ask("log").text())
            expect(told, "it is reported", m.banner)
            cpus = m.ask("cat /proc/cpus").body
            expect("present=4 running=3" in cpus, "three run", str(cpus[:1]))
            for cpu in range(1, 4):
                state = "left-out" if cpu == int(told.group(1)) else "online"
                expect(has_cpu(cpus, f"cpu={cpu} state={state}"), f"cpu {cpu} is {state}", str(cpus))
            for stacks in range(8):     # what it ran on, or might have, is used by others now
                expect(m.ask("ls /proc").ok, "it goes on")
            expect(m.poweroff() == 0x10, "poweroff leaves with 0x10")
    return test


def fewer_cpus():
    """helix.cpus= limits how many are started; nonsense in it is refused in words."""
    with boots(built("server", extra=SMP), smp=4, append="helix.cpus=2") as m:
        cpus = m.ask("cat /proc/cpus").body
        expect("present=4 running=2" in cpus, "two run", str(cpus[:1]))
        expect(has_cpu(cpus, "cpu=2 state=unused"), "the third is not started", str(cpus))
        m.poweroff()
    with boots(built("server", extra=SMP), smp=2, append="helix.cpus=many") as m:
        expect("helix.cpus=many" in m.banner + m.ask("log").text(), "the word is refused", m.banner)
        expect("present=2 running=2" in m.ask("cat /proc/cpus").body, "all run")
        m.poweroff()


def panic_elsewhere(kind, who):
    """A panic on another CPU, or on all at once, is one report, and the others stop."""
    def test():
        code, text = runs_to_end(built("server", extra=SMP), smp=4, append=f"helix.provoke={kind}")
        expect(code == PANIC, f"exit code {PANIC:#x}", f"{code}\n{text[-1500:]}")
        expect(len(re.findall(r"PANIC: ", text)) == 1, "one report", text[-2500:])
        expect(re.search(rf"PANIC: provoked on cpu {who}", text), "it names the CPU", text[-2500:])
        expect("cpus: 3 others stopped, 0 did not" in text, "the others stopped", text[-2500:])
    return test


def whole_machine(kind, *patterns):
    """The report tells of every CPU, also one that has interrupts off, of slots, modules and locks."""
    def test():
        code, text = runs_to_end(built("server", extra=SMP + " DEBUG_LOCKS=y"), smp=4,
                                 append=f"helix.provoke={kind}")
        expect(code == PANIC, f"exit code {PANIC:#x}", f"{code}\n{text[-1500:]}")
        for pattern in (r"cpus: 3 others stopped, 0 did not", r"\nslots: .*scheduler=eevdf") + patterns:
            expect(re.search(pattern, text), f"/{pattern}/", text[-4000:])
    return test


def kept_panic(firmware, cc="gcc", **options):
    """A panic, a warm restart by the kernel, and the report of before in the kernel after it."""
    def test():
        out = built("server", extra=PROVOKE, cc=cc, targets="kernel" if firmware == "direct" else "iso")
        with boots(out, firmware=firmware, append="helix.provoke=panic-once helix.panic=reboot",
                   extra=("-action", "reboot=reset"), **options) as m:
            text = m.banner
            expect(text.count("PANIC: provoked with value 42") == 1, "one panic", text[-1500:])
            last = m.ask("cat /log/last_panic").text()
            for pattern in (r"PANIC: provoked with value 42",
                            r"callers:\n(.*\n)*.*provoke\.c:\d+", r"log:\n"):
                expect(re.search(pattern, last), f"/{pattern}/ is kept", last)
            expect("ended in a panic: /log/last_panic" in m.ask("log").text(), "the log tells it")
            expect(m.ask("echo /log/last_panic clear").ok, "it can be cleared")
            expect("panic=none" in m.ask("cat /log/last_panic").text(), "and is gone then")
            m.poweroff()
    return test


def wrong_provider():
    """A provider that does not exist is refused in words; the default boots instead."""
    with boots(built("server"), append="helix.slot.scheduler=nosuch") as m:
        expect(re.search(r"nosuch refused", m.banner + m.ask("log").text()), "the refusal is told",
               m.banner)
        now = m.ask("cat /slots/scheduler/provider")
        expect("eevdf" in now.text(), "the default is in the slot", now.text())
        m.poweroff()


def garbage_at_full_speed():
    """60 KB of every byte value, unpaced: the console neither dies nor answers twice."""
    with boots(built("server")) as m:
        junk = bytes((i * 7919 + i // 251) & 0xff for i in range(60000)).replace(b"\x18", b"x")
        m.send(junk + b"\r\r")
        m.send(b"\x03\x15ping\r")
        deadline = time.monotonic() + 120
        text = ""
        while "OK PING" not in text and time.monotonic() < deadline:
            text = m.wait_prompt(60)
        expect("OK PING" in text, "the console answers after it", text[-500:])
        m.buffer = b""
        m.send(b"\x15\r")
        m.wait_prompt(30)
        answer = m.ask("ping")
        expect(answer.ok, "a plain line is answered", answer.text())
        m.poweroff()


def tests():
    report = {"callers": r"callers:\n.*\(\S+\.[cS]:\d+\)", "registers": r"rip +[0-9a-f]{16}"}
    found = [(f"rollback at every component: {p}", lambda p=p: rollback_everywhere(p))
             for p in ("server", "minimal")]
    found += [
        ("report: panic", provoked("panic", reason=r"PANIC: provoked with value 42",
                                   callers=report["callers"])),
        ("report: after what was written before", in_order),
        ("report: bug", provoked("bug", reason=r"provoked with value 42")),
        ("report: division", provoked("divide", name=r"#DE", **report)),
        ("report: invalid opcode", provoked("invalid-opcode", name=r"#UD", **report)),
        ("report: general protection", provoked("protection", name=r"#GP", **report)),
        ("report: page fault", provoked("page-fault", name=r"#PF", decoded=r"write", **report)),
        ("report: double fault", provoked("double-fault", name=r"#DF",
                                          registers=report["registers"])),
        ("report: stack overflow names the thread", provoked(
            "thread-overflow", name=r"stack overflow of thread \d+ deep: ",
            decoded=r"stack overflow, no page")),
        ("report: clang has file and line", provoked("page-fault", cc="clang", **report)),
        ("report: with KASLR", provoked("page-fault", profile="secure", **report)),
        ("report: double free is named", provoked("double-free", name=r"double free")),
        ("report: foreign free is named", provoked("foreign-free", name=r"foreign")),
        ("report: past a large block", provoked(
            "large-write-past", extra="HEAP_GUARDS=y", decoded=r"page not present",
            which=r"heap: byte 20000 of the block of 20000 bytes at 0x[0-9a-f]+",
            where=r"commit_large_write_past\+0x[0-9a-f]+ \(test/kernel/provoke/memory\.c:\d+\)")),
        ("report: into a large block that was freed", provoked(
            "large-use-after-free", extra="HEAP_GUARDS=y", decoded=r"page not present",
            which=r"heap: (no block is there|byte \d+ of the block of \d+ bytes)")),
        ("report: lock order", provoked("lock-order", extra="DEBUG_LOCKS=y", name=r"inner|outer")),
    ]
    found += user_memory()
    for cc in ("gcc", "clang"):
        found.append((f"stack protector, {cc}", provoked(
            "stack-smash", cc=cc, extra="STACK_PROTECTOR=y", reason=r"stack.*smash|canary|smashed")))
        for kind in ("shift", "sum", "index", "misaligned"):
            found.append((f"UBSan: {kind}, {cc}", provoked(
                kind, cc=cc, extra="UBSAN=y SANITIZE_STOP=y", report=r"(?i)ubsan")))
        for kind in ("heap-write-past", "use-after-free", "global-past"):
            found.append((f"KASAN: {kind}, {cc}", provoked(
                kind, cc=cc, extra="KASAN=y SANITIZE_STOP=y", report=r"(?i)kasan")))
    found += [
        ("storm of a device at the prompt, 1 CPU", storm_at_the_prompt(1)),
        ("storm of a device at the prompt, 4 CPUs", storm_at_the_prompt(4)),
        ("bad archive: magic", corrupt_archive(flip_magic)),
        ("bad archive: cut off", corrupt_archive(cut)),
        ("too little memory", too_little_memory),
        ("1 MiB is enough for minimal", one_mebibyte),
        ("a CPU that does not answer, and wakes too late", lost_cpu("cpu.start:2", "no answer")),
        ("a CPU that begins and does not arrive in time",
         lost_cpu("cpu.enter:2", "began and did not end")),
        ("fewer CPUs than there are", fewer_cpus),
        ("report: panic on CPU 1", panic_elsewhere("panic-cpu1", "1")),
        ("report: panic on all CPUs at once", panic_elsewhere("panic-all", "[0-3]")),
        ("report: every CPU", whole_machine(
            "panic", r"cpu 1: thread \d+ \S+, stopped by an interrupt\n  at 0x\w+ \S+\+.*\n  by ",
            r"cpu 3: thread \d+ \S+, stopped by an interrupt\n  at ")),
        ("report: a CPU with interrupts off", whole_machine(
            "panic-deaf", r"cpu 1: thread \d+ \S+, stopped by an NMI\n  at 0x\w+ deaf_for_ever\+",
            r"cpu 1 holds: deaf\n", r"cpu 2: thread \d+ \S+, stopped by an interrupt\n  at ")),
        ("kept panic: direct", kept_panic("direct")),
        ("kept panic: direct, 4 CPUs, 24 MiB", kept_panic("direct", smp=4, mem="24M")),
        ("kept panic: direct, clang, 6 GiB", kept_panic("direct", cc="clang", mem="6G")),
        ("kept panic: BIOS", kept_panic("bios")),
        ("kept panic: UEFI, 4 CPUs", kept_panic("uefi", smp=4)),
        ("unknown kernel word", unknown_words),
        ("unknown provider", wrong_provider),
        ("console: garbage at full speed", garbage_at_full_speed),
    ]
    return found
