# SPDX-License-Identifier: MIT
"""Every profile boots to a prompt, on every firmware, with 1 and 4 CPUs, built by both compilers."""
import re

from lib import PROFILES, boots, built, expect


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


def protections():
    """SMEP, SMAP and UMIP are on where the CPU has them, and only there."""
    for cpu in ("max", "max,-smap,-smep,-umip"):
        with boots(built("server"), cpu=cpu) as m:
            cpus = m.ask("cat /proc/cpus").text()
            for name in ("smep", "smap", "umip"):
                want = int(cpu == "max")
                expect(f"feature={name} present={want} enabled={want}" in cpus, name, cpus)
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
    found.append(("boot server: SMEP, SMAP, UMIP where present", protections))
    for cpu, levels in (("max", 5), ("qemu64", 4)):
        found.append((f"boot server LA57 {cpu}: {levels} levels",
                      lambda cpu=cpu, levels=levels: la57(cpu, levels)))
    for p in ("server", "minimal"):
        add(f"boot {p} clang bios 4 CPU", p, "bios", 4, cc="clang")
        add(f"boot {p} clang uefi", p, "uefi", 1, cc="clang")
        for mem in ("32M", "3G", "6G"):
            add(f"boot {p} direct {mem}", p, "direct", 1, mem=mem)
        add(f"boot {p} direct qemu64", p, "direct", 1, cpu="qemu64")
        add(f"boot {p} bios qemu64 6G", p, "bios", 1, cpu="qemu64", mem="6G")
    return found
