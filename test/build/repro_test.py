# SPDX-License-Identifier: MIT
"""Same tree, configuration and compiler, other folders: the same bytes in every product."""
import hashlib
import os
import shutil
import tempfile
import unittest

import lib

BOTH_MIB, BIOS_MIB = 12, 6


def digests(out):
    found = {}
    for folder, _, names in sorted(os.walk(out)):
        for name in sorted(names):
            path = os.path.relpath(os.path.join(folder, name), out)
            found[path] = hashlib.sha256(lib.read(out, path, mode="rb")).hexdigest()
    return found


class Reproducible(unittest.TestCase):
    weight = 4

    def two_builds(self, profile, cc):
        """In the tree and in a copy of it at a path of another length."""
        with tempfile.TemporaryDirectory(prefix="helix-other-place-") as place:
            other = lib.copy_tree(os.path.join(place, "tree"))
            first = lib.built(profile, "kernel rootfs iso disk" if cc == "gcc" else "kernel",
                              folder=os.path.join(lib.WORK, f"repro-{cc}"), CC=cc)
            second = lib.built(profile, "kernel rootfs iso disk" if cc == "gcc" else "kernel",
                               top=other, folder=os.path.join(place, "somewhere", "else"), CC=cc)
            one, two = (digests(os.path.join(f, "out")) for f in (first, second))
            self.assertEqual(one, two)
            return one

    def test_gcc_gives_the_same_bytes_in_another_folder(self):
        products = self.two_builds("server", "gcc")
        for name in ("helix-kernel", "helix-kernel.debug", "helix-kernel.map", "helix-kernel.sym",
                     "boot.cpio", "helix.iso", "helix.img", "config", "size.json", "sbom.json",
                     "modules/sched_rr.hko"):
            self.assertIn(name, products)

    def test_clang_gives_the_same_bytes_in_another_folder(self):
        self.two_builds("server", "clang")


class Iso(unittest.TestCase):
    weight = 3

    def test_it_is_small(self):
        folder = lib.built("server", "iso")
        path = os.path.join(folder, "out", "helix.iso")
        self.assertLess(os.path.getsize(path), BOTH_MIB << 20)
        self.assertEqual(lib.read(path, mode="rb")[510:512], b"\x55\xaa")     # boots as a disk too

    def test_bios_only_is_smaller(self):
        folder = os.path.join(lib.WORK, "bios")
        lib.built("minimal", "iso", folder=folder)
        lib.built("minimal", "iso", folder=folder, FIRMWARE="bios")
        bios = os.path.getsize(os.path.join(folder, "out", "helix.iso"))
        self.assertLess(bios, BIOS_MIB << 20)
        lib.built("minimal", "iso", folder=folder)      # and back: the name is the same
        both = os.path.getsize(os.path.join(folder, "out", "helix.iso"))
        self.assertGreater(both, bios)

    def test_a_removed_product_is_made_again(self):
        folder = os.path.join(lib.WORK, "bios")
        for name in ("helix-kernel", "helix-kernel.sym"):
            lib.built("minimal", folder=folder)
            os.remove(os.path.join(folder, "out", name))
            lib.built("minimal", folder=folder)
            self.assertTrue(os.path.exists(os.path.join(folder, "out", name)), name)

    def test_the_boot_archive_has_the_files_of_the_profile(self):
        data = lib.read(lib.built("server", "rootfs"), "out", "boot.cpio", mode="rb")
        for name in (b"README.txt\0", b"profile.txt\0", b"TRAILER!!!\0"):
            self.assertIn(name, data)
        self.assertEqual(data[:6], b"070701")


class Archive(unittest.TestCase):
    def pack(self, *folders):
        import mkcpio
        return mkcpio.pack(folders)

    def test_equal_input_gives_equal_bytes_whatever_the_times(self):
        with tempfile.TemporaryDirectory() as place:
            a, b = os.path.join(place, "a"), os.path.join(place, "b", "c")
            for top in (a, b):
                os.makedirs(os.path.join(top, "sub"))
                for name in ("sub/x", "y") if top == a else ("y", "sub/x"):
                    with open(os.path.join(top, name), "w") as f:
                        f.write(name)
            os.utime(os.path.join(b, "y"), (1, 1))
            self.assertEqual(self.pack(a), self.pack(b))
            shutil.copy(os.path.join(a, "y"), os.path.join(b, "sub", "x"))
            self.assertNotEqual(self.pack(a), self.pack(b))
            self.assertEqual(self.pack(a, b), self.pack(b))     # later folders win
