# SPDX-License-Identifier: MIT
"""What is wrong with a .config, in words and with line numbers.

check() compares the lines of a file with what Kconfiglib made of them after loading it. Errors are
requests that the build cannot grant; warnings are lines that mean nothing in this tree (a symbol of
a room that was deleted), which a build may leave out.
"""
import difflib
import os
import re
import tempfile

import kconfiglib

SET = re.compile(r"CONFIG_(\w+)=(.*)\Z")
BAD = "\ufffd"         # what bytes that are no text are read as
UNSET = re.compile(r"# CONFIG_(\w+) is not set\Z")
KIND_WORDS = {"sched": "scheduler", "frames": "frame allocator", "heap": "kernel heap",
              "uart": "driver of serial ports"}
plain_load = kconfiglib.Kconfig.load_config
BOOLS = (kconfiglib.BOOL, kconfiglib.TRISTATE)
# Folders of the kinds whose providers can be loaded into a running kernel: m means something there.
MODULE_KINDS = ("subsys/sched/", "subsys/memory/heap/", "fs/listfs/", "drivers/misc/", "drivers/uart/",
                "subsys/verbs/", "test/kernel/")


class Findings:
    def __init__(self):
        self.errors, self.warnings = [], []

    def error(self, where, text):
        self.errors.append(f"{where}: {text}")

    def warn(self, where, text):
        self.warnings.append(f"{where}: {text}")


