# SPDX-License-Identifier: MIT
"""What is in an image: every chosen provider, no unchosen one, no reference from a floor to a higher
one; the products, and the sizes that profiles promise."""
import hashlib
import json
import os
import re
import subprocess
import unittest

import lib

RANDOM_SEEDS = (1, 2, 5, 12)   # between them kernels for one CPU and for several
MINIMAL_BYTES = 48 * 1024
TEACHING_LINES = 9700   # holds what is reached; the aim is 6000
PRODUCTS = ("helix-kernel", "helix-kernel.debug", "helix-kernel.sym", "helix-kernel.map", "config",
            "size.json", "sbom.json")
# Archives: the link takes what somebody calls.
LIBRARIES = {"core_lib", "core_fault", "core_lib_crypto_mbedtls"}
# The hal ends in the function that its own header declares: the one way up by name, by design.
UPCALLS = {"hx_main"}


def symbols(files):
    """(defined, undefined) global names of objects."""
    run = subprocess.run(["nm", "-g", "--no-sort", "-P"] + files, capture_output=True, text=True,
                         check=True)
    defined, undefined = set(), set()
    for line in run.stdout.split("\n"):
        words = line.split()
        if len(words) >= 2 and not line.endswith(":"):
            (undefined if words[1] in ("U", "w", "v") else defined).add(words[0])
    return defined, undefined


