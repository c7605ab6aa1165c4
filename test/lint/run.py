#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Style that a script can see, as TAP: doc comments, SPDX lines, file lengths, words, READMEs."""
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LARGE = 256 * 1024
TAGS = ("Returns:", "Context:", "Locks:", "Owner:", "Cost:", "Source:")
WORDS = re.compile(r"\b(TODO(?!\(issue-\d+\))|FIXME|XXX|HACK|stub(bed)?|placeholder|"
                   r"not (yet )?implemented|for now|dummy)\b", re.I)
DOC = re.compile(r"/\*\*\n(.*?)\*/", re.S)
PROTOTYPE = re.compile(r"^(?!static\b|typedef\b|return\b|#)[A-Za-z_][\w \t*]*?[\s*]\*?(hx_\w+)\([^;{}]*\)"
                       r"[^;{}]*;", re.M)


def tracked(*patterns):
    run = subprocess.run(["git", "-C", TOP, "ls-files", "--cached", "--others",
                          "--exclude-standard", "--"] + list(patterns),
                         capture_output=True, text=True, check=True)
    return sorted(p for p in run.stdout.split("\n") if p and os.path.exists(os.path.join(TOP, p)))


def read(path):
    with open(os.path.join(TOP, path), errors="replace") as f:
        return f.read()


def public_headers():
    return [p for p in tracked("*.h") if "/include/hx/" in p and "/hal/arch/" not in p]


def doc_comments():
    """Each public function is named in a doc comment that has all seven lines."""
    wrong = []
    for path in public_headers():
        text = read(path)
        documented = {}
        for m in DOC.finditer(text):
            names = re.findall(r"^ \* (hx_\w+)\(\) - \S", m.group(1), re.M)
            missing = [t for t in TAGS if t not in m.group(1)]
            for name in names:
                documented[name] = missing
        code = re.sub(r"/\*.*?\*/", lambda m: re.sub(r"[^\n]", " ", m.group(0)), text, flags=re.S)
        code = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", "", code, flags=re.M)
        for m in PROTOTYPE.finditer(code):
            name = m.group(1)
            if name.endswith("_") or "(*" in m.group(0).split(name)[0]:
                continue
            if name not in documented:
                wrong.append(f"{path}: {name}() has no doc comment")
            elif documented[name]:
                wrong.append(f"{path}: {name}() lacks {' '.join(documented[name])}")
    return wrong


def listed_errors():
    """Each error code that a doc comment lists is used somewhere in the sources."""
    used = "".join(read(p) for p in tracked("*.c") if "/tests/" not in p)
    wrong = []
    for path in public_headers():
        for m in DOC.finditer(read(path)):
            for code in set(re.findall(r"-(HX_E[A-Z0-9]+)", m.group(1))):
                if not re.search(rf"\b{code}\b", used):
                    wrong.append(f"{path}: {code} is listed and never returned")
    return wrong


def spdx():
    """Each source file begins with its licence."""
    found = tracked("*.c", "*.h", "*.S", "*.py", "*.build", "*Kconfig", "scripts/*", "Makefile")
    return [p for p in found if "SPDX-License-Identifier: MIT" not in read(p)[:200]
            and not p.startswith("subprojects/") and not p.endswith((".in", ".md"))]


def lengths():
    """Files at most 600 lines; lines at most 100 columns (Python 110); no trailing blanks."""
    wrong = []
    for path in tracked("*.c", "*.h", "*.S", "*.py"):
        lines = read(path).split("\n")
        if len(lines) > 601:
            wrong.append(f"{path}: {len(lines) - 1} lines")
        limit = 110 if path.endswith(".py") else 100
        for n, line in enumerate(lines, 1):
            if len(line.expandtabs(8)) > limit:
                wrong.append(f"{path}:{n}: {len(line.expandtabs(8))} columns")
            if line != line.rstrip():
                wrong.append(f"{path}:{n}: blank at the end of the line")
    return wrong


