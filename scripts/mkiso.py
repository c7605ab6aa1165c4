#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pack a kernel and its boot archive into an ISO that GRUB boots on BIOS and UEFI machines, from CD
or as a disk. Only the GRUB modules that are used go in; nothing depends on the time of day.

  mkiso.py --kernel helix-kernel [--archive boot.cpio] [--bios-only] --out helix.iso
"""
import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile

# What grub.cfg below needs, on either firmware; the rest of GRUB's 250 modules stays out. all_video
# brings the drivers of its firmware.
MODULES = ["multiboot2", "normal", "iso9660", "part_gpt", "part_msdos", "fat", "search",
           "search_fs_file", "configfile", "serial", "terminal", "all_video", "gfxterm", "echo",
           "test", "minicmd", "boot"]
SERIAL = "48454c58"     # of the FAT filesystem that UEFI starts from
EPOCH = "315532800"     # 1980-01-01, the first day a FAT filesystem can hold


def grub_cfg(archive, words, mode):
    # GRUB passes an argument that holds a blank as one quoted word; the kernel takes quotes anywhere
    # in a word, so each word goes over as one single-quoted argument.
    line = "".join(" '" + w.replace("'", "") + "'" for w in shlex.split(words))
    module = "\tmodule2 /boot/boot.cpio boot.cpio\n" if archive else ""
    # Loading the kernel makes it what the kernel's header asks for, which is any: so set it then.
    mode = f"\tset gfxpayload={mode}\n" if mode else ""
    return ("set timeout=0\nset default=0\ninsmod all_video\n"
            'menuentry "Helix" {\n'
            "\tmultiboot2 /boot/helix-kernel" + line + "\n" + module + mode + "\tboot\n}\n")


def fixed_mformat(folder):
    """A PATH on which mformat gives the EFI image a fixed serial number instead of the time."""
    real = shutil.which("mformat")
    if real is None:
        sys.exit("helix: mformat (package mtools) is not installed: run make setup")
    os.makedirs(folder)
    path = os.path.join(folder, "mformat")
    with open(path, "w") as f:
        f.write(f'#!/bin/sh\nexec {real} -N {SERIAL} "$@"\n')
    os.chmod(path, 0o755)
    return folder + os.pathsep + os.environ["PATH"]


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--kernel", required=True)
    ap.add_argument("--archive")
    ap.add_argument("--bios-only", action="store_true")
    ap.add_argument("--out", required=True)
    ap.add_argument("--words", default="", help="kernel words of the boot entry")
    ap.add_argument("--mode", default="", help="of the screen, e.g. 1024x768x32 or text; none: GRUB chooses")
    ap.add_argument("--stamp")
    args = ap.parse_args()
    platforms = ["i386-pc"] if args.bios_only else ["i386-pc", "x86_64-efi"]
    for p in platforms:
        if not os.path.exists(f"/usr/lib/grub/{p}/multiboot2.mod"):
            sys.exit(f"helix: GRUB for {p} is not installed: run make setup")
    with tempfile.TemporaryDirectory(prefix="helix-iso-") as place:
        path = fixed_mformat(os.path.join(place, "bin"))
        tree = os.path.join(place, "tree")
        boot = os.path.join(tree, "boot")
        os.makedirs(os.path.join(boot, "grub"))
        shutil.copyfile(args.kernel, os.path.join(boot, "helix-kernel"))
        if args.archive:
            shutil.copyfile(args.archive, os.path.join(boot, "boot.cpio"))
        with open(os.path.join(boot, "grub", "grub.cfg"), "w") as f:
            f.write(grub_cfg(args.archive, args.words, args.mode))
        for folder, dirs, files in os.walk(tree, topdown=False):
            for name in files + dirs:
                os.utime(os.path.join(folder, name), (int(EPOCH), int(EPOCH)))
        command = ["grub-mkrescue", "-o", args.out + ".new", "--compress=no", "--locales=", "--themes=",
                   "--fonts=", "--install-modules=" + " ".join(MODULES)]
        if args.bios_only:
            command += ["-d", "/usr/lib/grub/i386-pc"]
        command += [tree, "--", "-volume_date", "uuid", "1980010100000000", "-volid", "HELIX",
                    "-alter_date_r", "b", "1980.01.01.000000", "/", "--"]
        run = subprocess.run(command, capture_output=True, text=True,
                             env=dict(os.environ, SOURCE_DATE_EPOCH=EPOCH, TZ="UTC", PATH=path))
    if run.returncode:
        sys.exit("helix: grub-mkrescue failed:\n" + run.stderr[-2000:])
    os.replace(args.out + ".new", args.out)
    if args.stamp:
        with open(args.stamp, "w") as f:
            f.write("done\n")


if __name__ == "__main__":
    main()
