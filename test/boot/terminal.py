# SPDX-License-Identifier: MIT
"""The console as a person at a terminal meets it: a real pseudo-terminal, real keys."""
import os
import re
import shlex
import subprocess
import sys
import tempfile
import time

import pexpect

import machine
from lib import Failed, TOP, built, expect

UP, DOWN, LEFT, RIGHT = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[C"
HOME, END, DELETE = "\x1b[H", "\x1b[F", "\x1b[3~"
# QEMU keeps Ctrl-A for itself: twice is once for the guest.
CTRL_A, CTRL_C, CTRL_E, CTRL_K, CTRL_U, CTRL_W = "\x01\x01", "\x03", "\x05", "\x0b", "\x15", "\x17"
BACKSPACE = "\x7f"


class Terminal:
    def __init__(self, **options):
        self.out = options.pop("out", None) or built("server")
        self.options = options

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="helix-")
        m = machine.Machine(self.out, **self.options)
        m.folder = self.folder.name
        command = m.command(interactive=True)
        self.child = pexpect.spawn(command[0], command[1:], timeout=60, dimensions=(24, 100))
        self.prompt()
        return self

    def __exit__(self, *_):
        self.child.close(force=True)
        self.folder.cleanup()

    def prompt(self):
        try:
            self.child.expect_exact("helix> ")
        except (pexpect.TIMEOUT, pexpect.EOF) as e:
            raise Failed(f"no prompt; before it: {self.child.before!r}") from e
        return self.child.before.decode(errors="replace")

    def type(self, keys):
        """Type keys and Enter; the text up to the next prompt, without escape sequences."""
        self.child.send(keys + "\r")
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.prompt())


def executed(keys, ack):
    def test():
        with Terminal() as t:
            out = t.type(keys)
            expect(ack in out, f"{keys!r} is executed as {ack!r}", out)
    return test


def history():
    with Terminal() as t:
        t.type("echo /log/none one")
        t.type("ping")
        expect("OK PING" in t.type(UP), "Up brings the last line back")
        expect("ERR ECHO" in t.type(UP + UP + UP), "three times Up is the line before")
        expect("OK PING" in t.type(UP + UP + UP + DOWN), "Down goes forward again")


def completion():
    with Terminal() as t:
        out = t.type("pin\t")
        expect("OK PING" in out, "Tab completes a verb", out)
        out = t.type("cat /proc/vers\t")
        expect("OK CAT" in out and "profile=server" in out, "Tab completes a path", out)


def leaves_cleanly():
    with Terminal() as t:
        t.child.send("poweroff\r")
        t.child.expect(pexpect.EOF)
        t.child.wait()
        expect(t.child.exitstatus == 0x10 * 2 + 1, "exit status of QEMU", str(t.child.exitstatus))


def log_while_typing():
    """A line of the log does not mix with what is typed, which stands below it again."""
    with Terminal(out=built("server", extra="PROVOKE=y"), append="helix.provoke=late-line") as t:
        t.child.send("png" + LEFT + LEFT)
        t.child.expect("\x08ng\r+\nwarn provoke: late\r+\nhelix> png\x08\x08")
        expect("OK PING" in t.type("i"), "the line goes on where it was")


def interrupted():
    with Terminal() as t:
        t.child.send("cat /proc/this is not sent")
        t.child.send(CTRL_C)
        t.prompt()
        expect("OK PING" in t.type("ping"), "the line after Ctrl-C starts empty")