class Image(unittest.TestCase):
    weight = 2

    def check_rooms(self, folder):
        """The link took exactly the chosen rooms that have sources, and all but libraries whole."""
        chosen = lib.chosen_rooms(os.path.join(folder, "out", "config"))
        linked = lib.rooms_in_map(folder)
        self.assertLessEqual(linked, set(chosen), "an unchosen room is in the image")
        deciders = {room for room, symbol in chosen.items() if symbol is not None}
        self.assertLessEqual(deciders, linked, "a chosen provider is not in the image")
        linkmap = lib.read(folder, "out", "helix-kernel.map")
        for room, files in lib.objects(folder).items():
            if room in linked and room not in LIBRARIES:
                for f in files:
                    self.assertIn(f"lib{room}.a.p/{os.path.basename(f)}", linkmap)

    def check_registered(self, folder):
        """Each provider's table and its entry in the registration section survived the link."""
        debug = os.path.join(folder, "out", "helix-kernel.debug")
        in_image = symbols_of_image(debug)
        n_providers = 0
        for room, files in lib.objects(folder).items():
            if room not in lib.rooms_in_map(folder) or not files:
                continue
            run = subprocess.run(["nm", "-P"] + files, capture_output=True, text=True, check=True)
            for name in re.findall(r"^(hx_reg_\w+|hx_\w+_ops) [dDrRbB] ", run.stdout, re.M):
                self.assertIn(name, in_image)
                n_providers += name.endswith("_ops")
        self.assertGreaterEqual(n_providers, 3)     # a scheduler, a frame allocator, a heap

    def check_floors(self, folder):
        rooms = {room: symbols(files) for room, files in lib.objects(folder).items() if files}
        owner = {}
        for room, (defined, _) in rooms.items():
            for name in defined:
                owner.setdefault(name, room)
        # The one line that the build writes for a kind with a single provider (sole_<kind>.h).
        sole = {name for kind in ("sched", "frames", "heap") for name in
                re.findall(r"(hx_\w+_ops);", lib.read(folder, f"sole_{kind}.h"))}
        wrong = []
        for room, (_, undefined) in rooms.items():
            for name in sorted(undefined - UPCALLS - sole):
                if name in owner and lib.floor_of(owner[name]) > lib.floor_of(room):
                    wrong.append(f"{room} refers to {name} of {owner[name]}")
        self.assertEqual(wrong, [])

    def check_sbom(self, folder, sbom):
        """Each room in the image with each of its files as it is on the disk, and nothing else."""
        self.assertEqual(sbom["bomFormat"], "CycloneDX")
        rooms = {c["name"] for c in sbom["components"] if c["bom-ref"].startswith("room:")}
        foreign = [c for c in sbom["components"] if c["bom-ref"].startswith("library:")]
        fonts = [c for c in sbom["components"] if c["bom-ref"].startswith("font:")]
        self.check_fonts(folder, fonts)
        rooms |= {c["properties"][0]["value"] for c in foreign}
        self.assertEqual(rooms, lib.rooms_in_map(folder))
        for library in foreign:
            self.assertRegex(library["version"], r"^\d+(\.\d+)+$")
            wrap = lib.read(lib.TOP, "subprojects", library["name"] + ".wrap")
            self.assertIn("source_hash = " + library["hashes"][0]["content"], wrap)
        for room in sbom["components"]:
            if room in fonts:
                continue
            if room not in foreign:
                self.assertEqual(room["licenses"], [{"license": {"id": "MIT"}}])
            self.assertTrue(room["version"] and room["components"], room["name"])
            for part in room["components"]:
                seen = hashlib.sha256(lib.read(lib.TOP, part["name"], mode="rb")).hexdigest()
                self.assertEqual(part["hashes"], [{"alg": "SHA-256", "content": seen}], part["name"])

    def check_fonts(self, folder, fonts):
        """The font of a kernel that writes on the screen, as it is on this machine; else none."""
        if "CONFIG_SCREEN_TEXT=y\n" not in lib.read(folder, "out", "config"):
            self.assertEqual(fonts, [])
            return
        self.assertEqual([f["licenses"] for f in fonts], [[{"license": {"name": "public domain"}}]])
        path = os.path.join("/usr/share/consolefonts", fonts[0]["name"])
        self.assertEqual(fonts[0]["hashes"][0]["content"],
                         hashlib.sha256(lib.read(path, mode="rb")).hexdigest())

    def check_modules(self, folder):
        """What was chosen as m is a file in out/ and in the archive, and not in the image."""
        chosen = set(re.findall(r"^CONFIG_(\w+)=m$", lib.read(folder, "out", "config"), re.M))
        self.assertGreaterEqual(len(chosen), 2)
        names = {f"{word.lower()}.hko" for word in chosen}
        self.assertEqual(set(os.listdir(os.path.join(folder, "out", "modules"))), names)
        archive = lib.read(folder, "out", "boot.cpio", mode="rb")
        linked = lib.rooms_in_map(folder)
        for name in names:
            self.assertIn(f"modules/{name}\0".encode(), archive)
            self.assertIn(lib.read(folder, "out", "modules", name, mode="rb"), archive)
            self.assertFalse([room for room in linked if room.endswith(name[:-4])])

    def test_modules_are_beside_the_image(self):
        self.check_modules(lib.built("server"))

    def test_a_module_names_only_what_is_exported(self):
        import mkmodule
        folder = lib.built("server")
        names = symbols_of_image(os.path.join(folder, "out", "helix-kernel.debug"))
        known = {n.removeprefix("hx_export_") for n in names if n.startswith("hx_export_")}
        self.assertGreater(len(known), 80)
        self.assertFalse("hx_panic_init" in known)
        modules = os.path.join(folder, "out", "modules")
        for name in os.listdir(modules):
            used = mkmodule.undefined(mkmodule.Elf(lib.read(modules, name, mode="rb")))
            self.assertTrue(used)
            self.assertEqual(sorted(set(used) - known), [], name)

    def check_image(self, folder):
        self.check_rooms(folder)
        self.check_registered(folder)
        self.check_floors(folder)

    def test_floors_are_read(self):
        self.assertEqual(lib.floor_of("hal_x86_64"), 0)
        self.assertEqual(lib.floor_of("core_lib"), 1)
        self.assertEqual(lib.floor_of("subsys_sched_rr"), 2)
        self.assertEqual(lib.floor_of("fs_ramfs"), 3)

    def check_minimal_is_small(self, folder):
        total = lib.size(folder)["total"]
        self.assertLess(total["text"] + total["rodata"] + total["data"], MINIMAL_BYTES, total)

    def test_minimal_is_small(self):
        self.check_minimal_is_small(lib.built("minimal"))

    def test_minimal_is_small_with_clang(self):
        folder = os.path.join(lib.TOP, "build", "test", "minimal-x86_64-clang")
        self.check_minimal_is_small(lib.built("minimal", folder=folder, CC="clang"))

    def test_random_configurations_are_for_one_cpu_and_for_several(self):
        seen = set()
        for seed in RANDOM_SEEDS:
            config = os.path.join(lib.WORK, f"random{seed}.config")
            os.makedirs(lib.WORK, exist_ok=True)
            self.assertEqual(lib.kconf("randconfig", str(seed), config=config).returncode, 0)
            seen.add("CONFIG_SMP=y\n" in lib.read(config))
        self.assertEqual(seen, {True, False})

    def test_a_library_is_linked_in_part(self):
        linkmap = lib.read(lib.built("teaching"), "out", "helix-kernel.map")
        self.assertRegex(linkmap, r"libcore_lib\.a\S*printf\.c")
        self.assertNotRegex(linkmap, r"libcore_lib\.a\S*crc32c\.c")

    def test_teaching_can_be_read(self):
        import lines
        rooms = lines.count(lib.built("teaching"))
        self.assertGreater(len(rooms), 10)
        self.assertLess(sum(rooms.values()), TEACHING_LINES, rooms)
        self.assertIn(f"below {TEACHING_LINES:,} lines",
                      lib.read(lib.TOP, "profiles", "teaching", "README.md"))

    def test_code_lines_are_counted(self):
        import lines
        text = '/* a\n b */ int x; // c\n\n\tchar *s = "/*"; /* d */\n#define A \\\n\t1\n  // e\n'
        self.assertEqual(lines.code_lines(text), 4)


