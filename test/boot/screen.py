# SPDX-License-Identifier: MIT
"""The report of a panic on the screen: a picture of it is read back, character by character, and must
say what the serial line said. The reader knows the font file and QEMU's picture, nothing of the
kernel; of the machine's own text mode it knows the characters in memory, and checks that equal ones
look equal."""
import gzip
import os
import re
import tempfile
import time

import machine
from lib import BOOT_S, Failed, built, expect

FONT = "/usr/share/consolefonts/Lat15-Fixed16.psf.gz"
WIDTH, HEIGHT = 8, 16           # of its glyphs
PROVOKE = "PROVOKE=y DEBUG_ASSERT=y"
VGA_TEXT, COLUMNS, ROWS = 0xb8000, 80, 25
END = re.compile(r"\nslots: [^\n]*\n(module [^\n]*\n)*\Z")
NOTE = re.compile(r"-- (\d+) lines more: serial line, /log/last_panic after a warm restart --$")


def glyphs():
    """{rows of bits: character} of the font, which is one of version 1 with 256 glyphs."""
    with gzip.open(FONT) as f:
        data = f.read()
    expect(data[:2] == b"\x36\x04" and data[3] == HEIGHT and not data[2] & 1, "a font of that kind")
    found, at = {}, 4 + 256 * HEIGHT
    for n in range(256):
        while True:
            code = int.from_bytes(data[at:at + 2], "little")
            at += 2
            if code == 0xffff:
                break
            if 0x20 <= code <= 0x7e:
                found[data[4 + n * HEIGHT:4 + (n + 1) * HEIGHT]] = chr(code)
    expect(len(found) == 95, "a glyph of each character", str(len(found)))
    return found


class Picture:
    """A screendump in QEMU's PPM: width, height, and rows of three bytes a pixel."""

    def __init__(self, m):
        path = os.path.join(m.folder, "screen.ppm")
        m.qmp("screendump", filename=path, format="ppm")
        with open(path, "rb") as f:
            data = f.read()
        head = re.match(rb"P6\s+(\d+)\s+(\d+)\s+255\s", data)
        expect(head, "a picture", data[:20])
        self.width, self.height = int(head.group(1)), int(head.group(2))
        self.bytes = data[head.end():]
        expect(len(self.bytes) == 3 * self.width * self.height, "whole")

    def pixel(self, x, y):
        at = 3 * (y * self.width + x)
        return self.bytes[at:at + 3]

    def row(self, x, y, n):
        at = 3 * (y * self.width + x)
        return self.bytes[at:at + 3 * n]


