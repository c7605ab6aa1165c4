# SPDX-License-Identifier: MIT
"""What a configuration may say, and how a bad one is refused: in words, with the line."""
import os
import shutil
import tempfile
import unittest

import lib

GOOD = "CONFIG_SCHED_COOP=y\n"     # with the defaults of frames and heap: the smallest that works


class Config(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = os.path.join(self.folder.name, "config")

    def check(self, text):
        with open(self.path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        return lib.kconf("check", config=self.path)

    def refused(self, text, *words):
        run = self.check(text)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertNotIn("Traceback", run.stderr)
        for word in words:
            self.assertIn(word, run.stderr)
        return run.stderr

    def test_a_good_one_passes_silently(self):
        run = self.check(GOOD)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))

    def test_an_unmet_dependency_is_named(self):
        self.refused(GOOD + "CONFIG_FS_RAMFS=y\n", "config:2: CONFIG_FS_RAMFS=y", "needs FS_VFS",
                     '("Virtual filesystem")')

    def test_a_number_out_of_range_is_named(self):
        self.refused(GOOD + "CONFIG_TICK_HZ=5\n", "config:2: CONFIG_TICK_HZ=5", "10 to 1000")
        self.refused(GOOD + "CONFIG_TICK_HZ=ten\n", "CONFIG_TICK_HZ=ten is no number")

    def test_a_damaged_line_is_named(self):
        self.refused(GOOD + "\n# comment\nCONFIG_FS VFS=y\n", "config:4: not a configuration line")
        self.refused(GOOD + "CONFIG_DEBUG_ASSERT=maybe\n", "config:2:", "only y or n")
        self.refused(GOOD + "CONFIG_PROFILE=server\n", "config:2:", "double quotes")
        self.refused(GOOD + "CONFIG_FS_VFS=y\nCONFIG_FS_VFS=n\n", "config:3:", "line 2")

    def test_bytes_that_are_no_text_are_refused(self):
        self.refused(GOOD.encode() + b"CONFIG_PROFILE=\"\xff\xfe\"\n", "config:2:", "no text")
        self.refused(bytes(range(256)) * 20, "not a configuration line")

    def test_a_symbol_that_does_not_exist_is_named_and_left_out(self):
        run = self.check(GOOD + "CONFIG_SHED_RR=y\n")
        self.assertEqual(run.returncode, 0)
        self.assertIn("config:2: CONFIG_SHED_RR: no such symbol", run.stderr)
        self.assertIn("did you mean CONFIG_SCHED_RR", run.stderr)

    def test_a_kind_without_provider_is_refused(self):
        self.refused("CONFIG_PROFILE=\"x\"\n", "no scheduler is chosen", "CONFIG_SCHED_RR=y")
        self.refused(GOOD + "# CONFIG_FRAMES_BITMAP is not set\n", "no frame allocator is chosen")
        self.refused(GOOD + "# CONFIG_HEAP_BUMP is not set\n", "no kernel heap is chosen",
                     "CONFIG_HEAP_SLAB=y")

    def test_a_part_becomes_a_module_only_where_modules_are(self):
        self.refused(GOOD + "CONFIG_SCHED_RR=m\n", "config:2: CONFIG_SCHED_RR=m", "needs MODULES")
        more = GOOD + "CONFIG_FS_VFS=y\nCONFIG_MODULES=y\n"
        self.assertEqual(self.check(more + "CONFIG_SCHED_RR=m\n").returncode, 0)

    def test_only_some_kinds_have_modules(self):
        more = GOOD + "CONFIG_FS_VFS=y\nCONFIG_MODULES=y\n"
        self.refused(more + "CONFIG_FS_RAMFS=m\n", "CONFIG_FS_RAMFS=m: only y or n")

    def test_a_module_does_not_boot(self):
        more = "CONFIG_FS_VFS=y\nCONFIG_MODULES=y\nCONFIG_SCHED_RR=m\n"
        self.refused(more, "no scheduler is chosen")
        self.refused(GOOD + more + "CONFIG_SCHED_DEFAULT_RR=y\n", "CONFIG_SCHED_DEFAULT_RR=y")

    def test_a_computed_symbol_cannot_be_set(self):
        self.refused(GOOD + "CONFIG_ARCH_HOST=y\n", "ARCH_HOST cannot be set")

    def test_choices_of_another_machine_are_no_error(self):
        with open(self.path, "w") as f:
            f.write(GOOD + "CONFIG_KASLR=y\n")
        run = lib.kconf("check", config=self.path, HX_ARCH="host")
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    def test_make_refuses_in_words(self):
        with open(self.path, "w") as f:
            f.write(GOOD + "CONFIG_FS_NAMEFS=y\n")
        out = os.path.join(self.folder.name, "out")
        run = lib.make(f"CONFIG={self.path}", f"O={out}", "kernel")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("needs FS_RAMFS", run.stderr)
        self.assertFalse(os.path.exists(os.path.join(out, "build.ninja")))

    def test_an_unknown_profile_lists_the_profiles(self):
        run = lib.make("PROFILE=nosuch", f"O={self.folder.name}", "kernel")
        self.assertNotEqual(run.returncode, 0)
        self.assertIn("no profile 'nosuch'", run.stderr)
        for name in lib.PROFILES:
            self.assertIn(name, run.stderr)
        run = lib.kconf("defconfig", "nosuch", config=self.path)
        self.assertIn("no profile 'nosuch'", run.stderr)

    def test_extra_must_exist_and_work(self):
        for extra, word in (("KTSET=y", "did you mean CONFIG_KTEST"), ("TICK_HZ=1", "out of range"),
                            ("SCHED_DEFAULT_RR=y", "needs SCHED_RR")):
            run = lib.make("PROFILE=minimal", f"EXTRA={extra}", f"O={self.folder.name}", "kernel")
            self.assertNotEqual(run.returncode, 0)
            self.assertIn("EXTRA", run.stderr)
            self.assertIn(word, run.stderr)

    def test_variables_are_checked(self):
        for words, answer in (("CC=icc", "CC is gcc or clang"), ("ARCH=vax", "ARCH is x86_64"),
                              ("FIRMWARE=coreboot", "FIRMWARE is bios"),
                              ("EXTERNAL=/no/such", "EXTERNAL=/no/such")):
            run = lib.make("PROFILE=minimal", words, f"O={self.folder.name}", "kernel")
            self.assertNotEqual(run.returncode, 0)
            self.assertIn(answer, run.stderr)

    def test_a_damaged_file_is_repaired_by_olddefconfig(self):
        with open(self.path, "wb") as f:
            f.write(GOOD.encode() + b"\xff\xff\ngarbage\nCONFIG_TICK_HZ=3\nCONFIG_LOG_KIB=8\n")
        run = lib.kconf("olddefconfig", config=self.path)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn("config:3: not a configuration line", run.stderr)
        self.assertEqual(self.check(lib.read(self.path)).stderr, "")
        self.assertIn("CONFIG_LOG_KIB=8\n", lib.read(self.path))

    def test_every_defconfig_is_in_its_short_form(self):
        names = sorted(os.listdir(os.path.join(lib.TOP, "configs")))
        self.assertEqual(names, sorted(p + "_defconfig" for p in lib.PROFILES))
        for name in names:
            with self.subTest(name):
                shutil.copyfile(os.path.join(lib.TOP, "configs", name), self.path)
                import kconfig_check
                with lib.kconfig_lock:
                    kconf = kconfig_check.load_tree(lib.TOP, "x86_64")
                    found = kconfig_check.check(kconf, self.path)
                    kconf.write_min_config(self.path + ".min", header="")
                self.assertEqual(found.errors + found.warnings, [])
                self.assertEqual(lib.read(self.path + ".min"), lib.read(self.path),
                                 "run make savedefconfig")
                self.assertEqual(kconf.syms["PROFILE"].str_value + "_defconfig", name)

    def test_every_prompt_has_help(self):
        import kconfig_check
        with lib.kconfig_lock:
            kconf = kconfig_check.load_tree(lib.TOP, "x86_64")
        missing = [s.name for s in kconf.unique_defined_syms for n in s.nodes[:1]
                   if n.prompt and not (n.help or (s.choice and s.choice.nodes[0].help))]
        self.assertEqual(missing, [])

    def test_every_profile_says_what_it_is(self):
        for name in lib.PROFILES:
            text = lib.read(lib.TOP, "profiles", name, "README.md")
            for part in ("## Promise", "stands in for", "## Boot policy"):
                self.assertIn(part, text, name)


class Menu(unittest.TestCase):
    def test_the_menu_opens_on_a_broken_file_and_says_what_is_broken(self):
        import pexpect
        with tempfile.TemporaryDirectory() as folder:
            config = os.path.join(folder, "config")
            with open(config, "wb") as f:
                f.write(GOOD.encode() + b"garbage\nCONFIG_TICK_HZ=3\n\xff\n")
            menu = pexpect.spawn(
                "make", ["-s", "-C", lib.TOP, "menuconfig"], dimensions=(30, 110), timeout=60,
                env=lib.environment(KCONFIG_CONFIG=config, TERM="xterm", LANG="C.UTF-8"))
            menu.expect("Core mechanisms")      # the menu, then the box over it
            menu.expect("Problems in")
            menu.expect("not a configuration line")
            menu.send("\r")
            menu.send("q")
            menu.expect("Save")
            menu.send("y")
            menu.expect(pexpect.EOF)
            self.assertIn("CONFIG_SCHED_COOP=y", lib.read(config))
            self.assertNotIn("garbage", lib.read(config))