def symbols_of_image(debug):
    run = subprocess.run(["nm", "-P", debug], capture_output=True, text=True, check=True)
    return {line.split(" ", 1)[0] for line in run.stdout.split("\n") if line}


def sections_are_off(path):
    with open(path, "rb") as f:
        head = f.read(64)
    return not any(head[0x28:0x30]) and not any(head[0x3c:0x40])


def profile_test(profile):
    def test(self):
        folder = lib.built(profile)
        self.check_image(folder)
        for name in PRODUCTS:
            self.assertGreater(os.path.getsize(os.path.join(folder, "out", name)), 0, name)
        self.assertTrue(sections_are_off(os.path.join(folder, "out", "helix-kernel")))
        sbom = json.loads(lib.read(folder, "out", "sbom.json"))
        self.check_sbom(folder, sbom)
        self.assertIn("hx_main", lib.read(folder, "out", "helix-kernel.sym"))
        foreign = {c["name"]: c["licenses"] for c in sbom["components"]
                   if c["bom-ref"].startswith("library:")}
        has_crypto = "CONFIG_CRYPTO=y" in lib.read(folder, "out", "config")
        self.assertEqual(foreign, {"mbedtls": [{"license": {"id": "Apache-2.0"}}]} if has_crypto else {})
    return test


def random_test(seed):
    def test(self):
        import machine
        folder = os.path.join(lib.WORK, f"random{seed}")
        config = os.path.join(folder, "random.config")
        os.makedirs(folder, exist_ok=True)
        run = lib.kconf("randconfig", str(seed), config=config)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        run = lib.make(f"O={folder}", f"CONFIG={config}", "kernel")
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.check_image(folder)
        with machine.Machine(os.path.join(folder, "out"), smp=4) as m:
            m.wait_prompt(120)
            self.assertEqual(m.poweroff(60), machine.EXIT_OK)
    return test


for _profile in lib.PROFILES:
    setattr(Image, f"test_{_profile}_holds_what_it_chose", profile_test(_profile))
for _seed in RANDOM_SEEDS:
    setattr(Image, f"test_random_configuration_{_seed}_holds_what_it_chose", random_test(_seed))
