# SPDX-License-Identifier: MIT
"""scripts/helix-run as a user calls it: exit statuses, JSON, scripts, a screen shot."""
import json
import os
import subprocess
import sys
import tempfile

import machine
from lib import TOP, built, expect

FAULTY = "FAULT_INJECTION=y PROVOKE=y"


def call(extra, *args):
    out = built("server", extra=extra)
    return subprocess.run([sys.executable, os.path.join(TOP, "scripts", "helix-run"), "--build",
                           os.path.dirname(out), "--timeout", "120"] + list(args),
                          capture_output=True, text=True, stdin=subprocess.DEVNULL)


def ends_with(status, *args, extra=""):
    def test():
        run = call(extra, *args)
        expect(run.returncode == status, f"status {status}",
               f"{run.returncode}\n{(run.stdout + run.stderr)[-1500:]}")
    return test


def speaks_json():
    run = call("", "--json", "--exec", "ping", "--exec", "cat /proc/version", "--exec", "nosuch")
    answers = [json.loads(line) for line in run.stdout.splitlines()]
    expect([a["ok"] for a in answers] == [True, True, False], "three answers", run.stdout)
    expect(answers[0] == {"line": "ping", "ok": True, "ack": "OK PING", "body": []}, "the first",
           run.stdout)
    expect(any("profile=server" in line for line in answers[1]["body"]), "a body", run.stdout)
    expect(run.returncode == 1, "status 1", str(run.returncode))


def script(text, status, says=""):
    def test():
        with tempfile.NamedTemporaryFile("w", suffix=".hxs") as f:
            f.write(text)
            f.flush()
            run = call("", "--script", f.name)
        expect(run.returncode == status, f"status {status}", run.stdout + run.stderr)
        expect(says in run.stderr, f"it says {says!r}", run.stderr)
    return test


def screenshot():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "screen.png")
        run = call("", "--screenshot", path)
        expect(run.returncode == 0, "status 0", run.stderr)
        with open(path, "rb") as f:
            expect(f.read(8) == b"\x89PNG\r\n\x1a\n", "a PNG")


def log_around():
    """The answer is found whatever the log says before it, in it and behind its prompt."""
    for whole in ("pi\nwarn a: b\nhelix> ping\nOK PING\nhelix> ", "ping\nwarn a: b\nOK PING\nhelix> ",
                  "cat x\nOK CAT path=x\na\n\\END\nwarn a: b\nEND\nhelix> "):
        for cut in range(len(whole)):
            seen = machine.answer_end(whole[:cut])
            expect(seen is None, f"no answer yet in {whole[:cut]!r}", str(seen))
        for behind in ("", "warn a: b\n"):
            seen = machine.answer_end(whole + behind)
            expect(seen == len(whole) - len("\nhelix> "), f"an answer in {whole!r}", str(seen))


def tests():
    good = "# a comment\nping\nEXPECT OK\ncat /no/such\nEXPECT ERR cut\nWAIT 10\n" \
           "cat /proc/version\nEXPECT SUBSTR profile=server\nEXPECT NOT nonsense\n"
    return [
        ("helix-run: all answered", ends_with(0, "--exec", "ping")),
        ("helix-run: some refused", ends_with(1, "--exec", "nosuch", "--exec", "ping")),
        ("helix-run: panic", ends_with(2, "--append", "helix.provoke=panic", extra=FAULTY)),
        ("helix-run: init failed", ends_with(3, "--append", "helix.fault=init.log", extra=FAULTY)),
        ("helix-run: no answer in time", ends_with(4, "--exec", "ping", "--timeout", "0.001")),
        ("helix-run: usage", ends_with(5, "--nonsense")),
        ("helix-run: no such memory", ends_with(5, "--mem", "lots", "--exec", "ping")),
        ("helix-run: exec words", ends_with(0, "--append", 'helix.exec="ping; version"')),
        ("helix-run: JSON", speaks_json),
        ("helix-run: a script that holds", script(good, 0)),
        ("helix-run: a script that fails", script("ping\nEXPECT ERR\nping\n", 1, ":2: expected ERR")),
        ("helix-run: a screen shot", screenshot),
        ("helix-run: the log around an answer", log_around),
    ]
