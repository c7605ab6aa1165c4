#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/symtab.py: its table agrees with addr2line for real programs of both compilers."""
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(TOP, "scripts", "symtab.py")
HEADER = """
static inline int helper(int x)
{
	if (x > 3)
		return x * 7;
	return x - 1;
}
"""
MAIN = """
#include "sub/helper.h"
int other(int);
__attribute__((noinline)) int hx_symbolize(int x)
{
	int sum = 0;

	for (int i = 0; i < x; i++)
		sum += other(i) + helper(x);
	return sum;
}
static __attribute__((noinline)) int quiet(int x)
{
	return other(x) +



	       other(x + 1);
}
int _start(int x) { return quiet(x) + hx_symbolize(x); }
__asm__(".text\\n.globl in_assembly\\nin_assembly: nop\\n nop\\n ret\\n.Llocal: nop\\n");
"""
OTHER = """
int other(int x);
int other(int x)
{
	return x ^ 0x55;
}
"""


def uleb(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at, value, shift = at + 1, value | (byte & 0x7f) << shift, shift + 7
        if byte < 0x80:
            return value, at, shift


def sleb(data, at):
    value, at, bits = uleb(data, at)
    return (value - (1 << bits) if data[at - 1] & 0x40 else value), at


class Table:
    """The format of core/panic/symtab.c, read a second time and independently."""

    def __init__(self, data):
        self.data = data
        magic, size, n, self.anchor, files_at, n_files = struct.unpack_from("<6I", data)
        assert magic == 0x31535848 and size == len(data)
        self.files = [f.decode() for f in data[files_at:].split(b"\0")[:-1]]
        assert len(self.files) == n_files
        self.functions = []
        for i in range(n):
            start, at = struct.unpack_from("<II", data, 24 + 8 * i)
            self.functions.append((start,) + self.record(at))

    def record(self, at):
        size, at, _ = uleb(self.data, at)
        end = self.data.index(0, at)
        name = self.data[at:end].decode()
        n, at, _ = uleb(self.data, end + 1)
        rows, offset, line, file = [], 0, 0, 0
        for _ in range(n):
            step, at, _ = uleb(self.data, at)
            offset += step >> 1
            if step & 1:
                file, at, _ = uleb(self.data, at)
            change, at = sleb(self.data, at)
            line += change
            rows.append((offset, self.files[file], line))
        return size, name, rows

    def find(self, off):
        for start, size, name, rows in self.functions:
            if start <= off < start + size:
                place = None
                for at, file, line in rows:
                    if at <= off - start:
                        place = (file, line)
                return name, off - start, place
        return None


class Symtab(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        os.mkdir(self.path("sub"))
        for name, text in (("main.c", MAIN), ("other.c", OTHER), ("sub/helper.h", HEADER)):
            with open(self.path(name), "w") as f:
                f.write(text)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def build(self, cc, *args, sources=("main.c", "other.c")):
        run = subprocess.run([cc, "-O2", "-ffreestanding", "-nostdlib", "-static", "-o", "prog",
                              *args, *sources], cwd=self.folder.name,
                             capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)

    def symtab(self, *args, elf="prog"):
        return subprocess.run([sys.executable, SCRIPT, "--elf", self.path(elf), "--top",
                               self.folder.name, *args], capture_output=True, text=True)

    def table(self):
        run = self.symtab("--bin", self.path("t.bin"), "--out", self.path("t.S"), "--sym",
                          self.path("t.sym"))
        self.assertEqual(run.returncode, 0, run.stderr)
        with open(self.path("t.bin"), "rb") as f:
            return Table(f.read())

    def nm(self):
        text = subprocess.run(["nm", self.path("prog")], capture_output=True, text=True).stdout
        return {m.group(2): int(m.group(1), 16)
                for m in re.finditer(r"^(\w+) [tT] (\w+)$", text, re.M)}

    def agrees_with_addr2line(self, cc, *args):
        if shutil.which(cc) is None:
            self.skipTest(f"{cc} is not installed")
        self.build(cc, *args)
        table, symbols = self.table(), self.nm()
        base = symbols["hx_symbolize"] - table.anchor
        asked = []
        for start, size, name, _ in table.functions:
            if name != "in_assembly":
                asked += range(base + start, base + start + size)
        run = subprocess.run(["addr2line", "-f", "-e", self.path("prog")] + [hex(a) for a in asked],
                             capture_output=True, text=True, check=True).stdout.split("\n")
        different, compared = [], 0
        for i, address in enumerate(asked):
            name, offset, place = table.find(address - base)
            self.assertEqual(address - offset, symbols[name])
            where = run[2 * i + 1].split(" ")[0]
            if where.endswith((":?", ":0")):
                continue        # code of no line: the table keeps the line before it
            compared += 1
            mine = f"{os.path.join(self.folder.name, place[0])}:{place[1]}" if place else "??:0"
            if os.path.normpath(where) != os.path.normpath(mine):
                different.append((hex(address), name, where, mine))
        self.assertGreater(compared, 60)
        self.assertEqual(different, [])

    def test_gcc_dwarf5(self):
        self.agrees_with_addr2line("gcc", "-g")

    def test_gcc_dwarf4(self):
        self.agrees_with_addr2line("gcc", "-gdwarf-4")

    def test_gcc_pie_sections(self):
        self.agrees_with_addr2line("gcc", "-g", "-static-pie", "-fPIE", "-ffunction-sections")

    def test_clang_dwarf5(self):
        self.agrees_with_addr2line("clang-14", "-gdwarf-5")

    def test_clang_dwarf4(self):
        self.agrees_with_addr2line("clang-14", "-gdwarf-4")

    def test_inlined_code_names_its_own_file(self):
        self.build("gcc", "-g")
        files = {f for _, _, name, rows in self.table().functions if name == "hx_symbolize"
                 for _, f, _ in rows}
        self.assertEqual(files, {"main.c", "sub/helper.h"})

    def test_assembly_labels_are_functions(self):
        self.build("gcc", "-g")
        table = self.table()
        names = [f[2] for f in table.functions]
        self.assertIn("in_assembly", names)
        self.assertFalse([n for n in names if n.startswith(".")])

    def test_without_debug_information_names_remain(self):
        self.build("gcc", "-g0")
        table = self.table()
        self.assertEqual(table.find(table.anchor + 1), ("hx_symbolize", 1, None))

    def test_sym_file(self):
        self.build("gcc", "-g")
        self.table()
        with open(self.path("t.sym")) as f:
            lines = f.read().splitlines()
        rows = {line.split()[2]: line.split() for line in lines}
        self.assertEqual(lines, sorted(lines))
        self.assertEqual(int(rows["quiet"][0], 16), self.nm()["quiet"])
        self.assertRegex(rows["other"][3], r"^other\.c:\d+$")
        self.assertGreater(int(rows["other"][1]), 0)

    def test_the_assembly_holds_the_same_bytes(self):
        self.build("gcc", "-g")
        self.table()
        subprocess.run(["gcc", "-c", "-o", self.path("t.o"), self.path("t.S")], check=True)
        subprocess.run(["objcopy", "-O", "binary", "-j", ".hx_symtab", self.path("t.o"),
                        self.path("t2.bin")], check=True)
        with open(self.path("t.bin"), "rb") as a, open(self.path("t2.bin"), "rb") as b:
            first, second = a.read(), b.read()
        self.assertEqual(second[:len(first)], first)
        self.assertLess(len(second) - len(first), 8)

    def test_two_runs_give_the_same_bytes(self):
        self.build("gcc", "-g")
        self.table()
        with open(self.path("t.bin"), "rb") as f:
            first = f.read()
        self.table()
        with open(self.path("t.bin"), "rb") as f:
            self.assertEqual(f.read(), first)

    def test_bad_input_is_refused_in_words(self):
        self.build("gcc", "-g")
        with open(self.path("prog"), "rb") as f:
            good = f.read()
        with open(self.path("none.c"), "w") as f:
            f.write("int _start(void) { return 0; }\n")
        for name, data in (("empty", b""), ("text", b"hello" * 100), ("cut", good[:len(good) // 2]),
                           ("head", good[:64])):
            with open(self.path(name), "wb") as f:
                f.write(data)
            with self.subTest(name):
                run = self.symtab("--bin", self.path("x.bin"), elf=name)
                self.assertEqual(run.returncode, 1)
                self.assertIn(f"{name}: ", run.stderr)
                self.assertNotIn("Traceback", run.stderr)
        subprocess.run(["strip", "-o", self.path("stripped"), self.path("prog")], check=True)
        self.assertIn("stripped", self.symtab("--bin", self.path("x.bin"), elf="stripped").stderr)
        self.build("gcc", sources=("none.c",))
        self.assertIn("no function hx_symbolize", self.symtab("--bin", self.path("x.bin")).stderr)
        self.assertEqual(self.symtab("--sym", self.path("x.sym")).returncode, 0)


if __name__ == "__main__":
    unittest.main()
