# SPDX-License-Identifier: MIT
"""Every profile boots to a prompt, on every firmware, with 1 and 4 CPUs, built by both compilers;
those for several CPUs run on all of 1, 2, 4 and 8."""
import re

from lib import PROFILES, boots, built, expect

SEVERAL_CPUS = ("desktop", "server", "secure", "realtime")


def boot_and_look(profile, firmware, smp, cc="gcc", mem="256M", cpu="max"):
    targets = "kernel" if firmware == "direct" else "iso"
    out = built(profile, cc=cc, targets=targets)
    with boots(out, firmware=firmware, smp=smp, mem=mem, cpu=cpu) as m:
        version = m.ask("cat /proc/version")
        expect(version.ok, "cat /proc/version answers OK", version.text())
        expect(f"profile={profile}" in " ".join(version.body), "it names its profile",
               version.text())
        listing = m.ask("ls /")
        expect(listing.ok and any("proc" in line for line in listing.body), "ls / shows proc",
               listing.text())
        if profile in SEVERAL_CPUS:
            cpus = m.ask("cat /proc/cpus")
            expect(f"present={smp} running={smp}" in cpus.body, f"{smp} CPUs run", cpus.text())
            online = [line for line in cpus.body if " state=online " in line]
            expect(len(online) == smp, "each has a line", cpus.text())
        wrong = m.ask("cat /no/such/node")
        expect(not wrong.ok and wrong.ack.startswith("ERR CAT reason="), "a wrong path is refused",
               wrong.text())
        code = m.poweroff()
        expect(code == 0x10, "poweroff leaves with 0x10", str(code))


def la57(cpu, levels):
    """Five levels where the CPU has them, else four and a line that says so; the map scales."""
    with boots(built("server", extra="LA57=y"), cpu=cpu, mem="6G") as m:
        seen = m.ask("cat /mem/spaces").text()
        expect(f" levels={levels} " in seen, f"{levels} levels", seen)
        told = "this CPU has no 5-level paging: going on with 4 levels" in m.banner
        expect(told == (levels == 4), "it says so if the CPU has not got them", m.banner)
        area = r"area name=device start=0x" + ("ffa0" if levels == 5 else "ffffd0") + "0+ "
        text = m.ask("cat /mem/map").text()
        expect(re.search(area, text), f"/{area}/", text[-3000:])
        cpus = m.ask("cat /proc/cpus").text()
        expect(("feature=la57 present=1 enabled=1" in cpus) == (levels == 5), "enabled", cpus)
        m.poweroff()


def memory_map(profile, cpu, extra, shift):
    """Every region where the plan has it, scaled by the levels; guards; nothing rw and x at once."""
    where = {"heap": 0xc000, "device": 0xd000, "modules": 0xe000}
    with boots(built(profile, extra=extra), cpu=cpu, smp=2) as m:
        text = m.ask("cat /mem/map").text()
        m.poweroff()
    areas = {n: (int(a, 16), int(b, 16)) for n, a, b in
             re.findall(r"^area name=(\w+) start=(\w+) end=(\w+)$", text, re.M)}
    for name, high in where.items():
        start = ((0xffff << 48 | high << 32) << shift) % 2**64
        expect(areas[name] == (start, (start + (16 << 40 << shift)) % 2**64), f"{name} at {start:#x}",
               text)
    expect(areas["stacks"][0] & ~0xffffff == 0xffffffffc0000000, "stacks in the last GiB", text)
    maps = [(int(a, 16), int(b, 16), r) for a, b, r in
            re.findall(r"^map start=(\w+) end=(\w+) page_bytes=\d+ rights=(\S+)", text, re.M)]
    expect(not [r for r in maps if r[2] == "rwx"], "nothing is rwx", text)
    expect({r[2] for r in maps if r[0] < areas["heap"][0]} == {"rw-"}, "the direct map is rw-", text)
    for low, high, n in ((*areas["device"], 2), (0xffffffffc0000000, 2**64, 5)):
        inside = [r for r in maps if low <= r[0] < high]
        expect(len(inside) >= n, f"{n} mappings at {low:#x}", text)
        for a, b in zip(inside, inside[1:]):
            expect(b[0] - a[1] >= 4096, f"a guard between {a[1]:#x} and {b[0]:#x}", text)


