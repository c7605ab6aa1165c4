#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/psf.py: fonts of both versions, with and without a list of characters, are read right; what
is cut off or contradicts itself is refused in words."""
import gzip
import hashlib
import json
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(TOP, "scripts", "psf.py")
INSTALLED = "/usr/share/consolefonts/Lat15-Fixed16.psf.gz"
sys.path.insert(0, os.path.join(TOP, "scripts"))
import psf  # noqa: E402


def glyph(n, size):
    """Different for each number, and for each byte."""
    return bytes((n * 7 + i * 31 + (n >> 5)) & 0xff for i in range(size))


def version1(mode=0, height=16, table=b""):
    n = 512 if mode & 1 else 256
    return bytes([0x36, 0x04, mode, height]) + b"".join(glyph(i, height) for i in range(n)) + table


def version2(width=9, height=14, n=256, flags=0, table=b"", head=32, size=None):
    size = size if size is not None else height * ((width + 7) // 8)
    return struct.pack("<8I", 0x864ab572, 0, head, flags, n, size, height, width) + \
        bytes(head - 32) + b"".join(glyph(i, size) for i in range(n)) + table


def turned(n, mark, end):
    """A list that gives glyph i the character 255 - i, with a sequence behind each."""
    return b"".join(mark(255 - i if i < 256 else 0x4000 + i) + end for i in range(n))


def shown(c_text):
    """What the C says: width, height, bytes of each glyph."""
    body = re.search(r"glyphs\[\] = \{(.*?)\n\};", c_text, re.S).group(1)
    rows = [bytes(int(b, 16) for b in re.findall(r"0x([0-9a-f]{2})", line))
            for line in body.split("\n") if line.startswith("\t0x")]
    size = re.search(r"\.width = (\d+), \.height = (\d+),", c_text)
    return int(size.group(1)), int(size.group(2)), rows


class Psf(unittest.TestCase):
    def check(self, data, width, height, number_of):
        size = height * ((width + 7) // 8)
        for packed in (data, gzip.compress(data)):
            with tempfile.TemporaryDirectory() as folder:
                font, out = os.path.join(folder, "x.psf"), os.path.join(folder, "x.c")
                origin = os.path.join(folder, "x.json")
                with open(font, "wb") as f:
                    f.write(packed)
                psf.main([font, "--out", out, "--origin", origin])
                with open(out) as f:
                    got = shown(f.read())
                with open(origin) as f:
                    told = json.load(f)
            self.assertEqual(got, (width, height, [glyph(number_of(c), size) for c in range(32, 127)]))
            self.assertEqual(told["hashes"][0]["content"], hashlib.sha256(packed).hexdigest())
            self.assertTrue(told["licenses"][0]["license"]["name"])

    def test_version_1_by_number(self):
        self.check(version1(), 8, 16, lambda c: c)
        self.check(version1(mode=1, height=8), 8, 8, lambda c: c)

    def test_version_1_by_its_list(self):
        table = turned(256, lambda c: struct.pack("<HHHH", c, 0xfffe, 65, 66), b"\xff\xff")
        self.check(version1(mode=2, table=table), 8, 16, lambda c: 255 - c)
        table = turned(512, lambda c: struct.pack("<H", c), b"\xff\xff")
        self.check(version1(mode=3, table=table), 8, 16, lambda c: 255 - c)

    def test_version_2_by_number(self):
        self.check(version2(), 9, 14, lambda c: c)
        self.check(version2(width=32, height=64, n=127, head=48), 32, 64, lambda c: c)

    def test_version_2_by_its_list(self):
        table = turned(256, lambda c: chr(c).encode() + b"\xfeAB", b"\xff")
        self.check(version2(flags=1, table=table), 9, 14, lambda c: 255 - c)

    def refused(self, data, words):
        with self.assertRaisesRegex(psf.Bad, words):
            psf.Font(data)

    def test_what_contradicts_itself_is_refused(self):
        self.refused(b"", "not a PSF font")
        self.refused(b"\x7fELF", "not a PSF font")
        self.refused(version1(height=0), "glyphs of 8 x 0")
        self.refused(version1(height=65), "glyphs of 8 x 65")
        self.refused(version2(width=0, size=0), "glyphs of 0 x 14")
        self.refused(version2(width=33), "glyphs of 33 x 14")
        self.refused(version2(size=14), "size of a glyph")
        data = bytearray(version2())
        data[4] = 1
        self.refused(data, "version 0")
        data = bytearray(version2())
        struct.pack_into("<I", data, 8, 1 << 31)
        self.refused(data, "version 0")
        data = bytearray(version2())
        struct.pack_into("<I", data, 16, 1 << 31)
        self.refused(data, "glyphs of 9 x 14")
        self.refused(version2(flags=1, table=b"\xc3\x28\xff" * 256), "not UTF-8")

    def test_each_truncation_is_refused(self):
        one = version1(mode=2, table=turned(256, lambda c: struct.pack("<H", c), b"\xff\xff"))
        two = version2(flags=1, table=turned(256, lambda c: chr(c).encode(), b"\xff"))
        for data in (one, two):
            self.assertEqual(len(psf.Font(data).glyphs), 256)
            for n in range(len(data) - 1):
                with self.assertRaises(psf.Bad):
                    psf.Font(data[:n])

    def test_noise_is_refused_or_read(self):
        rng = random.Random(7)
        whole = [version1(mode=2, table=turned(256, lambda c: struct.pack("<H", c), b"\xff\xff")),
                 version2(flags=1, table=turned(256, lambda c: chr(c).encode(), b"\xff"))]
        n_read = 0
        for _ in range(3000):
            data = bytearray(rng.choice(whole))
            for _ in range(rng.randrange(1, 4)):
                data[rng.randrange(rng.choice((40, len(data))))] = rng.randrange(256)
            try:
                n_read += bool(psf.Font(bytes(data)).glyphs)
            except psf.Bad:
                pass
        self.assertGreater(n_read, 100)

    def run_script(self, font, out):
        return subprocess.run([sys.executable, SCRIPT, font, "--out", out], capture_output=True, text=True)

    def test_no_font_and_a_bad_one_are_told(self):
        with tempfile.TemporaryDirectory() as folder:
            out = os.path.join(folder, "x.c")
            run = self.run_script(os.path.join(folder, "none.psf"), out)
            self.assertNotEqual(run.returncode, 0)
            self.assertRegex(run.stderr, "^helix: the font .* is not installed: run make setup")
            for data, words in ((b"\x1f\x8b\x08rubbish", "cannot be unpacked"),
                                (version2(n=100), "has no glyph of d e f")):
                font = os.path.join(folder, "bad.psf")
                with open(font, "wb") as f:
                    f.write(data)
                run = self.run_script(font, out)
                self.assertNotEqual(run.returncode, 0)
                self.assertRegex(run.stderr, "^helix: the font .*: .*" + words)
                self.assertFalse(os.path.exists(out))

    def test_the_installed_font_looks_like_letters(self):
        font, _ = psf.load(INSTALLED)
        self.assertEqual((font.width, font.height), (8, 16))
        look = [font.glyphs[c] for c in range(32, 127)]
        self.assertEqual(len(set(look)), 95)
        self.assertEqual(font.glyphs[ord(" ")], bytes(16))

        def art(c):
            return [f"{row:08b}".replace("0", ".").replace("1", "#") for row in font.glyphs[ord(c)]
                    if row]
        self.assertEqual(len(set(art("|"))), 1)                   # one stroke
        self.assertEqual(art("-"), art("-")[:1])                    # one row
        self.assertEqual(art("L")[-1].count("#"), max(r.count("#") for r in art("L")))
        self.assertEqual([r.count("#") for r in art("H")].count(2), len(art("H")) - 1)   # two posts


if __name__ == "__main__":
    unittest.main()
