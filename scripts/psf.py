#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turn a console font (PSF version 1 or 2, plain or gzip) into C: the glyphs of printable ASCII.

  psf.py FONT.psf.gz --out screen_font.c [--origin screen_font.json]

--origin: a component for sbom.json that says which file the glyphs came from. The format: a head, then
the glyphs, each rows of (width + 7) / 8 bytes, then if the head says so for each glyph the characters
it stands for: in 16 bits (version 1) or UTF-8 (version 2). Without that list a glyph's number is its
character.
"""
import argparse
import gzip
import hashlib
import json
import os
import struct
import sys

FIRST, LAST = 0x20, 0x7e
WIDTH_MAX, HEIGHT_MAX, GLYPHS_MAX = 32, 64, 65536
PSF1_512, PSF1_TABLE = 1, 2 | 4
PSF2_TABLE = 1


class Bad(Exception):
    """The file is not a font, or not one that can be used."""


class Font:
    """width, height, and glyphs: bytes of each character of which the font has one."""

    def __init__(self, data):
        if data[:2] == b"\x36\x04":
            self.read1(data)
        elif data[:4] == b"\x72\xb5\x4a\x86":
            self.read2(data)
        else:
            raise Bad("not a PSF font")

    def read1(self, data):
        if len(data) < 4:
            raise Bad("cut off in its head")
        mode, self.height = data[2], data[3]
        self.width = 8
        rest = self.take(data, 4, 512 if mode & PSF1_512 else 256, self.height)
        self.glyphs = self.sort(characters1(rest) if mode & PSF1_TABLE else None)

    def read2(self, data):
        if len(data) < 32:
            raise Bad("cut off in its head")
        version, head, flags, n, size, self.height, self.width = struct.unpack_from("<7I", data, 4)
        if version != 0 or head < 32 or head > len(data):
            raise Bad("its head is not one of version 0")
        if size != self.height * ((self.width + 7) // 8):
            raise Bad("the size of a glyph is not what its width and height need")
        rest = self.take(data, head, n, size)
        self.glyphs = self.sort(characters2(rest) if flags & PSF2_TABLE else None)

    def take(self, data, start, n, size):
        """The glyphs by number; returns what is behind them."""
        if not (0 < self.width <= WIDTH_MAX and 0 < self.height <= HEIGHT_MAX and n <= GLYPHS_MAX):
            raise Bad(f"{n} glyphs of {self.width} x {self.height}")
        if len(data) < start + n * size:
            raise Bad("cut off in its glyphs")
        self.numbered = [data[start + i * size:start + (i + 1) * size] for i in range(n)]
        return data[start + n * size:]

    def sort(self, characters):
        if characters is None:
            return dict(enumerate(self.numbered))
        if len(characters) < len(self.numbered):
            raise Bad("cut off in its list of characters")
        found = {}
        for glyph, codes in zip(self.numbered, characters):
            for code in codes:
                found.setdefault(code, glyph)
        return found


def characters1(data):
    """16 bits a character; 0xffff ends a glyph's; behind 0xfffe stand sequences, which are left out."""
    found, codes, plain = [], [], True
    for code, in struct.iter_unpack("<H", data[:len(data) // 2 * 2]):
        if code == 0xffff:
            found.append(codes)
            codes, plain = [], True
        elif code == 0xfffe:
            plain = False
        elif plain:
            codes.append(code)
    return found


def characters2(data):
    """UTF-8; 0xff ends a glyph's characters; behind 0xfe stand sequences."""
    parts = data.split(b"\xff")
    try:
        return [[ord(c) for c in p.split(b"\xfe")[0].decode()] for p in parts[:-1]]
    except UnicodeDecodeError as e:
        raise Bad(f"its list of characters is not UTF-8: {e}") from e


def load(path):
    """(font, the bytes of the file)"""
    with open(path, "rb") as f:
        packed = f.read()
    try:
        data = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
    except (OSError, EOFError) as e:
        raise Bad(f"cannot be unpacked: {e}") from e
    font = Font(data)
    missing = [chr(c) for c in range(FIRST, LAST + 1) if c not in font.glyphs]
    if missing:
        raise Bad(f"has no glyph of {' '.join(missing)}")
    return font, packed


def c_text(font, name):
    lines = [f"/* Generated from {name}. */", "#include <hx/core/screen.h>", "",
             "static const uint8_t glyphs[] = {"]
    for code in range(FIRST, LAST + 1):
        body = ", ".join(f"0x{b:02x}" for b in font.glyphs[code])
        lines += [f"\t/* {chr(code)} */" if code != 0x5c else "\t/* backslash */", f"\t{body},"]
    return "\n".join(lines + ["};", "", "const struct hx_font hx_screen_font = {",
                              f"\t.width = {font.width}, .height = {font.height}, .glyphs = glyphs,",
                              "};", ""])


def origin(name, packed):
    return {"type": "file", "bom-ref": f"font:{name}", "name": name,
            "description": "console font of Debian's package console-setup-linux; of it, printable ASCII",
            "licenses": [{"license": {"name": "public domain"}}],
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(packed).hexdigest()}]}


def main(argv):
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("font")
    ap.add_argument("--out", required=True)
    ap.add_argument("--origin")
    args = ap.parse_args(argv)
    name = os.path.basename(args.font)
    try:
        font, packed = load(args.font)
    except FileNotFoundError:
        sys.exit(f"helix: the font {args.font} is not installed: run make setup")
    except Bad as e:
        sys.exit(f"helix: the font {args.font}: {e}")
    with open(args.out, "w") as f:
        f.write(c_text(font, name))
    if args.origin:
        with open(args.origin, "w") as f:
            json.dump(origin(name, packed), f)


if __name__ == "__main__":
    main(sys.argv[1:])
