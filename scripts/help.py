#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `make help` prints: every target of the front door, in one place."""

TARGETS = (
    ("make run", "sets up what is missing, builds, boots in QEMU with the console on the terminal"),
    ("make test", "builds and runs every test; last line: N passed, N failed"),
    ("make setup", "installs the packages that are missing"),
    ("make PROFILE_defconfig", "writes .config from configs/"),
    ("make menuconfig · guiconfig · oldconfig · olddefconfig · savedefconfig · listnewconfig",
     "the Kconfig tools"),
    ("make randconfig · allnoconfig · allyesconfig", "whole configurations by rule"),
    ("make", "builds what .config says"),
    ("make kernel · modules · rootfs · iso · disk", "single products, in build/<profile>-<arch>/out"),
    ("make unit · contract · boot-test · build-test · model-check · lint", "parts of the test suite"),
    ("make fuzz", "fuzzers of what reads bytes from outside; RUNS=n inputs each"),
    ("make soak", "10^6 random events on each scheduler, 10^7 operations on each heap, 10^4 swaps; minutes"),
    ("make coverage", "which lines the host tests reach"),
    ("make campaign", "1,000 injected faults against a booted kernel; table into docs/healing-results.md"),
    ("make bench", "guest instructions per operation; JSON and SVG in build/bench"),
    ("make tools", "host programs into build/tools: schedsim, the simulator of schedulers"),
    ("make sched-results", "writes the table of docs/scheduling-results.md: schedulers compared"),
    ("make size", "bytes per room and symbol, compared with the last saved run"),
    ("make gdb", "boots stopped, starts gdb with symbols"),
    ("make docs", "writes the generated tables of the documentation"),
    ("make clean · distclean · help", "as usual"),
)
VARIABLES = (
    ("PROFILE=server", "this profile in its own folder; .config stays"),
    ("CONFIG=file", "this configuration instead of .config"),
    ("ARCH=x86_64|host", "the machine; host: the kernel as a process"),
    ("CC=gcc|clang", "the compiler"),
    ("FIRMWARE=bios|uefi|direct", "how QEMU starts it"),
    ("SMP=4  MEM=256M", "CPUs and memory of the machine"),
    ('EXTRA="KTEST=y …"', "symbols on top of PROFILE"),
    ("EXTERNAL=dir", "rooms and profiles outside the tree"),
    ("O=dir  V=1", "another build folder; show the commands"),
    ("CCACHE=y", "folders share what they compile; not for what is shipped"),
)

if __name__ == "__main__":
    print("Helix: choose, build, boot, test. Start with `make run`; docs/guide/first-steps.md.\n")
    for name, does in TARGETS:
        if len(name) > 40:
            print(f"  {name}\n  {'':40}  {does}")
        else:
            print(f"  {name:40}  {does}")
    print("\nVariables:")
    for name, does in VARIABLES:
        print(f"  {name:40}  {does}")
