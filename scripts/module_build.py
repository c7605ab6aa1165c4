#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write module_build.h: one word that says what a kernel and its modules were built from.

    module_build.py --out module_build.h --arch ARCH --config CONFIG --top DIR HEADER...

The word is the architecture and a hash over the headers, without comments and white space, and over
the values of the configuration symbols that they name: what a module has compiled in of the kernel.
"""
import argparse
import hashlib
import os
import re

TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|("(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\')', re.S)
SYMBOL = re.compile(r"\bCONFIG_(\w+)|\bHX_ENABLED\(\s*(\w+)\s*\)")


def values_of(path):
    with open(path) as f:
        return dict(re.findall(r"^CONFIG_(\w+)=(.*)$", f.read(), re.M))


def word(arch, config, top, headers):
    values, digest, named = values_of(config), hashlib.sha256(), set()
    for path in sorted(os.path.relpath(h, top) for h in headers):
        with open(os.path.join(top, path)) as f:
            text = TOKEN.sub(lambda m: m.group(1) or " ", f.read())
        named |= {a or b for a, b in SYMBOL.findall(text)}
        digest.update(f"{path}\n{' '.join(text.split())}\n".encode())
    for name in sorted(named):
        value = values.get(name, "n")
        digest.update(f"{name}={'y' if value == 'm' else value}\n".encode())
    return f"{arch}-{digest.hexdigest()[:16]}"


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("out", "arch", "config", "top"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("headers", nargs="+")
    args = ap.parse_args()
    text = ("/* Generated: what modules of this kernel are built from. */\n"
            f'#define HX_MODULE_BUILD "{word(args.arch, args.config, args.top, args.headers)}"\n')
    old = None
    if os.path.exists(args.out):
        with open(args.out) as f:
            old = f.read()
    if old != text:
        with open(args.out, "w") as f:
            f.write(text)


if __name__ == "__main__":
    main()
