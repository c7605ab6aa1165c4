# SPDX-License-Identifier: MIT
"""After a change only what depends on it is built again; rooms come and go without a list to edit."""
import os
import re
import subprocess
import tempfile
import unittest

import lib


def times(folder):
    """{object: when it was written} of the rooms of a build folder."""
    return {os.path.relpath(f, folder): os.stat(f).st_mtime_ns
            for files in lib.objects(folder).values() for f in files}


def dependents(folder, headers):
    """Objects whose sources include one of the generated headers, as Ninja knows."""
    run = subprocess.run(["ninja", "-C", folder, "-t", "deps"], capture_output=True, text=True,
                         check=True)
    found = set()
    for block in run.stdout.split("\n\n"):
        target = block.strip().split(":", 1)[0]
        if ".a.p/" in target and any("gen/hx/config/" + h in block for h in headers):
            found.add(target)
    return found


class Change(unittest.TestCase):
    weight = 2

    def test_one_symbol_rebuilds_only_what_includes_its_header(self):
        with tempfile.TemporaryDirectory(prefix="helix-change-") as place:
            tree = lib.copy_tree(os.path.join(place, "t"))
            config, folder = os.path.join(place, "config"), os.path.join(place, "b")
            self.assertEqual(lib.kconf("defconfig", "minimal", config=config).returncode, 0)

            def build():
                run = lib.make(f"CONFIG={config}", f"O={folder}", "kernel", top=tree)
                self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
                return times(folder)

            first = build()
            self.assertEqual(build(), first)            # nothing to do
            text = lib.read(config)
            limit = int(re.search(r"^CONFIG_NAMES_MAX=(\d+)$", text, re.M).group(1))
            with open(config, "w") as f:
                f.write(text.replace(f"CONFIG_NAMES_MAX={limit}\n", f"CONFIG_NAMES_MAX={limit * 2}\n"))
            second = build()
            changed = {o for o in first if second[o] != first[o]}
            # build.h holds the hash of the configuration, so whoever shows that is built as well.
            self.assertEqual(changed, dependents(folder, ("core_names.h", "build.h")))
            self.assertLess(len(changed), 8)
            self.assertTrue(any(o.startswith("libcore_names.a.p/") for o in changed))
            self.assertIn(f"CONFIG_NAMES_MAX={limit * 2}\n", lib.read(folder, "out", "config"))

            with open(config, "a") as f:                # a change that cannot work
                f.write("CONFIG_FS_NAMEFS=y\n")
            run = lib.make(f"CONFIG={config}", f"O={folder}", "kernel", top=tree)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("needs FS_RAMFS", run.stderr)


LIFO = {
    "Kconfig": 'rsource "subsys/sched/lifo/Kconfig"\n',
    "configs/outside_defconfig": 'CONFIG_PROFILE="outside"\nCONFIG_SCHED_LIFO=y\n',
}


def lifo_from_the_guide():
    """The files of the scheduler that docs/guide/adding-a-provider.md shows."""
    text = lib.read(lib.TOP, "docs", "guide", "adding-a-provider.md")
    found = dict(re.findall(r"`(subsys/sched/lifo/[\w.]+)`:[^`]*?```\w+\n(.*?)```", text, re.S))
    if len(found) != 3:
        raise AssertionError(f"the guide shows {sorted(found)}")
    return found


class Rooms(unittest.TestCase):
    weight = 3

    def build(self, tree, profile, place, **more):
        folder = os.path.join(place, "b-" + profile)
        lib.built(profile, top=tree, folder=folder, **more)
        return folder

    def test_a_room_outside_the_tree_is_built_in(self):
        with tempfile.TemporaryDirectory(prefix="helix-external-") as place:
            tree, outside = lib.copy_tree(os.path.join(place, "t")), os.path.join(place, "mine")
            for name, text in {**LIFO, **lifo_from_the_guide()}.items():
                os.makedirs(os.path.dirname(os.path.join(outside, name)), exist_ok=True)
                with open(os.path.join(outside, name), "w") as f:
                    f.write(text)
            folder = self.build(tree, "outside", place, EXTERNAL=outside)
            self.assertIn("subsys_sched_lifo", lib.rooms_in_map(folder))
            run = lib.make("PROFILE=outside", f"O={folder}", "kernel", top=tree)
            self.assertNotEqual(run.returncode, 0)      # without EXTERNAL there is no such profile
            self.assertIn("no profile 'outside'", run.stderr)

    def test_a_deleted_provider_leaves_a_tree_that_builds(self):
        with tempfile.TemporaryDirectory(prefix="helix-deleted-") as place:
            tree = lib.copy_tree(os.path.join(place, "t"), leave_out=(
                "subsys/sched/prio/", "subsys/memory/frames/buddy/", "fs/cpiofs/", "fs/namefs/"))
            folder = self.build(tree, "server", place)
            rooms = lib.rooms_in_map(folder)
            self.assertIn("subsys_memory_frames_bitmap", rooms)
            self.assertNotIn("fs_cpiofs", rooms)
            self.build(tree, "minimal", place)

    def test_modules_fit_their_kernel_after_a_change_of_a_header(self):
        def words(*path):
            return set(re.findall(rb"x86_64-[0-9a-f]{16}", lib.read(*path, mode="rb")))

        with tempfile.TemporaryDirectory(prefix="helix-header-") as place:
            tree, seen = lib.copy_tree(os.path.join(place, "t")), []
            for text in ("", "extern int hx_one_more;\n"):
                with open(os.path.join(tree, "hal", "include", "hx", "hal", "trap.h"), "a") as f:
                    f.write(text)
                out = os.path.join(self.build(tree, "server", place), "out")
                seen.append(words(out, "helix-kernel"))
                self.assertEqual(len(seen[-1]), 1)
                for name in os.listdir(os.path.join(out, "modules")):
                    self.assertEqual(words(out, "modules", name), seen[-1], name)
            self.assertNotEqual(seen[0], seen[1])

    def test_a_higher_floor_cannot_be_used(self):
        with tempfile.TemporaryDirectory(prefix="helix-floor-") as place:
            tree = lib.copy_tree(os.path.join(place, "t"))
            path = os.path.join(tree, "core", "log", "meson.build")
            text = lib.read(path)
            with open(path, "w") as f:
                f.write(text.replace("'core_lib'", "'core_lib', 'subsys_sched_eevdf'", 1))
            run = lib.make("PROFILE=server", f"O={place}/b", "kernel", top=tree)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("room core_log (floor 1) uses subsys_sched_eevdf of the higher floor 2",
                          run.stdout + run.stderr)

    def test_an_undeclared_include_does_not_compile(self):
        with tempfile.TemporaryDirectory(prefix="helix-include-") as place:
            tree = lib.copy_tree(os.path.join(place, "t"))
            with open(os.path.join(tree, "core", "log", "log.c"), "a") as f:
                f.write("#include <hx/fs/vfs.h>\n")
            run = lib.make("PROFILE=server", f"O={place}/b", "kernel", top=tree)
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("hx/fs/vfs.h", run.stdout + run.stderr)
