#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make a module (.hko) of a room's objects: docs/spec/hko.md has the format.

    mkmodule.py --out sched_rr.hko --name sched_rr --kind scheduler --version 1.2.3 --summary TEXT
                --build module_build.h --config CONFIG [--exports exports.c]...
                [--needs "required threads"]... [--gives sched.rr]... [--state N]...
                [--flag swappable]... [--cap "irq 3"]... [--init-ms N]
                [--source file.c]... OBJECT...

What the component in the sources needs and gives stands in the descriptor as well. Joins the
objects, still relocatable, drops what the kernel does not read, and adds the descriptor.
Every symbol from outside must be in the lists that rooms export: else this says which is not.
"""
import argparse
import os
import re
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import initgraph  # noqa: E402
import module_build  # noqa: E402
from symtab import Bad, Elf, text_at  # noqa: E402

KINDS = {"scheduler": 0, "allocator": 1, "filesystem": 2, "driver": 3, "network": 4, "security": 5,
         "ipc": 6, "custom": 255}
FLAGS = {"essential": 1, "swappable": 2, "experimental": 4, "deprecated": 8}
NEEDS = {"required": 0, "optional": 1, "weak": 2, "conflict": 3}
VERSION_MAX = (1 << 48) - 1
HEAD_BYTES = 96
EXPORT = re.compile(r"^HX_EXPORT(?:_LEAF)?(?:_IF\((\w+),\s*(\w+)|\((\w+)),\s*(\d+)\);", re.M)
WORD = re.compile(r"[a-z0-9][a-z0-9_.-]{0,30}\Z")
SHF_WRITE, SHF_ALLOC, SHF_EXEC = 1, 2, 4


def run(command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise Bad(f"{os.path.basename(command[0])}: {done.stderr.strip()}")


def exported(paths, config):
    """{symbol: version} of the lists in these files, as far as the configuration has them."""
    values, found = module_build.values_of(config), {}
    for path in paths:
        with open(path) as f:
            for only_if, name_if, name, version in EXPORT.findall(f.read()):
                if not only_if or values.get(only_if, "n") in ("y", "m"):
                    found[name or name_if] = int(version)
    return found


def undefined(elf):
    """The names that the object does not define itself."""
    symtab = next((s for s in elf.sections if s["type"] == 2), None)
    if symtab is None:
        return []
    strings, names = elf.sections[symtab["link"]]["off"], []
    for at in range(symtab["off"] + 24, symtab["off"] + symtab["size"], 24):
        name, _, _, section = struct.unpack_from("<IBBH", elf.data, at)
        if section == 0:
            names.append(text_at(elf.data, strings + name))
    return sorted(set(names), key=lambda n: n.encode())


def file_names(elf):
    """Symbols that only name source files: they tell how the build was called."""
    symtab = next(s for s in elf.sections if s["type"] == 2)
    strings = elf.sections[symtab["link"]]["off"]
    return {text_at(elf.data, strings + struct.unpack_from("<I", elf.data, at)[0])
            for at in range(symtab["off"] + 24, symtab["off"] + symtab["size"], 24)
            if elf.data[at + 4] & 15 == 4}


def version(text):
    """"1.2.3", the end may be missing -> one number."""
    parts = [int(p) for p in text.split(".")]
    if not 1 <= len(parts) <= 3 or any(p > 0xffff for p in parts):
        raise Bad(f"{text} is no version of the form 1.2.3")
    parts += [0] * (3 - len(parts))
    return parts[0] << 32 | parts[1] << 16 | parts[2]


class Descriptor:
    def __init__(self):
        self.pool, self.places = bytearray(), {}

    def text(self, text):
        if text not in self.places:
            self.places[text] = len(self.pool)
            self.pool += text.encode() + b"\0"
        return self.places[text]

    def word(self, text):
        if not WORD.match(text):
            raise Bad(f'"{text}" is no word (a-z 0-9 _ . -, at most 31)')
        return self.text(text)


def need(d, text):
    """"kind name [min [max]]" """
    words = text.split()
    if not 2 <= len(words) <= 4 or words[0] not in NEEDS:
        raise Bad(f'need "{text}": it reads KIND NAME [MIN [MAX]], KIND one of {", ".join(NEEDS)}')
    low = version(words[2]) if len(words) > 2 else 0
    high = version(words[3]) if len(words) > 3 else VERSION_MAX
    return d.word(words[1]), NEEDS[words[0]], low, high


def descriptor(args, build, imports):
    """The bytes of the section .hx.module: head, tables, texts."""
    d = Descriptor()
    name, build, summary = d.word(args.name), d.text(build), d.text(args.summary)
    gives = [g.split() for g in args.gives]
    tables = [("<IIQQ", [need(d, n) for n in args.needs]),
              ("<IIQ", [(d.word(g[0]), 0, version(g[1] if len(g) > 1 else args.version))
                        for g in gives]),
              ("<I", [(s,) for s in args.state]),
              ("<II", [(d.text(n), v) for n, v in imports]),
              ("<II", [(d.word(c.split()[0]), int(c.split()[1], 0)) for c in args.cap])]
    at, places = HEAD_BYTES, []
    for form, rows in tables:
        places.append((at, len(rows)))
        at = (at + struct.calcsize(form) * len(rows) + 7) & ~7
    texts, body, n = at, bytearray(), 0
    # Offsets of texts in the rows count from the pool so far: the pool begins behind the tables.
    columns = {"<IIQQ": (0,), "<IIQ": (0,), "<I": (), "<II": (0,)}
    for form, rows in tables:
        for row in rows:
            body += struct.pack(form, *[v + texts if i in columns[form] else v
                                        for i, v in enumerate(row)])
        body += bytes(-len(body) % 8)
        n += 1
    size = texts + len(d.pool)
    flags = 0
    for flag in args.flag:
        flags |= FLAGS[flag]
    head = struct.pack("<8sHHIIIQIIII", b"HXMODULE", 1, 0, size, KINDS[args.kind], flags,
                       version(args.version), name + texts, build + texts, summary + texts,
                       args.init_ms)
    for place in places:
        head += struct.pack("<II", *place)
    return head + struct.pack("<Q", 0) + bytes(body) + bytes(d.pool)


def section_flags(section):
    """What objcopy is to make of a section that is kept: no merging, no retaining, no WRITE for
    what only relocation writes to."""
    if section["flags"] & SHF_EXEC:
        return "alloc,readonly,code"
    if section["name"].startswith((".rodata", "hx_")):
        return "alloc,readonly,data"
    return "alloc,data" if section["type"] != 8 else "alloc"


def put_section(data, name, content):
    """The file with the content of a section at its end, aligned to 8 as objcopy cannot."""
    data = bytearray(data + bytes(-len(data) % 8))
    at = next(i for i, s in enumerate(Elf(bytes(data)).sections) if s["name"] == name)
    head = struct.unpack_from("<Q", data, 40)[0] + 64 * at
    struct.pack_into("<QQ", data, head + 24, len(data), len(content))
    struct.pack_into("<Q", data, head + 48, 8)
    return bytes(data) + content + bytes(-len(content) % 8)


def add_component(args):
    """What HX_COMPONENT in the sources says, as needs and gifts of the module."""
    for path in args.source:
        with open(path, encoding="utf-8") as f:
            for c in initgraph.parse(path, f.read()):
                args.needs += [f"{'optional' if o else 'required'} {w}" for w, o in c.needs
                               if f"required {w}" not in args.needs]
                args.gives += [w for w in c.all_gives() if w != args.name]


def make(args):
    add_component(args)
    with open(args.build) as f:
        build = re.search(r'HX_MODULE_BUILD "([^"]+)"', f.read()).group(1)
    known = exported(args.exports, args.config)
    with tempfile.TemporaryDirectory() as folder:
        joined, desc = os.path.join(folder, "joined.o"), os.path.join(folder, "desc")
        run(["ld", "-r", "-T", os.path.join(HERE, "module.ld"), "-o", joined] + args.objects)
        with open(joined, "rb") as f:
            elf = Elf(f.read())
        names = [n for n in undefined(elf) if n != "_GLOBAL_OFFSET_TABLE_"]
        unknown = [n for n in names if n not in known]
        if unknown:
            raise Bad("no room exports " + ", ".join(unknown))
        with open(desc, "wb") as f:
            f.write(bytes(8))
        command = ["objcopy", "--strip-debug", "-N", "_GLOBAL_OFFSET_TABLE_"]
        for name in sorted(file_names(elf)):
            command += ["-N", name]
        for s in elf.sections:
            if s["flags"] & SHF_ALLOC and s["size"] == 0:
                command += ["-R", s["name"]]
            elif s["flags"] & SHF_ALLOC and s["type"] == 1:
                command += ["--set-section-flags", f"{s['name']}={section_flags(s)}"]
        command += ["--add-section", f".hx.module={desc}",
                    "--set-section-flags", ".hx.module=contents,readonly", joined, joined]
        run(command)
        with open(joined, "rb") as f:
            data = f.read()
    data = put_section(data, ".hx.module", descriptor(args, build, [(n, known[n]) for n in names]))
    with open(args.out, "wb") as f:
        f.write(data)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("out", "name", "version", "summary", "build", "config"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--kind", choices=KINDS, required=True)
    for name in ("exports", "needs", "gives", "cap", "source"):
        ap.add_argument("--" + name, action="append", default=[])
    ap.add_argument("--flag", action="append", choices=FLAGS, default=[])
    ap.add_argument("--state", action="append", type=int, default=[])
    ap.add_argument("--init-ms", type=int, default=0)
    ap.add_argument("objects", nargs="+")
    args = ap.parse_args()
    try:
        make(args)
    except (Bad, initgraph.Bad, OSError, ValueError, struct.error) as e:
        print(f"mkmodule.py: module {args.name}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
