# SPDX-License-Identifier: MIT
"""docs/guide/living.md, typed line by line: what it shows is what the kernel answers."""
import os
import re
import time

from lib import TOP, Failed, boots, built

PROMPT = "helix> "
WAIT_S = 60     # what the healer does, it does a little later


def sessions(text):
    """(EXTRA of the kernel, [(line, lines of the answer)]): a block ```sh begins another kernel."""
    found = [("", [])]
    for kind, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if kind == "sh":
            found.append((re.search(r'EXTRA="(.*)"', block).group(1), []))
            continue
        for row in block.splitlines():
            if row.startswith(PROMPT):
                found[-1][1].append((row[len(PROMPT):], []))
            else:
                found[-1][1][-1][1].append(row)
    return found


def pattern(rows):
    """Of an answer: "…" is any text in a line, and any lines where it stands alone."""
    parts = ["(?:.*\n)*?" if row == "…" else
             ".*".join(re.escape(p) for p in row.split("…")) + "\n" for row in rows]
    return re.compile("".join(parts))


def answer(m, line):
    got = m.ask(line)
    rows = [got.ack] + got.body
    return "\n".join(rows + ["END"] if got.body else rows) + "\n"


def typed(extra, steps):
    def test():
        with boots(built("server", extra=extra)) as m:
            for line, rows in steps:
                until = time.monotonic() + WAIT_S
                text = answer(m, line)
                while not pattern(rows).fullmatch(text):
                    if time.monotonic() > until:
                        raise Failed(f"{line}: expected {rows}, got {text}")
                    time.sleep(0.1)
                    text = answer(m, line)
    return test


def tests():
    with open(os.path.join(TOP, "docs", "guide", "living.md"), encoding="utf-8") as f:
        found = sessions(f.read())
    return [(f"guide: living.md, {extra or 'server'}", typed(extra, steps))
            for extra, steps in found]
