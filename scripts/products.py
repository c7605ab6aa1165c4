#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""From the linked kernel to the products in out/ that describe it.

  products.py --elf LINKED --map MAP --config CONFIG --objects FOLDER --out OUT --version V --compiler C

Writes helix-kernel (stripped; GRUB loads no ELF that lists relocation sections, so the section table
is taken off the header), helix-kernel.debug, .sym, .map, config, size.json, sbom.json.
"""
import argparse
import glob
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.dont_write_bytecode = True
import lines  # noqa: E402
KINDS = (("text", (".text", ".boot")), ("rodata", (".rodata", ".relro", ".note", ".relr", ".hx_symtab",
                                                  "hx_", ".init_array")),
         ("data", (".data",)), ("rodata", (".data.rel.ro",)), ("bss", (".bss", ".boot_pages")))


def kind_of(section):
    for kind, prefixes in reversed(KINDS):      # .boot_pages before .boot, .data.rel.ro before .data
        if section.startswith(prefixes):
            return kind
    return None


def sizes_of(*files):
    """Bytes by kind, from `size -A`, over all files."""
    total = {kind: 0 for kind in dict(KINDS)}
    if files:
        run = subprocess.run(["size", "-A"] + list(files), capture_output=True, text=True, check=True)
        for m in re.finditer(r"^(\S+)\s+(\d+)\s+\d+$", run.stdout, re.M):
            kind = kind_of(m.group(1))
            if kind:
                total[kind] += int(m.group(2))
    return total


def symbols_of(elf):
    run = subprocess.run(["nm", "-S", "--size-sort", elf], capture_output=True, text=True, check=True)
    found = []
    for line in run.stdout.split("\n"):
        m = re.match(r"[0-9a-f]+ ([0-9a-f]+) (\S) (\S+)", line)
        if m:
            found.append([m.group(3), int(m.group(1), 16), m.group(2).lower()])
    return found[::-1]


def write_json(path, value):
    with open(path, "w") as f:
        json.dump(value, f, indent=1)
        f.write("\n")


def size_json(args, path):
    rooms = {}
    for folder in sorted(glob.glob(os.path.join(args.objects, "lib*.a.p"))):
        room = os.path.basename(folder)[3:-4]
        rooms[room] = sizes_of(*sorted(glob.glob(os.path.join(folder, "*.o"))))
    write_json(path, {"total": sizes_of(args.elf), "rooms": rooms, "symbols": symbols_of(args.elf)})


def sha256(data):
    return [{"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}]


def room_components(args):
    """A component for each room in the image, with its files; its hash is that of the list of theirs."""
    rooms = {}
    for room, source in lines.sources(args.objects):
        with open(source, "rb") as f:
            path = os.path.relpath(source, args.top)
            if not path.startswith("subprojects/"):
                rooms.setdefault(room, []).append((path, sha256(f.read())))
    return [{"type": "library", "bom-ref": f"room:{room}", "name": room, "version": args.version,
             "licenses": [{"license": {"id": "MIT"}}],
             "hashes": sha256("".join(f"{h[0]['content']}  {name}\n" for name, h in files).encode()),
             "components": [{"type": "file", "name": name, "hashes": h} for name, h in files]}
            for room, files in sorted((r, sorted(f)) for r, f in rooms.items())]


def library_components(args):
    """A component for each foreign library in the image: what its wrap and overlay say of it, with the
    files that were compiled; its hash is that of the tarball they came in."""
    found = {}
    for room, source in lines.sources(args.objects):
        path = os.path.relpath(source, args.top)
        if path.startswith("subprojects/"):
            with open(source, "rb") as f:
                found.setdefault((path.split("/")[1], room), []).append((path, sha256(f.read())))
    components = []
    for wrap in sorted(glob.glob(os.path.join(args.top, "subprojects", "*.wrap"))):
        with open(wrap) as f:
            said = dict(re.findall(r"^(\w+) = (.*)$", f.read(), re.M))
        with open(os.path.join(args.top, "subprojects", "packagefiles", said["patch_directory"],
                               "meson.build")) as f:
            said.update(re.findall(r"(?<!_)(version|license): '([^']*)'", f.read()))
        name = os.path.basename(wrap)[:-5]
        components += [{"type": "library", "bom-ref": f"library:{name}", "name": name,
                        "version": said["version"], "licenses": [{"license": {"id": said["license"]}}],
                        "hashes": [{"alg": "SHA-256", "content": said["source_hash"]}],
                        "components": [{"type": "file", "name": n, "hashes": h} for n, h in sorted(files)],
                        "properties": [{"name": "room", "value": room}]}
                       for (folder, room), files in sorted(found.items())
                       if folder == said["directory"]]
    return components


def origin_components(args):
    """What a room's build took from elsewhere and turned into source, as it told."""
    components = []
    for path in args.origin:
        with open(path) as f:
            components.append(json.load(f))
    return components


def sbom_json(args, path):
    """What the image is made of: rooms of this tree, foreign libraries, what was made source."""
    with open(args.config, "rb") as f:
        config = hashlib.sha256(f.read()).hexdigest()
    parts = room_components(args) + library_components(args) + origin_components(args)
    write_json(path, {
        "bomFormat": "CycloneDX", "specVersion": "1.4", "version": 1,
        "metadata": {"component": {"type": "operating-system", "name": "helix",
                                   "bom-ref": "helix", "version": args.version,
                                   "licenses": [{"license": {"id": "MIT"}}]},
                     "tools": [{"name": args.compiler}]},
        "components": parts,
        "dependencies": [{"ref": "helix", "dependsOn": [p["bom-ref"] for p in parts]}],
        "compositions": [{"aggregate": "complete", "assemblies": ["helix"]}],
        "properties": [{"name": "config-sha256", "value": config}]})


def take_sections_off(path):
    with open(path, "r+b") as f:
        head = bytearray(f.read(64))
        struct.pack_into("<Q", head, 0x28, 0)      # e_shoff
        struct.pack_into("<HH", head, 0x3c, 0, 0)  # e_shnum, e_shstrndx
        f.seek(0)
        f.write(head)


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    for name in ("elf", "map", "config", "objects", "out", "version", "compiler", "stamp", "top"):
        ap.add_argument("--" + name, required=True)
    ap.add_argument("--origin", action="append", default=[])
    args = ap.parse_args()
    os.makedirs(args.out, exist_ok=True)

    def out(name):
        return os.path.join(args.out, name)

    shutil.copyfile(args.elf, out("helix-kernel.debug"))
    subprocess.run(["strip", "-s", "-o", out("helix-kernel.new"), args.elf], check=True)
    take_sections_off(out("helix-kernel.new"))
    os.chmod(out("helix-kernel.new"), 0o755)
    os.replace(out("helix-kernel.new"), out("helix-kernel"))
    subprocess.run([sys.executable, os.path.join(HERE, "symtab.py"), "--elf", args.elf, "--sym",
                    out("helix-kernel.sym"), "--top", args.top], check=True)
    with open(args.map) as f:
        text = f.read()
    with open(out("helix-kernel.map"), "w") as f:
        f.write(text.replace(args.objects + "/", "").replace(args.top + "/", ""))
    shutil.copyfile(args.config, out("config"))
    size_json(args, out("size.json"))
    sbom_json(args, out("sbom.json"))
    with open(args.stamp, "w") as f:
        f.write("done\n")


if __name__ == "__main__":
    main()