class Tmux:
    """A real terminal of some width: what a person sees of its screen."""
    def __init__(self, columns):
        self.base = ["tmux", "-L", f"helix-{os.getpid()}-{columns}", "-f", "/dev/null"]
        self.columns = columns
        self.build = os.path.dirname(built("server"))

    def __enter__(self):
        run = [sys.executable, os.path.join(TOP, "scripts", "helix-run"), "--build",
               self.build]
        subprocess.run(self.base + ["new-session", "-d", "-x", str(self.columns), "-y", "16",
                                    " ".join(map(shlex.quote, run))], check=True)
        self.wait(lambda s: s.endswith("helix>"), "a prompt")
        return self

    def __exit__(self, *_):
        subprocess.run(self.base + ["kill-server"], check=False)

    def show(self):
        """The screen, without blanks at the ends of rows and rows at the end."""
        done = subprocess.run(self.base + ["capture-pane", "-p"], capture_output=True, check=True)
        return "\n".join(r.rstrip() for r in done.stdout.decode().split("\n")).rstrip()

    def cursor(self):
        done = subprocess.run(self.base + ["display", "-p", "#{cursor_x} #{cursor_y}"],
                              capture_output=True, check=True)
        return tuple(map(int, done.stdout.split()))

    def wait(self, good, what):
        for _ in range(300):
            if good(self.show()):
                return
            time.sleep(0.1)
        raise Failed(f"{what} on a terminal of {self.columns} columns; it shows:\n{self.show()}")

    def keys(self, *names):
        subprocess.run(self.base + ["send-keys", *names], check=True)

    def type(self, text):
        subprocess.run(self.base + ["send-keys", "-l", text], check=True)


def long_line(columns):
    """A line longer than 40 columns: edited in its first row, at its end, and run."""
    typed = "echo /log/none 0123456789 abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ the end of it"

    def rows(line):
        line = "helix> " + line
        return "\n".join(line[i:i + columns].rstrip() for i in range(0, len(line), columns))

    with Tmux(columns) as t:
        def shows(line, cursor):
            t.wait(lambda s: s.endswith(rows(line)) and s.count("helix>") == 1, repr(line))
            _, y = t.cursor()
            first = t.show().split("\n").index(rows(line).split("\n")[0])
            at = 7 + cursor
            expect((at % columns, first + at // columns) == t.cursor(), f"the cursor at {cursor}",
                   f"{t.cursor()}, the prompt in row {first}, {y}")

        t.type(typed)
        shows(typed, len(typed))
        t.keys("Left", "Left", "X", "Home")
        shows(typed[:-2] + "X" + typed[-2:], 0)
        t.type("YY")
        shows("YY" + typed[:-2] + "X" + typed[-2:], 2)
        t.keys("BSpace", "BSpace", "End", "C-w", "C-w", "BSpace")
        shows(typed[:-6], len(typed) - 6)
        t.keys("Home", "Enter")
        t.wait(lambda s: rows(typed[:-6]) + "\nERR ECHO" in s, "an answer below the line")


def tests():
    return [
        ("terminal: long line, 40 columns", lambda: long_line(40)),
        ("terminal: long line, 132 columns", lambda: long_line(132)),
        ("terminal: plain line", executed("ping", "OK PING")),
        ("terminal: Backspace", executed("pinx" + BACKSPACE + "g", "OK PING")),
        ("terminal: Left inserts", executed("pig" + LEFT + "n", "OK PING")),
        ("terminal: Home, End", executed("in" + HOME + "p" + END + "g", "OK PING")),
        ("terminal: Ctrl-A, Ctrl-E", executed("in" + CTRL_A + "p" + CTRL_E + "g", "OK PING")),
        ("terminal: Delete", executed("xping" + CTRL_A + DELETE, "OK PING")),
        ("terminal: Ctrl-K", executed("ping rubbish" + LEFT * 8 + CTRL_K, "OK PING")),
        ("terminal: Ctrl-U", executed("rubbish" + CTRL_U + "ping", "OK PING")),
        ("terminal: Ctrl-W", executed("rubbish" + CTRL_W + "ping", "OK PING")),
        ("terminal: UTF-8 moves by character",
         executed("äö" + LEFT + LEFT + "ping " + CTRL_K, "OK PING")),
        ("terminal: history", history),
        ("terminal: a log line while somebody types", log_while_typing),
        ("terminal: completion", completion),
        ("terminal: Ctrl-C drops the line", interrupted),
        ("terminal: poweroff ends QEMU", leaves_cleanly),
    ]


if os.environ.get("TERM") is None:
    os.environ["TERM"] = "vt100"