class Tree(kconfiglib.Kconfig):
    """The menu tree, which also loads files that are damaged: their readable lines.

    A tristate that decides about a room of no kind in MODULE_KINDS offers only y and n; `rooms` has
    the names of all that decide about a room."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.rooms = {s.name for s in self.unique_defined_syms
                      if s.orig_type is kconfiglib.TRISTATE or s is self.modules}
        for sym in self.unique_defined_syms:
            path = sym.nodes[0].filename.removeprefix("external/")
            if sym.orig_type is kconfiglib.TRISTATE and not path.startswith(MODULE_KINDS):
                sym.orig_type = kconfiglib.BOOL

    def load_config(self, filename=None, replace=True, verbose=None):
        if filename is None:
            filename = kconfiglib.standard_config_filename()
        if not os.path.exists(filename):
            return f"{filename} is not there: defaults are taken"
        load_values(self, read_lines(filename), replace)
        return f"Loaded {filename}"

    def write_config(self, filename=None, *args, **kwargs):
        filename = filename or kconfiglib.standard_config_filename()
        if os.path.exists(filename):
            with open(filename, "rb") as f:
                if BAD in f.read().decode("utf-8", errors="replace"):
                    os.replace(filename, filename + ".old")     # it cannot be compared with
        return super().write_config(filename, *args, **kwargs)


def load_tree(top, arch=None):
    """The menu tree of the sources at top. arch: else what the environment says."""
    os.environ["srctree"] = top
    if arch:
        os.environ["HX_ARCH"] = arch
    return Tree("Kconfig", warn_to_stderr=False)


def read_lines(path):
    """Lines of a file that may hold any bytes."""
    with open(path, "rb") as f:
        return [line.rstrip("\r") for line in
                f.read().decode("utf-8", errors="replace").split("\n")]


def load_values(kconf, lines, replace=True):
    """Load the readable ones of the lines; check_lines() names the others."""
    good = [l for l in lines if (SET.match(l) or UNSET.match(l)) and BAD not in l]
    fd, path = tempfile.mkstemp(prefix="helix-config-")
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as f:
            f.write("\n".join(good) + "\n")
        plain_load(kconf, path, replace)
    finally:
        os.unlink(path)


def title(sym):
    """NAME ("its prompt"), for people."""
    for node in sym.nodes:
        if node.prompt:
            return f'{sym.name} ("{node.prompt[0]}")'
    return sym.name


def unmet(expr):
    """The smallest parts of an expression that keep it from being true, in words."""
    if kconfiglib.expr_value(expr):
        return []
    if isinstance(expr, tuple) and expr[0] is kconfiglib.AND:
        return unmet(expr[1]) + unmet(expr[2])
    if isinstance(expr, tuple) and expr[0] is kconfiglib.OR:
        parts = unmet(expr[1]) + unmet(expr[2])
        return [" or ".join(parts)]
    if isinstance(expr, tuple) and expr[0] is kconfiglib.NOT:
        return [f"{kconfiglib.expr_str(expr[1])} off"]
    return [name_of(expr)]


def name_of(expr):
    if isinstance(expr, kconfiglib.Symbol) and not expr.is_constant:
        return f"{title(expr)}, which is {expr.str_value}" if expr.nodes else \
            f"{expr.name}, which does not exist in this tree"
    return kconfiglib.expr_str(expr)


def unmet_symbols(expr):
    """The symbols that keep an expression from being true."""
    if kconfiglib.expr_value(expr) or isinstance(expr, kconfiglib.Choice):
        return []
    if isinstance(expr, kconfiglib.Symbol):
        return [expr]
    if expr[0] is kconfiglib.NOT:       # of a machine's symbol, or of a choice somebody made
        return [expr[1]] if getattr(expr[1], "name", "").startswith("ARCH_") else []
    return [s for part in expr[1:] for s in unmet_symbols(part)] \
        if expr[0] in (kconfiglib.AND, kconfiglib.OR) else []


def of_other_machine(sym):
    """True for a choice of another machine's, or one that needs such a choice: one .config serves
    the kernel and its host tests."""
    return any(s.name.startswith("ARCH_") or of_other_machine(s)
               for s in unmet_symbols(sym.direct_dep))


def why_not(sym):
    """Why a boolean that was asked for is off: one sentence."""
    needs = []
    for part in unmet(sym.direct_dep):
        if part not in needs:
            needs.append(part)
    if needs:
        return "needs " + " and ".join(needs)
    if sym.choice is not None:
        chosen = sym.choice.selection
        return "is one of a choice, and " + (f"{chosen.name} was taken" if chosen else "none is")
    if not any(node.prompt for node in sym.nodes):
        return "cannot be set: the build works it out itself"
    return "is switched off by another symbol"


def check_number(sym, value, where, out):
    base = 10 if sym.orig_type == kconfiglib.INT else 16
    try:
        number = int(value, base)
    except ValueError:
        out.error(where, f"CONFIG_{sym.name}={value} is no {'number' if base == 10 else 'hex number'}")
        return
    for low, high, cond in sym.ranges:
        if kconfiglib.expr_value(cond):
            low, high = int(low.str_value, base), int(high.str_value, base)
            if not low <= number <= high:
                shown = (lambda n: str(n)) if base == 10 else hex
                out.error(where, f"CONFIG_{sym.name}={value} is out of range "
                                 f"{shown(low)} to {shown(high)}")
            return


def check_value(sym, value, where, out):
    if sym.orig_type in BOOLS:
        words = "yn" if sym.orig_type is kconfiglib.BOOL else "ynm"
        if len(value) != 1 or value not in words:
            out.error(where, f"CONFIG_{sym.name}={value}: only " + " or ".join(words))
        elif value == "m" and sym.kconfig.modules.tri_value == 0:
            out.error(where, f"CONFIG_{sym.name}=m: needs MODULES, which is off")
        elif value != "n" and sym.tri_value == 0 and not of_other_machine(sym):
            out.error(where, f"CONFIG_{sym.name}={value}: {title(sym)} {why_not(sym)}")
    elif sym.orig_type == kconfiglib.STRING:
        if not re.match(r'"(?:[^"\\]|\\.)*"\Z', value):
            out.error(where, f"CONFIG_{sym.name}={value}: a text stands in double quotes")
    elif sym.orig_type in (kconfiglib.INT, kconfiglib.HEX):
        check_number(sym, value, where, out)


def check_lines(kconf, lines, name, out):
    seen = {}
    defined = None
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        m = SET.match(line)
        if m is None:
            if line.strip() and not line.startswith("#"):
                out.error(where, f"not a configuration line: {ascii(line[:40])}")
            continue
        if BAD in line:
            out.error(where, f"bytes that are no text in the line of CONFIG_{m.group(1)}")
            continue
        sym = kconf.syms.get(m.group(1))
        if sym is None or not sym.nodes:
            if m.group(2) == "n":
                continue
            if defined is None:
                defined = [s.name for s in kconf.unique_defined_syms]
            near = difflib.get_close_matches(m.group(1), defined, 1)
            hint = f"; did you mean CONFIG_{near[0]}?" if near else ""
            out.warn(where, f"CONFIG_{m.group(1)}: no such symbol in this tree, ignored{hint}")
            continue
        if sym.name in seen:
            out.error(where, f"CONFIG_{sym.name} was set before, in line {seen[sym.name]}")
        seen[sym.name] = number
        check_value(sym, m.group(2), where, out)


def kinds_without_provider(kconf):
    """[(kind, [symbols of providers in this tree])]: a kind is a choice named <KIND>_DEFAULT, and
    it needs a provider unless what it depends on is off."""
    return [(choice.name[:-len("_DEFAULT")].lower(),
             [kconf.syms[s.name.replace("_DEFAULT", "", 1)] for s in choice.syms])
            for choice in kconf.unique_choices
            if (choice.name or "").endswith("_DEFAULT") and choice.selection is None and
            kconfiglib.expr_value(choice.direct_dep)]


def check_kinds(kconf, out, name):
    for kind, providers in kinds_without_provider(kconf):
        word = KIND_WORDS.get(kind, kind)
        if providers:
            out.error(name, f"no {word} is chosen, and no kernel runs without one: set one of " +
                      ", ".join(f"CONFIG_{p.name}=y" for p in providers))
        else:
            out.error(name, f"this tree has no {word}, and no kernel runs without one")


def check(kconf, path, name=None, kinds=True, replace=True):
    """Load the file at path into kconf and say what is wrong with it."""
    out = Findings()
    name = name or os.path.relpath(path)
    lines = read_lines(path)
    load_values(kconf, lines, replace)
    check_lines(kconf, lines, name, out)
    if kinds:
        check_kinds(kconf, out, name)
    return out
