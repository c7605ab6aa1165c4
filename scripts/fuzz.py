#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build and run the fuzzers of all rooms (libFuzzer, with the address and undefined-behaviour
sanitizers). What they found useful is kept in build/fuzz/<program>/ for the next time.

    fuzz.py [--runs N] [--seed N] [--jobs N] [GLOB...]      N inputs for each program and job

Exit status: 0 nothing found; 1 something: the input that shows it is named.
"""
import argparse
import fnmatch
import os
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(TOP, "build", "fuzz")
RUNS = 200000       # a minute or so


def build():
    """The folder of the programs, up to date, and their names."""
    sys.path.insert(0, os.path.join(TOP, "scripts"))
    os.environ.update(HX_ARCH="x86_64", CC="clang-14", srctree=TOP)
    import kconf
    config, build_dir = os.path.join(FOLDER, ".config"), os.path.join(FOLDER, "meson")
    kconf.all_rooms(config)
    if not os.path.exists(os.path.join(build_dir, "build.ninja")):
        subprocess.run(["meson", "setup", build_dir, TOP, f"-Dconfig={config}", "-Darch=host",
                        "-Dtests=true", "-Dfuzz=true"], check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run(["ninja", "-C", build_dir, "--quiet", "host-tests"], capture_output=True,
                          text=True)
    if done.returncode:
        sys.exit(done.stdout[-4000:] + done.stderr)
    with open(os.path.join(build_dir, "test", "host", "tests.list")) as f:
        return [line.split()[1:] for line in f if line.startswith("fuzz ")]


def run(name, program, args):
    corpus = os.path.join(FOLDER, name)
    os.makedirs(corpus, exist_ok=True)
    command = [program, f"-runs={args.runs}", f"-seed={args.seed}", "-max_len=8192", "-len_control=20",
               f"-artifact_prefix={corpus}.", "-print_final_stats=1", corpus]
    if args.jobs > 1:
        command[-1:-1] = [f"-jobs={args.jobs}", f"-workers={args.jobs}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=FOLDER)
    stats = [line for line in done.stderr.split("\n") if line.startswith("stat::")]
    print(f"{'not ok' if done.returncode else 'ok'} - {name}: " +
          ", ".join(" ".join(s[6:].split()) for s in stats[:2]), flush=True)
    if done.returncode:
        print("\n".join("# " + line for line in done.stderr.split("\n")[-60:]))
    return done.returncode != 0


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--runs", type=int, default=RUNS)
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--jobs", type=int, default=1)
    ap.add_argument("globs", nargs="*")
    args = ap.parse_args()
    programs = [p for p in build() if not args.globs or any(fnmatch.fnmatch(p[0], g)
                                                            for g in args.globs)]
    return int(any([run(name, path, args) for name, path in programs]))


if __name__ == "__main__":
    sys.exit(main())