def protections():
    """SMEP, SMAP and UMIP are on where the CPU has them, and only there."""
    for cpu in ("max", "max,-smap,-smep,-umip"):
        with boots(built("server"), cpu=cpu) as m:
            cpus = m.ask("cat /proc/cpus").text()
            for name in ("smep", "smap", "umip"):
                want = int(cpu == "max")
                expect(f"feature={name} present={want} enabled={want}" in cpus, name, cpus)
            m.poweroff()


def promises(smp):
    """A deadline that fits nowhere is refused with what is asked for and what each CPU has promised."""
    def wants(runtime_ms):
        return (f"echo /sched/threads/1/intent class=realtime runtime_ns={runtime_ms}000000 "
                "deadline_ns=10000000 period_ns=10000000")

    with boots(built("realtime", extra="SMP=y"), smp=smp) as m:
        given = m.ask(wants(6))
        expect(given.ok, "6 ms of 10 are promised", given.text())
        queues = [m.ask(f"cat /sched/runq/{cpu}").text() for cpu in range(smp)]
        expect(sum("promised_ppm=600000 of=950000" in q for q in queues) == 1, "by one CPU",
               "".join(queues))
        more = m.ask(wants(10))
        sums = ",".join(f"cpu{n}:{600000 if 'promised_ppm=600000' in queues[n] else 0}"
                        for n in range(smp))
        expect(not more.ok and f"asked_ppm=1000000 of=950000 promised_ppm={sums}" in more.text(),
               f"refused with {sums}", more.text())
        m.poweroff()


def tests():
    found = []

    def add(name, *args, **kw):
        found.append((name, lambda: boot_and_look(*args, **kw)))

    for p in PROFILES:
        for firmware in ("direct", "bios", "uefi"):
            for smp in (1, 4):
                add(f"boot {p} {firmware} {smp} CPU", p, firmware, smp)
        add(f"boot {p} clang direct", p, "direct", 1, cc="clang")
        if p in SEVERAL_CPUS:
            for smp in (2, 8):
                add(f"boot {p} direct {smp} CPU", p, "direct", smp)
            add(f"boot {p} clang direct 8 CPU", p, "direct", 8, cc="clang")
    found.append(("boot server: SMEP, SMAP, UMIP where present", protections))
    for cpu, levels in (("max", 5), ("qemu64", 4)):
        found.append((f"boot server LA57 {cpu}: {levels} levels",
                      lambda cpu=cpu, levels=levels: la57(cpu, levels)))
    for p, cpu, extra, shift in (("server", "max", "", 0), ("server", "max", "LA57=y SMP=y", 9),
                                 ("desktop", "qemu64", "", 0)):
        found.append((f"boot {p} {cpu}: memory map{', ' + extra if extra else ''}",
                      lambda p=p, c=cpu, e=extra, s=shift: memory_map(p, c, e, s)))
    for smp in (1, 4):
        found.append((f"boot realtime: promises of {smp} CPUs", lambda smp=smp: promises(smp)))
    for p in ("server", "minimal"):
        add(f"boot {p} clang bios 4 CPU", p, "bios", 4, cc="clang")
        add(f"boot {p} clang uefi", p, "uefi", 1, cc="clang")
        for mem in ("32M", "3G", "6G"):
            add(f"boot {p} direct {mem}", p, "direct", 1, mem=mem)
        add(f"boot {p} direct qemu64", p, "direct", 1, cpu="qemu64")
        add(f"boot {p} bios qemu64 6G", p, "bios", 1, cpu="qemu64", mem="6G")
    return found
