#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the table that panic reports read, and helix-kernel.sym, from a linked kernel.

    symtab.py --elf KERNEL [--out symtab.S [--bounds]] [--bin symtab.bin] [--sym helix-kernel.sym]
              [--top DIR]

--out is assembly for section .hx_symtab (--bounds: with the symbols around it, which otherwise the
linker script defines), --bin the same bytes raw, --sym text: address, size, name,
file:line per line. The kernel is the first of two links (its table is empty); the section stands
behind all code, so the second link moves no function. core/panic/symtab.c has the format.

Reads ELF64 little endian and DWARF 4 and 5 line tables itself: no tool of any compiler is needed.
"""
import argparse
import bisect
import os
import struct
import sys

ANCHOR = "hx_symbolize"
MAGIC = 0x31535848
SHF_EXECINSTR, STT_NOTYPE, STT_FUNC = 4, 0, 2


class Bad(Exception):
    """The file is not what it should be."""


class Elf:
    def __init__(self, data):
        self.data = data
        if data[:6] != b"\x7fELF\x02\x01" or len(data) < 64:
            raise Bad("not an ELF64 little endian file")
        shoff, = struct.unpack_from("<Q", data, 40)
        shentsize, shnum, shstrndx = struct.unpack_from("<HHH", data, 58)
        heads = [struct.unpack_from("<IIQQQQIIQQ", data, shoff + i * shentsize)
                 for i in range(shnum)]
        if not heads:
            raise Bad("no sections: is it stripped?")
        names = heads[shstrndx]
        self.sections = [dict(name=text_at(data, names[4] + h[0]), type=h[1], flags=h[2], addr=h[3],
                              off=h[4], size=h[5], link=h[6]) for h in heads]

    def bytes_of(self, name):
        for s in self.sections:
            if s["name"] == name and s["type"] != 8:
                return self.data[s["off"]:s["off"] + s["size"]]
        return b""

    def functions(self):
        """[(address, size, name)], ascending, without overlaps: one name per address."""
        symtab = next((s for s in self.sections if s["type"] == 2), None)
        if symtab is None:
            raise Bad("no symbol table: is it stripped?")
        strings = self.sections[symtab["link"]]["off"]
        found = {}
        for off in range(symtab["off"], symtab["off"] + symtab["size"], 24):
            name, info, _, shndx, value, size = struct.unpack_from("<IBBHQQ", self.data, off)
            kind, binding = info & 15, info >> 4
            if kind not in (STT_FUNC, STT_NOTYPE) or not 0 < shndx < len(self.sections):
                continue
            section = self.sections[shndx]
            label = text_at(self.data, strings + name)
            # Assembly marks few of its labels as functions; the global ones are entries.
            if not section["flags"] & SHF_EXECINSTR or not label or label[0] in ".$" or \
                    (kind == STT_NOTYPE and binding == 0):
                continue
            end = section["addr"] + section["size"]
            if not section["addr"] <= value < end:
                continue
            rank = (kind == STT_FUNC, size, binding, label)
            if value not in found or rank > found[value][0]:
                found[value] = (rank, value, size, label, end)
        rows = [found[a] for a in sorted(found)]
        out = []
        for i, (_, value, size, label, end) in enumerate(rows):
            limit = min(end, rows[i + 1][1] if i + 1 < len(rows) else end)
            out.append((value, min(size, limit - value) if size else limit - value, label))
        return out


def text_at(data, off):
    return data[off:data.index(b"\0", off)].decode("utf-8", "replace")


# ---- DWARF line tables (DWARF 5, 6.2)

def uleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def sleb(data, at):
    value, start = 0, at
    value, at = uleb(data, at)
    bits = 7 * (at - start)
    return value - (1 << bits) if data[at - 1] & 0x40 else value, at


class LineUnit:
    """Header and program of one compilation unit."""

    def __init__(self, data, at, strings):
        self.data, self.strings = data, strings
        length, = struct.unpack_from("<I", data, at)
        self.wide = length == 0xffffffff
        at += 4
        if self.wide:
            length, = struct.unpack_from("<Q", data, at)
            at += 8
        self.end = at + length
        if self.end > len(data):
            raise Bad("line table is cut")
        version, = struct.unpack_from("<H", data, at)
        at += 2
        if not 2 <= version <= 5:
            raise Bad(f"line table of DWARF version {version}")
        if version >= 5:
            at += 2
        header, = struct.unpack_from("<Q" if self.wide else "<I", data, at)
        at += 8 if self.wide else 4
        self.program = at + header
        self.min_inst = data[at]
        at += 1 + (version >= 4)
        self.line_base = struct.unpack_from("<b", data, at + 1)[0]
        self.line_range, self.opcode_base = data[at + 2], data[at + 3]
        at += 4
        self.lengths = data[at:at + self.opcode_base - 1]
        at += self.opcode_base - 1
        self.files = self.files5(at) if version >= 5 else self.files4(at)

    def files4(self, at):
        dirs, files = [""], [""]
        while self.data[at]:
            dirs.append(text_at(self.data, at))
            at = self.data.index(0, at) + 1
        at += 1
        while self.data[at]:
            name = text_at(self.data, at)
            at = self.data.index(0, at) + 1
            folder, at = uleb(self.data, at)
            _, at = uleb(self.data, at)
            _, at = uleb(self.data, at)
            files.append(os.path.join(dirs[folder], name))
        return files

    def files5(self, at):
        dirs, at = self.entries(at)
        files, at = self.entries(at)
        out = []
        for name, folder in files:
            # Folder 0 is where the compiler ran: names are given from the top of the tree already.
            out.append(os.path.join(dirs[folder][0], name) if folder else name)
        return out

    def entries(self, at):
        n_formats = self.data[at]
        at += 1
        formats = []
        for _ in range(n_formats):
            what, at = uleb(self.data, at)
            form, at = uleb(self.data, at)
            formats.append((what, form))
        count, at = uleb(self.data, at)
        out = []
        for _ in range(count):
            name, folder = "", 0
            for what, form in formats:
                value, at = self.form(form, at)
                if what == 1:
                    name = value
                elif what == 2:
                    folder = value
            out.append((name, folder))
        return out, at

    def form(self, form, at):
        data = self.data
        if form == 0x08:
            return text_at(data, at), data.index(0, at) + 1
        if form in (0x0e, 0x1f):
            off, = struct.unpack_from("<Q" if self.wide else "<I", data, at)
            return text_at(self.strings[form], off), at + (8 if self.wide else 4)
        if form == 0x0f:
            return uleb(data, at)
        if form == 0x1e:
            return None, at + 16
        size = {0x0b: 1, 0x05: 2, 0x06: 4, 0x07: 8}.get(form)
        if size is None:
            raise Bad(f"line table uses form {form:#x}")
        return int.from_bytes(data[at:at + size], "little"), at + size

    def rows(self, out):
        """Append (address, file, line) of the program to out; line 0 ends a sequence."""
        data, at, end, files = self.data, self.program, self.end, self.files
        base, line_range, opcode_base, min_inst = (self.line_base, self.line_range,
                                                   self.opcode_base, self.min_inst)
        const_add = (255 - opcode_base) // line_range * min_inst
        address, file, line = 0, 1, 1
        while at < end:
            op = data[at]
            at += 1
            if op >= opcode_base:
                op -= opcode_base
                address += op // line_range * min_inst
                line += base + op % line_range
                out.append((address, files[file], line))
            elif op == 0:
                size, at = uleb(data, at)
                sub = data[at]
                if sub == 1:
                    out.append((address, "", 0))
                    address, file, line = 0, 1, 1
                elif sub == 2:
                    address = int.from_bytes(data[at + 1:at + size], "little")
                at += size
            elif op == 1:
                out.append((address, files[file], line))
            elif op == 2:
                value, at = uleb(data, at)
                address += value * min_inst
            elif op == 3:
                value, at = sleb(data, at)
                line += value
            elif op == 4:
                file, at = uleb(data, at)
            elif op == 8:
                address += const_add
            elif op == 9:
                address += data[at] | data[at + 1] << 8
                at += 2
            else:
                for _ in range(self.lengths[op - 1]):
                    _, at = uleb(data, at)


def line_rows(elf):
    """All rows, by address; where several stand at one address the last one of the program."""
    data = elf.bytes_of(".debug_line")
    strings = {0x0e: elf.bytes_of(".debug_str"), 0x1f: elf.bytes_of(".debug_line_str")}
    rows, at = [], 0
    while at < len(data):
        unit = LineUnit(data, at, strings)
        unit.rows(rows)
        at = unit.end
    # A sequence's end must not hide the start of the next one at the same address.
    rows = [(a, line != 0, i, f, line) for i, (a, f, line) in enumerate(rows)]
    rows.sort()
    return [(a, f, line) for a, _, _, f, line in rows]


def tidy(path, top):
    """A name from the top of the tree, wherever tree and build folder lie."""
    path = os.path.normpath(path)
    while path.startswith("../"):
        path = path[3:]
    # An assembler may name a file by its way from the build folder: "../../a/tree/x.S" for /a/tree.
    for prefix in (top + os.sep, top[1:] + os.sep):
        if top and path.startswith(prefix):
            return path[len(prefix):]
    return path


def lines_of(functions, rows, top):
    """For each function its [(offset, file, line)], only where file or line change."""
    addresses = [r[0] for r in rows]
    names = {}
    out = []
    for start, size, _ in functions:
        i = bisect.bisect_right(addresses, start) - 1
        while i > 0 and rows[i - 1][0] == rows[i][0]:
            i -= 1
        i = max(i, 0)
        mine, last = [], None
        while i < len(rows) and rows[i][0] < start + size:
            address, file, line = rows[i]
            i += 1
            if line == 0 or (i < len(rows) and rows[i][0] == address and rows[i][2] != 0):
                continue
            if file not in names:
                names[file] = tidy(file, top)
            place = (names[file], line)
            if place != last:
                offset = max(address - start, 0)
                if mine and mine[-1][0] == offset:
                    mine.pop()
                mine.append((offset,) + place)
                last = place
        out.append(mine)
    return out


# ---- the table

def put_uleb(out, value):
    while value > 0x7f:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)


def put_sleb(out, value):
    while not -0x40 <= value < 0x40:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value & 0x7f)


def record(size, name, rows, file_idx):
    out = bytearray()
    put_uleb(out, size)
    out += name.encode() + b"\0"
    put_uleb(out, len(rows))
    at, line, file = 0, 0, 0
    for offset, row_file, row_line in rows:
        idx = file_idx[row_file]
        put_uleb(out, (offset - at) << 1 | (idx != file))
        if idx != file:
            put_uleb(out, idx)
        put_sleb(out, row_line - line)
        at, line, file = offset, row_line, idx
    return bytes(out)


def make_table(functions, lines):
    base = functions[0][0]
    anchor = next((a for a, _, n in functions if n == ANCHOR), None)
    if anchor is None:
        raise Bad(f"no function {ANCHOR}: nothing could find the table's addresses at run time")
    uses = {}
    for rows in lines:
        for _, file, _ in rows:
            uses[file] = uses.get(file, 0) + 1
    files = sorted(uses, key=lambda f: (-uses[f], f))
    file_idx = {f: i for i, f in enumerate(files)}
    records_at = 24 + 8 * len(functions)
    index, records = bytearray(), bytearray()
    for (address, size, name), rows in zip(functions, lines):
        index += struct.pack("<II", address - base, records_at + len(records))
        records += record(size, name, rows, file_idx)
    files_at = records_at + len(records)
    pool = b"".join(f.encode() + b"\0" for f in files)
    head = struct.pack("<IIIIII", MAGIC, files_at + len(pool), len(functions), anchor - base,
                       files_at, len(files))
    return head + bytes(index) + bytes(records) + pool


def assembly(table, bounds):
    words = table + bytes(-len(table) % 8)
    rows = ["# Generated by scripts/symtab.py.", '\t.section .hx_symtab, "a"', "\t.balign 8"]
    names = ("hx_symtab_start", "hx_symtab_end") if bounds else ()
    rows += [f"\t.globl {n}\n\t.hidden {n}" for n in names] + [f"{n}:" for n in names[:1]]
    quads = struct.unpack(f"<{len(words) // 8}Q", words)
    for i in range(0, len(quads), 8):
        rows.append("\t.quad " + ",".join(f"{q:#x}" for q in quads[i:i + 8]))
    rows += [f"{n}:" for n in names[1:]] + ['\t.section .note.GNU-stack, "", %progbits']
    return "\n".join(rows) + "\n"


def sym_text(functions, lines):
    out = []
    for (address, size, name), rows in zip(functions, lines):
        place = f"{rows[0][1]}:{rows[0][2]}" if rows else "?"
        out.append(f"{address:016x} {size} {name} {place}\n")
    return "".join(out)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--elf", required=True)
    ap.add_argument("--out")
    ap.add_argument("--bounds", action="store_true")
    ap.add_argument("--bin")
    ap.add_argument("--sym")
    ap.add_argument("--top", default="", help="absolute paths below it become relative to it")
    args = ap.parse_args()
    try:
        with open(args.elf, "rb") as f:
            elf = Elf(f.read())
        functions = elf.functions()
        if not functions:
            raise Bad("no functions")
        lines = lines_of(functions, line_rows(elf), os.path.normpath(args.top) if args.top else "")
        if args.out or args.bin:
            table = make_table(functions, lines)
        if args.out:
            with open(args.out, "w") as f:
                f.write(assembly(table, args.bounds))
        if args.bin:
            with open(args.bin, "wb") as f:
                f.write(table)
        if args.sym:
            with open(args.sym, "w") as f:
                f.write(sym_text(functions, lines))
    except (Bad, OSError, struct.error, IndexError, ValueError) as e:
        print(f"symtab.py: {args.elf}: {e}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