def read_pixels(picture, font, scale):
    """The text of the picture; a character that is none of the font's is told with its place."""
    paper = picture.pixel(picture.width - 1, picture.height - 1)
    colours, lines = {paper}, []
    for row in range(picture.height // (HEIGHT * scale)):
        line = ""
        for column in range(picture.width // (WIDTH * scale)):
            bits = bytearray()
            for y in range(HEIGHT):
                pixels = picture.row(column * WIDTH * scale, (row * HEIGHT + y) * scale, WIDTH * scale)
                dots = [pixels[3 * scale * x:3 * scale * x + 3] for x in range(WIDTH)]
                colours.update(dots)
                bits.append(sum((d != paper) << (7 - x) for x, d in enumerate(dots)))
            line += font.get(bytes(bits), "\0")
        if "\0" in line:
            return None
        lines.append(line.rstrip())
    return lines if len(colours) == 2 else None


def read_characters(m, picture):
    """The text of the text mode, from its memory; and the picture of equal characters is equal."""
    path = os.path.join(m.folder, "text.bin")
    m.qmp("pmemsave", val=VGA_TEXT, size=2 * COLUMNS * ROWS, filename=path)
    with open(path, "rb") as f:
        data = f.read()
    width, height = picture.width // COLUMNS, picture.height // ROWS
    if (width, height) not in ((8, 16), (9, 16)) or set(data[1::2]) != {0x1f}:
        return None
    looks = {}
    for i, code in enumerate(data[::2]):
        x, y = i % COLUMNS * width, i // COLUMNS * height
        looks.setdefault(code, set()).add(b"".join(picture.row(x, y + k, width) for k in range(height)))
    if any(len(s) != 1 for s in looks.values()) or \
            len({next(iter(s)) for s in looks.values()}) != len(looks):
        return None
    text = data[::2].decode("cp437")
    return [text[COLUMNS * r:COLUMNS * (r + 1)].rstrip() for r in range(ROWS)]


def wrapped(report, columns):
    rows = []
    for line in report.split("\n")[:-1]:
        rows += [line[i:i + columns] for i in range(0, len(line), columns)] or [""]
    return [r.rstrip() for r in rows]


def expect_screen(lines, report, columns, rows):
    """Row by row the beginning of the report; the last one counts what is missing."""
    want = wrapped(report, columns)
    expect(len(lines) == rows, f"{rows} rows", str(len(lines)))
    cut = len(want) > rows
    shown = lines[:-1] if cut else lines
    for n, (got, line) in enumerate(zip(shown, want + [""] * rows)):
        expect(got == line, f"row {n} is {line!r}", repr(got))
    if cut:
        note = NOTE.match(lines[-1])
        expect(note, "the last row is a note", lines[-1])
        taken = 0
        while len(wrapped("\n".join(report.split("\n")[:taken + 1]) + "\n", columns)) <= rows - 1:
            taken += 1
        expect(int(note.group(1)) == report.count("\n") - taken, "it counts the lines", lines[-1])


def panicked(m):
    """Wait for the whole report on the serial line; what stands there from its reason on."""
    deadline = time.monotonic() + BOOT_S
    while True:
        text = m.transcript.replace(b"\r", b"").decode(errors="replace")
        if "\nPANIC: " in text and END.search(text):
            return text[text.index("\nPANIC: ") + 1:]
        if not m.pump(deadline):
            raise Failed("the machine left: " + text[-500:])


def shown(size, scale=1, text=False, cut=False, **options):
    """A panic on a machine whose screen then has this size, in characters if it is text; cut: the
    report does not fit."""
    def test():
        out = built("server", extra=PROVOKE, targets="kernel" if "firmware" not in options else "iso")
        font = glyphs()
        with machine.Machine(out, append="helix.provoke=page-fault", qmp=True, debug_exit=False,
                             **options) as m:
            report = panicked(m)
            expect(re.search(r"PANIC: .*\(#PF\) in the kernel\n", report), "the panic", report)
            lines, deadline = None, time.monotonic() + 60
            while lines is None and time.monotonic() < deadline:
                picture = Picture(m)
                if text:
                    lines = read_characters(m, picture)
                elif (picture.width, picture.height) == size:
                    lines = read_pixels(picture, font, scale)
                # It may still be being drawn: it is whole when its last words are there.
                if lines is not None and not (lines[-1].endswith("--") or "slots:" in "".join(lines)):
                    lines = None
                time.sleep(0.3)
            expect(lines is not None, "the screen shows text",
                   f"{picture.width} x {picture.height}, last character {picture.pixel(0, 0)}")
            columns, rows = size if text else (size[0] // WIDTH // scale, size[1] // HEIGHT // scale)
            expect_screen(lines, report, columns, rows)
            expect(not cut or NOTE.match(lines[-1]), "it does not fit", lines[-1])
            if options.get("smp", 1) > 1:
                expect("cpus: 3 others stopped, 0 did not" in lines, "the CPUs", "\n".join(lines))
    return test


def nothing_to_show():
    """A machine without a screen, and one whose screen cannot be written any more: the report on the
    serial line is whole, and the exit code is a panic's."""
    out = built("server", extra=PROVOKE)
    for options in ({"append": "helix.provoke=page-fault", "extra": ("-vga", "none")},
                    {"append": "helix.provoke=panic-screen"}):
        with machine.Machine(out, **options) as m:
            code = m.wait_end(BOOT_S)
            text = m.transcript.replace(b"\r", b"").decode(errors="replace")
        expect(code == machine.EXIT_PANIC, "a panic's exit code", f"{code}\n{text[-800:]}")
        expect(re.search(r"\nPANIC: (.*\n)+thread: (.*\n)+callers:\n(.*\n)+log:\n(.*\n)+slots: ", text),
               "the whole report", text[-3000:])
        if "extra" not in options:
            expect(re.search(r"\nslots: (.*\n)+\nPANIC: .*\(#PF\) in the kernel\n.*while reporting the first",
                             text), "what happened to the screen comes behind it", text[-1000:])


def tests():
    bios, uefi = {"firmware": "bios"}, {"firmware": "uefi"}
    return [
        ("panic on the screen: direct, text mode", shown((80, 25), text=True)),
        ("panic on the screen: direct, text mode, 4 CPUs",
         shown((80, 25), text=True, cut=True, smp=4)),
        ("panic on the screen: BIOS, GRUB's mode", shown((800, 600), **bios)),
        ("panic on the screen: BIOS, text mode", shown((80, 25), text=True, mode="text", **bios)),
        ("panic on the screen: BIOS, 1024x768x24, 4 CPUs",
         shown((1024, 768), mode="1024x768x24", smp=4, **bios)),
        ("panic on the screen: BIOS, 800x600x16", shown((800, 600), mode="800x600x16", **bios)),
        ("panic on the screen: BIOS, 640x480x15", shown((640, 480), mode="640x480x15", **bios)),
        ("panic on the screen: BIOS, 2560x1440x32, large glyphs",
         shown((2560, 1440), scale=2, mode="2560x1440x32", **bios)),
        ("panic on the screen: UEFI", shown((800, 600), **uefi)),
        ("panic on the screen: UEFI, 4 CPUs", shown((800, 600), smp=4, **uefi)),
        ("panic on the screen: no screen, or one that faults", nothing_to_show),
    ]
