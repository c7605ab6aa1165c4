# SPDX-License-Identifier: MIT
"""Every profile boots to a prompt, on every firmware, with 1 and 4 CPUs, built by both compilers."""
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


def tests():
    found = []

    def add(name, *args, **kw):
        found.append((name, lambda: boot_and_look(*args, **kw)))

    for p in PROFILES:
        for firmware in ("direct", "bios", "uefi"):
            for smp in (1, 4):
                add(f"boot {p} {firmware} {smp} CPU", p, firmware, smp)
        add(f"boot {p} clang direct", p, "direct", 1, cc="clang")
    for p in ("server", "minimal"):
        add(f"boot {p} clang bios 4 CPU", p, "bios", 4, cc="clang")
        add(f"boot {p} clang uefi", p, "uefi", 1, cc="clang")
        for mem in ("32M", "3G", "6G"):
            add(f"boot {p} direct {mem}", p, "direct", 1, mem=mem)
        add(f"boot {p} direct qemu64", p, "direct", 1, cpu="qemu64")
        add(f"boot {p} bios qemu64 6G", p, "bios", 1, cpu="qemu64", mem="6G")
    return found
