#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Pack folders into a newc cpio archive: sorted names, no times, no owners, so equal input gives
equal bytes. Later folders replace files of earlier ones.

  mkcpio.py --out boot.cpio [--file NAME PATH]... FOLDER...
"""
import argparse
import os
import stat


def entry(name, mode, data, ino):
    fields = [ino, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08X" % f for f in fields) + name.encode() + b"\0"
    head += b"\0" * (-len(head) % 4)
    return head + data + b"\0" * (-len(data) % 4)


def collect(folders):
    found = {}
    for top in folders:
        for folder, dirs, files in os.walk(top):
            for name in sorted(dirs) + sorted(files):
                path = os.path.join(folder, name)
                found[os.path.relpath(path, top)] = path
    return found


def add_files(found, files):
    """Single files under a name of their own, and the folders that they stand in."""
    for name, path in files:
        found[name] = path
        while os.path.dirname(name):
            name = os.path.dirname(name)
            found.setdefault(name, os.curdir)
    return found


def pack(folders, files=()):
    """The archive as bytes."""
    parts = []
    found = add_files(collect(folders), files)
    for ino, (name, path) in enumerate(sorted(found.items()), 1):
        if os.path.islink(path):
            parts.append(entry(name, stat.S_IFLNK | 0o777, os.readlink(path).encode(), ino))
        elif os.path.isdir(path):
            parts.append(entry(name, stat.S_IFDIR | 0o755, b"", ino))
        else:
            executable = os.stat(path).st_mode & 0o100
            with open(path, "rb") as f:
                parts.append(entry(name, stat.S_IFREG | (0o755 if executable else 0o644),
                                   f.read(), ino))
    parts.append(entry("TRAILER!!!", 0, b"", 0))
    data = b"".join(parts)
    return data + b"\0" * (-len(data) % 512)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--out", required=True)
    ap.add_argument("--stamp")
    ap.add_argument("--file", nargs=2, action="append", default=[], metavar=("NAME", "PATH"))
    ap.add_argument("folders", nargs="*")
    args = ap.parse_args()
    data = pack(args.folders, args.file)
    old = None
    if os.path.exists(args.out):
        with open(args.out, "rb") as f:
            old = f.read()
    os.makedirs(os.path.dirname(os.path.abspath(args.out)), exist_ok=True)
    if data != old:
        with open(args.out, "wb") as f:
            f.write(data)
    if args.stamp and (data != old or not os.path.exists(args.stamp)):
        with open(args.stamp, "w") as f:
            f.write("done\n")


if __name__ == "__main__":
    main()
