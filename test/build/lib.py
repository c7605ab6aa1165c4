# SPDX-License-Identifier: MIT
"""What the tests of the build share: building through the front door, copies of the tree, floors."""
import ast
import json
import os
import re
import shutil
import subprocess
import sys
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "scripts"))
PROFILES = ("desktop", "server", "embedded", "secure", "realtime", "teaching", "minimal")
WORK = os.path.join(TOP, "build", "test", "build")
VARIABLES = ("PROFILE", "CONFIG", "ARCH", "CC", "O", "V", "FIRMWARE", "EXTRA", "EXTERNAL", "SMP", "MEM",
             "MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "HX_ARCH", "HX_EXTERNAL",
             "KCONFIG_CONFIG", "srctree")
NO_ROOMS = {"symtab"}       # generated, linked beside the rooms
_locks, _guard = {}, threading.Lock()
kconfig_lock = threading.RLock()        # Kconfiglib takes its words from the environment


def environment(**more):
    """Ours without what the make that started us exported."""
    env = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    return dict(env, **more)


def make(*words, top=TOP, **more):
    """Run make; its status, output and error text."""
    return subprocess.run(["make", "-s", "-C", top] + list(words), capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, env=environment(**more))


def kconf(*words, config, **more):
    """Run scripts/kconf.py on a file."""
    return subprocess.run([sys.executable, os.path.join(TOP, "scripts", "kconf.py")] + list(words),
                          capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          env=environment(KCONFIG_CONFIG=config, **more))


def built(profile, targets="kernel", top=TOP, folder=None, extra="", **more):
    """The build folder of a profile, up to date. Raises AssertionError with what make printed."""
    # The folder that the boot tests use too: what is built once serves both.
    folder = folder or os.path.join(TOP, "build", "test", f"{profile}-x86_64-gcc")
    with _guard:
        lock = _locks.setdefault(folder, threading.Lock())
    with lock:
        words = [f"PROFILE={profile}", f"O={folder}"] + ([f"EXTRA={extra}"] if extra else [])
        run = make(*words, *[f"{k}={v}" for k, v in more.items()], *targets.split(), top=top)
    if run.returncode:
        raise AssertionError(f"make {' '.join(words)} {targets}:\n{run.stdout}{run.stderr}")
    return folder


def tree_files():
    run = subprocess.run(["git", "-C", TOP, "ls-files", "-z", "--cached", "--others",
                          "--exclude-standard"], capture_output=True, check=True)
    return [p for p in run.stdout.decode().split("\0") if p and
            os.path.lexists(os.path.join(TOP, p))]


def copy_tree(to, leave_out=()):
    """The tree as a clone would have it, without the folders named in leave_out."""
    shutil.rmtree(to, ignore_errors=True)
    for path in tree_files():
        if not path.startswith(tuple(leave_out)):
            os.makedirs(os.path.dirname(os.path.join(to, path)), exist_ok=True)
            shutil.copy2(os.path.join(TOP, path), os.path.join(to, path), follow_symlinks=False)
    # And the sources of foreign libraries, as scripts/setup would unpack them.
    for folder in os.listdir(os.path.join(TOP, "subprojects")):
        if os.path.isdir(os.path.join(TOP, "subprojects", folder)) and folder != "packagefiles":
            shutil.copytree(os.path.join(TOP, "subprojects", folder),
                            os.path.join(to, "subprojects", folder))
    return to


def read(*parts, mode="r"):
    with open(os.path.join(*parts), mode) as f:
        return f.read()


def floors():
    """{folder: floor}, as meson.build has it."""
    text = re.search(r"^floors = (\{.*?\})", read(TOP, "meson.build"), re.M | re.S).group(1)
    return ast.literal_eval(text)


def floor_of(room):
    """The floor of a room by its name with underscores."""
    best = max((b for b in floors() if (room + "_").startswith(re.sub(r"\W", "_", b) + "_")),
               key=len)
    return floors()[best]


def chosen_rooms(config, arch="x86_64"):
    """{room: its deciding symbol or None} of the configuration in a file."""
    import configure
    import kconfig_check
    with kconfig_lock:
        kconf = kconfig_check.load_tree(TOP, arch)
        kconf.load_config(config)
        return {re.sub(r"\W", "_", folder): configure.gate(kconf, TOP, folder)
                for folder in configure.chosen_rooms(kconf, TOP, arch)}


def objects(folder):
    """{room: [its objects]} of a build folder."""
    found = {}
    for name in sorted(os.listdir(folder)):
        m = re.match(r"lib(\w+)\.a\.p\Z", name)
        if m and m.group(1) not in NO_ROOMS:
            room = os.path.join(folder, name)
            found[m.group(1)] = [os.path.join(room, f) for f in sorted(os.listdir(room))
                                 if f.endswith(".o")]
    return found


def rooms_in_map(folder):
    """Rooms of which the link took an object in, by the link map."""
    return set(re.findall(r"lib(\w+)\.a\.p/", read(folder, "out", "helix-kernel.map"))) - NO_ROOMS


def size(folder):
    return json.loads(read(folder, "out", "size.json"))
