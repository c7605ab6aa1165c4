#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turn a .config into what the build needs; Meson runs this once per configure.

Writes <out>/hx/config/<room>.h for each Kconfig file, with only the symbols defined in that file,
each as 0 or 1, a number or a string, and rewrites a header only if its text changed: so one changed
symbol rebuilds only the files that include its room's header.

Writes <out>/config, the whole configuration with every default filled in, which Meson reads.

Prints the way from the build folder to the top of the tree, then a line "Kconfig <file>" for each
file that was read, then the folders of the chosen rooms, one a line, lowest floor first. A folder is
a room if it has a meson.build. It is optional if the first symbol of its Kconfig is a tristate: then
that symbol decides (and so does MODULES about its own). Everything else is always in. A room that is
chosen as a module comes as a line "module <folder>". Rooms below
external/ (a link that `make EXTERNAL=dir` sets) are named as if they stood in the tree. A folder
<room>/tools/<name> with a meson.build is no room but a host program: a line "tool <folder>".
"""
import argparse
import glob
import hashlib
import os
import re
import sys
import tempfile

import kconfiglib

import kconfig_check

FLOOR_DIRS = ("hal", "core", "subsys/sched", "subsys/memory", "drivers", "fs", "subsys", "nexus",
              "test/kernel")


def room_symbols(kconf):
    """Symbols by the folder of the Kconfig file that defines them first."""
    rooms = {}
    for sym in kconf.unique_defined_syms:
        path = os.path.dirname(sym.nodes[0].filename)
        rooms.setdefault(path, []).append(sym)
    return rooms


def c_line(sym):
    """One #define; booleans are 0 or 1 so that a missing include cannot pass as 'off'."""
    name, value = "CONFIG_" + sym.name, sym.str_value
    if sym.orig_type in (kconfiglib.BOOL, kconfiglib.TRISTATE):
        return f"#define {name} {0 if value == 'n' else 1}"
    if sym.orig_type == kconfiglib.STRING:
        return f'#define {name} "{kconfiglib.escape(value)}"'
    return f"#define {name} {value or 0}"


def write_if_changed(path, text):
    try:
        with open(path) as f:
            if f.read() == text:
                return False
    except FileNotFoundError:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)
    return True


def write_headers(kconf, out):
    for path, syms in room_symbols(kconf).items():
        room = re.sub(r"\W", "_", path.removeprefix("external/")) or "top"
        body = "\n".join(c_line(s) for s in syms)
        guard = f"HX_CONFIG_{room.upper()}_H"
        write_if_changed(os.path.join(out, "hx", "config", room + ".h"),
                         f"/* Generated from {path or '.'}/Kconfig and .config. */\n"
                         f"#ifndef {guard}\n#define {guard}\n{body}\n#endif\n")


def short_config(kconf):
    """The configuration in its short form, the same for every way it was arrived at."""
    with tempfile.NamedTemporaryFile("r") as f:
        kconf.write_min_config(f.name, header="")
        return f.read()


def write_build_info(kconf, args):
    """Who this image is: <hx/config/build.h>, and its configuration as a C string."""
    values = "\n".join(f"{s.name}={s.str_value}" for s in
                       sorted(kconf.unique_defined_syms, key=lambda s: s.name))
    digest = hashlib.sha256(values.encode()).hexdigest()[:12]
    profile = kconf.syms["PROFILE"].str_value
    write_if_changed(os.path.join(args.out, "hx", "config", "build.h"), f"""\
/* Generated: who this image is. */
#ifndef HX_CONFIG_BUILD_H
#define HX_CONFIG_BUILD_H
#define HX_BUILD_ID "{args.version}"
#define HX_BUILD_ARCH "{args.arch}"
#define HX_BUILD_PROFILE "{profile}"
#define HX_BUILD_COMPILER "{args.compiler}"
#define HX_BUILD_CONFIG_HASH "{digest}"
extern const char hx_build_config_text[];
#endif
""")
    lines = "\n".join('\t"' + kconfiglib.escape(line) + '\\n"'
                      for line in short_config(kconf).split("\n") if line)
    write_if_changed(os.path.join(args.out, "config_text.c"),
                     "/* Generated from .config. */\n#include <hx/config/build.h>\n\n"
                     f"const char hx_build_config_text[] =\n{lines or chr(34) * 2};\n")


