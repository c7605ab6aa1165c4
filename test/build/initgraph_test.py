#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""scripts/initgraph.py: orders, and what it refuses and how it says so."""
import os
import re
import subprocess
import sys
import tempfile
import unittest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SCRIPT = os.path.join(TOP, "scripts", "initgraph.py")


def component(name, phase="CORE", needs=None, gives=None, ident=None):
    lines = [f"HX_COMPONENT({ident or name}) = {{",
             f'\t.name = "{name}", .phase = HX_PHASE_{phase}, .version = 1,']
    if needs is not None:
        lines.append(f'\t.needs = "{needs}",')
    if gives is not None:
        lines.append(f'\t.gives = "{gives}",')
    return "\n".join(lines + [f"\t.init = {ident or name}_init,", "};", ""])


class InitGraph(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def run_on(self, *texts):
        files = []
        for i, text in enumerate(texts):
            files.append(self.path(f"f{i}.c"))
            with open(files[-1], "w") as f:
                f.write(text)
        return subprocess.run([sys.executable, SCRIPT, "--out", self.path("init_order.c"), "--dot",
                               self.path("init.dot")] + files, capture_output=True, text=True)

    def order(self, *texts):
        run = self.run_on(*texts)
        self.assertEqual(run.returncode, 0, run.stderr)
        with open(self.path("init_order.c")) as f:
            return re.findall(r"&hx_component_(\w+),", f.read())

    def refused(self, *texts):
        run = self.run_on(*texts)
        self.assertEqual(run.returncode, 1, run.stdout)
        self.assertFalse(os.path.exists(self.path("init_order.c")))
        return run.stderr

    # ---- orders

    def test_needs_come_first(self):
        self.assertEqual(self.order(component("a", needs="c"), component("b", needs="a"),
                                    component("c")), ["c", "a", "b"])

    def test_ties_go_by_name_wherever_they_stand(self):
        files = [component(n) for n in ("delta", "alpha", "charlie", "bravo")]
        self.assertEqual(self.order(*files), ["alpha", "bravo", "charlie", "delta"])
        self.assertEqual(self.order(*files[::-1]), ["alpha", "bravo", "charlie", "delta"])

    def test_a_tie_is_decided_anew_at_each_step(self):
        # b becomes free only after z; by name it then comes before the waiting y.
        self.assertEqual(self.order(component("y", needs="a"), component("z"), component("a"),
                                    component("b", needs="a")), ["a", "b", "y", "z"])

    def test_phases_come_one_after_the_other(self):
        self.assertEqual(self.order(component("a", "RUNTIME"), component("b", "LATE"),
                                    component("c", "CORE"), component("d", "EARLY"),
                                    component("e", "BOOT")), ["e", "d", "c", "b", "a"])

    def test_gives_may_be_another_word(self):
        self.assertEqual(self.order(component("a", needs="memory"),
                                    component("z", gives="frames memory")), ["z", "a"])

    def test_all_who_give_a_word_come_first(self):
        self.assertEqual(self.order(component("a", needs="disk"), component("x", gives="disk"),
                                    component("y", gives="disk")), ["x", "y", "a"])

    def test_optional_need_orders_if_it_is_there(self):
        self.assertEqual(self.order(component("a", needs="z?"), component("z")), ["z", "a"])
        self.assertEqual(self.order(component("a", needs="z?"), component("b")), ["a", "b"])

    def test_name_and_identifier_may_differ(self):
        self.assertEqual(self.order(component("frames-zone.0", ident="zones"),
                                    component("b", needs="frames-zone.0")), ["zones", "b"])

    def test_nothing_gives_an_empty_order(self):
        self.assertEqual(self.order("int x;\n"), [])

    # ---- what it reads

    def test_comments_and_strings_do_not_confuse_it(self):
        text = ('/*\n * HX_COMPONENT(no) = {\n */\n// "unbalanced\n'
                'const char *s = "/* not a comment";\n' + component("a") +
                'const char *t = "*/";\n/* "\nHX_COMPONENT(nor) = {\n" */\n')
        self.assertEqual(self.order(text), ["a"])

    def test_comments_inside_a_component(self):
        text = component("a").replace(".version = 1,", "/* , */ .version = 1, // }\n")
        self.assertEqual(self.order(text), ["a"])

    def test_the_output_compiles(self):
        self.order(component("a", "BOOT"), component("b", needs="a"))
        run = subprocess.run(["gcc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                              "-I" + os.path.join(TOP, "hal/include"),
                              "-I" + os.path.join(TOP, "core/include"),
                              self.path("init_order.c")], capture_output=True, text=True)
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_the_drawing_has_every_edge(self):
        self.order(component("a", "BOOT", gives="word"), component("b", needs="word a?"))
        with open(self.path("init.dot")) as f:
            dot = f.read()
        self.assertIn('"a" -> "b";', dot)
        self.assertIn('"a" -> "b" [style=dashed];', dot)
        self.assertIn('label="BOOT"', dot)

    def test_real_components_are_readable(self):
        files = [os.path.join(base, f) for top in ("core", "fs", "drivers", "subsys")
                 for base, _, names in os.walk(os.path.join(TOP, top)) for f in names
                 if f.endswith(".c") and "tests" not in base]
        twins = {}      # of one room and one name: a configuration has one of them
        for path in files:
            with open(path, encoding="utf-8") as f:
                for name in re.findall(r"^HX_COMPONENT\((\w+)\)", f.read(), re.M):
                    twins.setdefault((os.path.dirname(path), name), []).append(path)
        self.assertTrue(twins)
        for turn in range(max(map(len, twins.values()))):
            out = {p for of in twins.values() for i, p in enumerate(of) if i != turn % len(of)}
            run = subprocess.run([sys.executable, SCRIPT, "--out", self.path("init_order.c")] +
                                 [p for p in files if p not in out], capture_output=True, text=True)
            self.assertEqual(run.returncode, 0, run.stderr)

    # ---- what it refuses

    def test_a_circle_is_named(self):
        err = self.refused(component("a", needs="c"), component("b", needs="a"),
                           component("c", needs="b"), component("d", needs="a"))
        self.assertIn("circle: a needs c needs b needs a", err)

    def test_a_circle_of_optional_needs_is_a_circle(self):
        self.assertIn("circle: a needs b needs a",
                      self.refused(component("a", needs="b?"), component("b", needs="a?")))

    def test_needing_itself_is_refused(self):
        self.assertIn('component a needs "a", which only itself gives',
                      self.refused(component("a", needs="a")))

    def test_a_missing_need_names_component_and_word(self):
        err = self.refused(component("a") + component("b", needs="a fire"))
        self.assertIn('component b needs "fire", which no chosen component gives', err)
        self.assertRegex(err, r"f0\.c:5: ")

    def test_a_need_of_a_later_phase_is_refused(self):
        err = self.refused(component("a", "EARLY", needs="b"), component("b", "LATE"))
        self.assertIn('component a of phase EARLY needs "b", which b gives only in LATE', err)
        self.assertIn("gives only in LATE",
                      self.refused(component("a", "EARLY", needs="b?"), component("b", "LATE")))

    def test_names_are_unique(self):
        self.assertIn('component name "a" is taken by',
                      self.refused(component("a"), component("a", ident="other")))
        self.assertIn('component identifier "x" is taken by',
                      self.refused(component("a", ident="x"), component("b", ident="x")))

    def test_what_cannot_be_read_is_an_error_with_its_place(self):
        good = component("a")
        for bad, line, words in (
                (good.replace("HX_COMPONENT(a) =", "HX_COMPONENT(a)\n="), 0, None),
                (good.replace("(a)", "(a b)"), 1, "must read HX_COMPONENT"),
                (good.replace("HX_PHASE_CORE", "HX_PHASE_NOON"), 2, ".phase must be one of"),
                (good.replace('"a"', "NAME"), 2, ".name must be a string"),
                (good.replace('"a"', '"A b"'), 2, ".name must be a string"),
                (good.replace(".version = 1", ".version = x"), 2, ".version must be a number"),
                (good.replace(".version", ".vresion"), 2, "has no field .vresion"),
                (good.replace(".version = 1", '.name = "b"'), 2, ".name stands twice"),
                (good.replace(".init = a_init", ".init = X(a)"), 3, "cannot read this part"),
                (good.replace(".init = a_init", '.needs = "x" "y"'), 3, "cannot read this part"),
                (good.replace(".init = a_init", '.needs = WORDS'), 3, ".needs must be a string"),
                (good.replace(".init = a_init", '.gives = "x!y"'), 3, '"x!y" is no word'),
                (good.replace(".init = a_init", '.init = "f"'), 3, "must be the name of"),
                (good.replace("\t.init", "#ifdef X\n\t.init"), 3, "cannot read this part"),
                (good.replace(".phase = HX_PHASE_CORE, ", ""), 1, "lacks .name or .phase"),
                (good.replace("};", ""), 5, "cannot read this part")):
            with self.subTest(bad=bad):
                if words is None:       # a line break is only white space
                    self.assertEqual(self.order(bad), ["a"])
                    os.remove(self.path("init_order.c"))
                else:
                    err = self.refused(bad)
                    self.assertIn(words, err)
                    self.assertRegex(err, rf"f0\.c:{line}: ")

    def test_a_file_that_is_not_there(self):
        run = subprocess.run([sys.executable, SCRIPT, "--out", self.path("o.c"),
                              self.path("nosuch.c")], capture_output=True, text=True)
        self.assertEqual(run.returncode, 1)
        self.assertIn("nosuch.c", run.stderr)
        self.assertNotIn("Traceback", run.stderr)


if __name__ == "__main__":
    unittest.main()