def python():
    """Each Python file can be compiled."""
    wrong = []
    for path in tracked("*.py", "scripts/*"):
        text = read(path)
        if path.endswith(".py") or text.startswith("#!/usr/bin/env python3"):
            try:
                compile(text, path, "exec")
            except SyntaxError as e:
                wrong.append(f"{path}:{e.lineno}: {e.msg}")
    return wrong


def functions():
    """Functions of at most 60 lines."""
    wrong = []
    for path in tracked("*.c"):
        start = None
        for n, line in enumerate(read(path).split("\n"), 1):
            if line.startswith("{"):
                start = n
            elif line.startswith("}") and start is not None:
                if n - start - 1 > 60:
                    wrong.append(f"{path}:{start}: a function of {n - start - 1} lines")
                start = None
    return wrong


def conditionals():
    """No #if on the configuration and no extern in .c files."""
    wrong = []
    for path in tracked("*.c"):
        for n, line in enumerate(read(path).split("\n"), 1):
            if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b.*CONFIG_", line):
                wrong.append(f"{path}:{n}: #if on the configuration")
            if line.startswith("extern "):
                wrong.append(f"{path}:{n}: extern in a .c file")
    return wrong


def words():
    """No words of unfinished work, no paths of one machine."""
    wrong = []
    for path in tracked("*.c", "*.h", "*.S", "*.py", "*.sh", "*.build", "*Kconfig"):
        if path.startswith(("subprojects/", "test/lint/")):
            continue
        for n, line in enumerate(read(path).split("\n"), 1):
            if WORDS.search(line) or re.search(r"/(home|root|work)/", line):
                wrong.append(f"{path}:{n}: {line.strip()[:80]}")
    return wrong


def rooms():
    """Each room has a README of 15 to 60 lines that says what is not here."""
    wrong = []
    for path in tracked("*meson.build"):
        folder = os.path.dirname(path)
        if "rooms +=" not in read(path):
            continue
        readme = os.path.join(folder, "README.md")
        if not os.path.exists(os.path.join(TOP, readme)):
            wrong.append(f"{folder}: no README.md")
            continue
        text = read(readme)
        n = text.count("\n")
        if not 10 <= n <= 80:
            wrong.append(f"{readme}: {n} lines")
        if not re.search(r"not here", text, re.I):
            wrong.append(f"{readme}: does not say what is not here")
    return wrong


def kconfig_help():
    """Each prompt has a help text of at least two lines."""
    wrong = []
    for path in tracked("*Kconfig"):
        entries = re.split(r"^(?=(?:menu)?config |choice |menu |endmenu|endchoice|config )", read(path),
                           flags=re.M)
        for e in entries:
            m = re.match(r"(?:menu)?config (\w+)", e)
            if m is None or not re.search(r'^\t(bool|tristate|int|hex|string) "', e, re.M):
                continue
            if m.group(1).find("_DEFAULT_") >= 0:
                continue        # an entry of a choice: the provider's own symbol has the help
            body = re.search(r"^\thelp\n((?:\t  .*\n?|\n)+)", e, re.M)
            if body is None or len(body.group(1).split()) < 12:
                wrong.append(f"{path}: {m.group(1)} has no real help")
    return wrong


def large():
    """Nothing large is in git, and no source of others."""
    run = subprocess.run(["git", "-C", TOP, "ls-files"], capture_output=True, text=True, check=True)
    wrong = []
    for path in run.stdout.split("\n"):
        full = os.path.join(TOP, path)
        if not path or not os.path.isfile(full):
            continue
        if os.path.getsize(full) > LARGE:
            wrong.append(f"{path}: {os.path.getsize(full)} bytes")
        if re.search(r"\.(tar(\.\w+)?|tgz|zip|deb)$", path):
            wrong.append(f"{path}: an archive")
    return wrong


CHECKS = (doc_comments, listed_errors, spdx, lengths, python, functions, conditionals, words, rooms,
          kconfig_help, large)


def main():
    print(f"1..{len(CHECKS)}")
    failed = 0
    for n, check in enumerate(CHECKS, 1):
        wrong = check()
        title = " ".join(check.__doc__.split()).rstrip(".")
        print(f"{'not ok' if wrong else 'ok'} {n} - {title}")
        for line in wrong:
            print(f"# {line}")
        failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
