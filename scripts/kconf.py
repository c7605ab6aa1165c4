#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The configuration tools: what a kernel person types after `make`, and the checks of a .config.

  kconf.py defconfig PROFILE | menuconfig | guiconfig | oldconfig | olddefconfig | savedefconfig |
           listnewconfig | randconfig [SEED] | allnoconfig | allyesconfig | check

The file is $KCONFIG_CONFIG, else .config. A damaged one is named line by line, and still opens.
"""
import os
import random
import runpy
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
os.environ.setdefault("srctree", TOP)
os.environ.setdefault("HX_ARCH", "x86_64")
try:
    import kconfiglib
except ImportError:
    sys.exit("helix: this python3 has no kconfiglib: call it through make, or run make setup")
import kconfig_check as checks  # noqa: E402

TOOLS = ("menuconfig", "guiconfig", "oldconfig", "olddefconfig", "savedefconfig", "listnewconfig",
         "allnoconfig", "allyesconfig")
ALL_ROOMS_CHECKS = ("DEBUG_ASSERT", "DEBUG_LOCKS", "FAULT_INJECTION", "CONSOLE_COMPLETION",
                    "PROC_CONFIG", "MEM_CHECK", "HEAP_REDZONES", "HEAP_GUARDS", "MEM_LEAKS",
                    "FRAMES_POISON", "MODULES_SIGNATURES", "SLOT_SWAP", "KTEST", "BENCH")
BOOLS = (kconfiglib.BOOL, kconfiglib.TRISTATE)


def link_external():
    """Meson and Kconfig enter only folders below the top: an outside one is entered by a link."""
    if "HX_EXTERNAL" not in os.environ:
        return              # called by hand: the link stays as it is
    link, target = os.path.join(TOP, "external"), os.environ["HX_EXTERNAL"]
    if target and not os.path.isfile(os.path.join(target, "Kconfig")):
        sys.exit(f"helix: EXTERNAL={target} holds no Kconfig")
    if os.path.islink(link) and os.readlink(link) != target:
        os.unlink(link)
    if target and not os.path.islink(link):
        os.symlink(target, link)


def profiles():
    folders = [os.path.join(TOP, d, "configs") for d in ("", "external")]
    return sorted({f[:-len("_defconfig")] for d in folders if os.path.isdir(d)
                   for f in os.listdir(d) if f.endswith("_defconfig")})


def defconfig_path(profile):
    if profile not in profiles():
        sys.exit(f"helix: there is no profile '{profile}'. There are: {', '.join(profiles())}")
    outside = os.path.join(TOP, "external", "configs", profile + "_defconfig")
    return outside if os.path.exists(outside) else \
        os.path.join(TOP, "configs", profile + "_defconfig")


def tell(found, what):
    """Print the warnings; end if there are errors."""
    for text in found.warnings:
        print(f"helix: {text}", file=sys.stderr)
    if found.errors:
        sys.exit(f"helix: {what} cannot work:\n  " + "\n  ".join(found.errors))


def fill_kinds(kconf, profile):
    """A profile whose provider was deleted from the tree takes another one of the kind."""
    for kind, providers in checks.kinds_without_provider(kconf):
        if providers:
            providers[0].set_value("y")
            print(f"helix: profile {profile} names no {checks.KIND_WORDS.get(kind, kind)} of this "
                  f"tree: taking {checks.title(providers[0])}", file=sys.stderr)


def defconfig(profile, config, extra=""):
    """Write .config from configs/, with extra assignments on top; the file changes only if its
    text does."""
    kconf = checks.load_tree(TOP)
    path = defconfig_path(profile)
    tell(checks.check(kconf, path, kinds=False), f"the profile {profile}")
    fill_kinds(kconf, profile)
    os.makedirs(os.path.dirname(config) or ".", exist_ok=True)
    if extra:
        given = config + ".extra"
        with open(given, "w") as f:
            f.write("".join(f"CONFIG_{word}\n" for word in extra.split()))
        found = checks.check(kconf, given, "EXTRA", replace=False)
        os.remove(given)
        found.errors += found.warnings      # what was asked for by name must exist
        found.warnings = []
        tell(found, "EXTRA")
    kconf.write_config(config, save_old=False)
    return kconf


def randconfig(config, seed):
    """Every prompt gets a random value; then what the kernel cannot do without is added."""
    rng = random.Random(seed)
    kconf = checks.load_tree(TOP)
    kconf.syms["PROFILE"].set_value("random")
    prompted = [s for s in kconf.unique_defined_syms
                if not s.choice and s.name != "PROFILE" and any(n.prompt for n in s.nodes)]
    for sym in sorted(prompted, key=lambda s: s.name):
        if sym.orig_type in BOOLS:
            sym.set_value(rng.choice("ny"))
    for _, providers in checks.kinds_without_provider(kconf):
        if providers:
            rng.choice(sorted(providers, key=lambda s: s.name)).set_value("y")
    for sym in sorted(prompted, key=lambda s: s.name):
        if sym.orig_type is kconfiglib.INT and sym.ranges and sym.visibility:
            # Upwards only: the least value of a size need not be enough for what was chosen.
            high = int(sym.ranges[0][1].str_value)
            sym.set_value(str(rng.randint(int(sym.str_value), min(high, 2 * int(sym.str_value)))))
    for choice in kconf.unique_choices:
        able = sorted((s for s in choice.syms if s.visibility), key=lambda s: s.name)
        if able:
            rng.choice(able).set_value("y")
    kconf.write_config(config, save_old=False)


def all_rooms(config):
    """Every optional room and every internal check switched on: what the host tests are built from.
    Rewritten only if it changes."""
    kconf = checks.load_tree(TOP)
    kconf.syms["PROFILE"].set_value("tests")
    for _ in range(3):      # a symbol may become visible by another
        for sym in kconf.unique_defined_syms:
            if sym.name in kconf.rooms or sym.name in ALL_ROOMS_CHECKS:
                sym.set_value("y")
    os.makedirs(os.path.dirname(config), exist_ok=True)
    kconf.write_config(config, save_old=False)


def problems(config):
    """What is wrong with a file, errors first."""
    found = checks.check(checks.load_tree(TOP), config)
    return found.errors + found.warnings


def menu(wrong):
    """menuconfig, with what is wrong with .config in a box over the menu that it opens."""
    import menuconfig

    waiting = ["\n".join(w[:100] for w in wrong[:15] + [f"and {len(wrong) - 15} more"][:len(wrong) > 15])
               + "\n\nWhat is wrong is left out, the rest is kept. Enter goes on."] if wrong else []
    read_key = menuconfig._getch_compat

    def first_tell(win):
        if waiting:
            menuconfig._msg("Problems in .config", waiting.pop())
            menuconfig._draw_main()
            menuconfig.curses.doupdate()
        return read_key(win)

    menuconfig._getch_compat = first_tell
    menuconfig.menuconfig(checks.load_tree(TOP))


def tool(name, config):
    """One of kconfiglib's own tools, on a tree that opens damaged files too."""
    os.environ.update(KCONFIG_CONFIG=config)
    os.environ.setdefault("MENUCONFIG_STYLE", "aquatic")
    wrong = problems(config) if os.path.exists(config) and not name.startswith("all") else []
    if wrong:
        print("This configuration has problems; what is wrong is left out, the rest is kept:\n  " +
              "\n  ".join(wrong), file=sys.stderr, flush=True)
    if name == "menuconfig":
        menu(wrong)
        return 0
    kconfiglib.Kconfig = checks.Tree
    sys.argv = [name] + (["--out", os.path.join(TOP, "defconfig")] if name == "savedefconfig"
                         else ["Kconfig"])
    runpy.run_module(name, run_name="__main__")
    return 0


def main(argv):
    config = os.path.abspath(os.environ.get("KCONFIG_CONFIG", os.path.join(TOP, ".config")))
    command = argv[0] if argv else ""
    link_external()
    if command == "defconfig" and len(argv) == 2:
        defconfig(argv[1], config)
        print(f"{os.path.relpath(config)} is profile {argv[1]}")
    elif command == "randconfig" and (len(argv) == 1 or argv[1].isdigit()):
        seed = int(argv[1]) if len(argv) > 1 else random.randrange(1 << 32)
        randconfig(config, seed)
        print(f"{os.path.relpath(config)} is random, seed {seed}")
    elif command == "check":
        tell(checks.check(checks.load_tree(TOP), config), "this configuration")
    elif command in TOOLS:
        return tool(command, config)
    else:
        print(__doc__)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