def gate(kconf, top, folder):
    """The tristate that decides about a room, or None if the room is always in."""
    kfile = os.path.join(folder, "Kconfig")
    if not os.path.exists(os.path.join(top, kfile)):
        return None
    syms = [s for s in kconf.unique_defined_syms if s.nodes[0].filename == kfile]
    if syms and syms[0].name in kconf.rooms:
        return syms[0]
    return None


def find_rooms(top):
    found = []
    for base in FLOOR_DIRS:
        for place in ("", "external"):
            for folder, dirs, files in os.walk(os.path.join(top, place, base)):
                dirs.sort()
                if os.path.basename(folder) == "tools":
                    dirs.clear()
                    continue
                rel = os.path.relpath(folder, top)
                if "meson.build" in files and rel not in found:
                    found.append(rel)
    return found


def find_tools(top):
    """Host programs that lie beside what they serve."""
    found = glob.glob(os.path.join(top, "*", "**", "tools", "*", "meson.build"), recursive=True)
    return sorted(os.path.relpath(os.path.dirname(f), top) for f in found
                  if os.path.relpath(f, top).split(os.sep)[0] in {b.split("/")[0] for b in FLOOR_DIRS})


def chosen_rooms(kconf, top, arch):
    rooms = []
    for folder in find_rooms(top):
        if folder.startswith("hal/") and folder not in ("hal/common", "hal/paging", "hal/" + arch):
            continue
        sym = gate(kconf, top, folder)
        if sym is None or sym.tri_value == 2 or (sym.tri_value == 1 and arch == "host"):
            rooms.append(folder)
    return rooms


def module_rooms(kconf, top, arch):
    """Rooms that are built as modules. On the host they are built in: nothing is loaded there."""
    return [folder for folder in find_rooms(top) if arch != "host" and
            getattr(gate(kconf, top, folder), "tri_value", 0) == 1]


def headers(top, arch):
    """The headers that a module may have compiled in: those of all floors, and of this machine."""
    found = []
    for base in FLOOR_DIRS:
        for folder, _, files in os.walk(os.path.join(top, base)):
            rel = os.path.relpath(folder, top)
            if "/include/hx" in "/" + rel and (not re.match(r"hal/\w+/", rel + "/") or
                                               rel.startswith(("hal/include/", "hal/common/",
                                                               f"hal/{arch}/"))):
                found += [os.path.join(rel, f) for f in files if f.endswith(".h")]
    return sorted(set(found))


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--top", default=".")
    ap.add_argument("--config", required=True)
    ap.add_argument("--arch", required=True)
    ap.add_argument("--out", required=True)
    ap.add_argument("--version", default="0")
    ap.add_argument("--compiler", default="cc")
    args = ap.parse_args()

    kconf = kconfig_check.load_tree(args.top, args.arch)
    kconf.load_config(args.config)
    os.makedirs(args.out, exist_ok=True)
    kconf.write_config(os.path.join(args.out, "config"), header="", save_old=False)
    write_headers(kconf, args.out)
    write_build_info(kconf, args)
    print(os.path.relpath(args.top, os.path.dirname(os.path.abspath(args.out))))
    print("\n".join("Kconfig " + f for f in sorted(set(kconf.kconfig_filenames))))
    print("\n".join(chosen_rooms(kconf, args.top, args.arch)))
    print("".join(f"module {folder}\n" for folder in module_rooms(kconf, args.top, args.arch)) +
          "".join(f"header {path}\n" for path in headers(args.top, args.arch)), end="")
    if args.arch == "host":
        print("".join(f"tool {folder}\n" for folder in find_tools(args.top)), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
