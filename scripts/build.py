#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Build the products of one configuration: what `make` calls.

  build.py TARGET...      kernel modules iso disk rootfs, or alone: unit, coverage (host tests), tools, where

Variables (from make): PROFILE CONFIG ARCH CC O V FIRMWARE EXTRA EXTERNAL.
Without PROFILE the configuration is CONFIG, else .config; with it, configs/<PROFILE>_defconfig plus
EXTRA, kept in the build folder. The folder is O, else build/<profile>-<arch>, with -clang behind it
for clang.
"""
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "scripts"))
STAMPS = {"image": ("helix-kernel", "helix-kernel.debug", "helix-kernel.sym",
                    "helix-kernel.map", "config", "size.json", "sbom.json"),
          "rootfs": ("boot.cpio",), "modules.stamp": ("modules",), "iso": ("helix.iso",),
          "disk": ("helix.img",)}
ROOM_BASES = ("hal", "core", "subsys", "drivers", "fs", "nexus", "test", "profiles")
PRODUCTS = ("kernel", "modules", "iso", "disk", "rootfs")


def var(name, default=""):
    return os.environ.get(name) or default


def profile_of(config):
    with open(config, errors="replace") as f:
        for line in f:
            if line.startswith("CONFIG_PROFILE="):
                return line.split("=", 1)[1].strip().strip('"') or "custom"
    return "minimal"


def room_files():
    """Every file that makes a folder a room or adds to the menu: what may come and go."""
    found = []
    for base in ROOM_BASES:
        for place in ("", "external"):
            for folder, _, files in os.walk(os.path.join(TOP, place, base)):
                found += [os.path.join(folder, f) for f in files if f in ("Kconfig", "meson.build")]
    return sorted(found)


def write(path, text):
    with open(path, "w") as f:
        f.write(text)


class Build:
    def __init__(self):
        self.arch, self.cc = var("ARCH", "x86_64"), var("CC", "gcc")
        if self.cc not in ("gcc", "clang"):
            sys.exit(f"helix: CC is gcc or clang, not '{self.cc}'")
        if self.arch not in ("x86_64", "host"):
            sys.exit(f"helix: ARCH is x86_64 or host, not '{self.arch}'")
        self.firmware = var("FIRMWARE", "bios")
        if self.firmware not in ("bios", "uefi", "direct"):
            sys.exit(f"helix: FIRMWARE is bios, uefi or direct, not '{self.firmware}'")
        os.environ["HX_ARCH"] = self.arch
        os.environ["srctree"] = TOP
        self.use_ccache()
        import kconf
        kconf.link_external()
        profile = var("PROFILE")
        config = os.path.abspath(var("CONFIG", os.path.join(TOP, ".config")))
        if not profile and var("EXTRA"):
            sys.exit("helix: EXTRA adds to a PROFILE; without one, change .config")
        if var("CONFIG") and not os.path.exists(config):
            sys.exit(f"helix: CONFIG={config} is not there")
        alone = sys.argv[1:]
        every_room = not profile and alone in (["unit"], ["coverage"], ["tools"])
        if not profile and not every_room and not os.path.exists(config):
            print("helix: no .config yet: taking the profile server", flush=True)
            self.defconfig("server", config)
        self.profile = profile or ("tests" if every_room else profile_of(config))
        name = f"{self.profile}-{'host' if every_room else self.arch}" + \
            ("-clang" if self.cc == "clang" else "")
        self.folder = os.path.abspath(var("O", os.path.join(TOP, "build", name)))
        self.out = os.path.join(self.folder, "out")
        self.config = os.path.join(self.folder, ".config") if profile else config
        if alone == ["where"]:
            return
        self.lock()
        if every_room:
            self.config = os.path.join(self.folder, ".config")
            kconf.all_rooms(self.config)
        elif profile:
            self.profile_config()

    def use_ccache(self):
        """With CCACHE=y, what another build folder has compiled from the same text need not be
        compiled again. Debug information then names the files as that folder saw them, so it is for
        tests, which build many kernels, and not for what is shipped."""
        self.ccache = shutil.which("ccache") if var("CCACHE") == "y" else None
        os.environ.setdefault("CCACHE_DIR", os.path.join(TOP, "build", "ccache"))
        os.environ["CCACHE_BASEDIR"] = TOP
        os.environ["CCACHE_NOHASHDIR"] = "1"      # names in the objects are mapped to the tree's
        os.environ.setdefault("CCACHE_MAXSIZE", "2G")

    @staticmethod
    def defconfig(profile, config):
        import kconf
        return kconf.defconfig(profile, config, var("EXTRA"))

    def profile_config(self):
        """The profile's .config, made again when its defconfig, a Kconfig or EXTRA changed."""
        stamp = os.path.join(self.folder, ".config.from")
        sources = [os.path.join(TOP, d, "configs", self.profile + "_defconfig")
                   for d in ("", "external")]
        sources += [f for f in room_files() if f.endswith("Kconfig")]
        times = [(s, os.stat(s).st_mtime_ns) for s in sources if os.path.exists(s)]
        mark = hashlib.sha256(repr((times, var("EXTRA"))).encode()).hexdigest()
        try:
            with open(stamp) as f:
                if f.read() == mark and os.path.exists(self.config):
                    return
        except FileNotFoundError:
            pass
        old = open(self.config).read() if os.path.exists(self.config) else None
        when = os.stat(self.config).st_mtime_ns if old is not None else 0
        self.defconfig(self.profile, self.config)
        if old is not None and open(self.config).read() == old:
            os.utime(self.config, ns=(when, when))
        write(stamp, mark)

    def run(self, command, quiet=True):
        """Run a tool; on failure show what it printed and end."""
        if var("V"):
            print(" ".join(command), flush=True)
            quiet = False
        done = subprocess.run(command, capture_output=quiet, text=True, cwd=TOP)
        if done.returncode:
            text = (done.stdout or "") + (done.stderr or "")
            lines = [ln for ln in text.split("\n") if ln.strip()]
            errors = [i for i, ln in enumerate(lines) if "ERROR" in ln]
            if command[0] == "meson" and errors and not var("V"):
                lines = lines[errors[0]:]       # not the list of tools that it found
            print("\n".join(lines[-60:]), file=sys.stderr)
            sys.exit(1)
        return done

    def setup_meson(self, folder, options, cross):
        """Configure, unless nothing that decides about it changed; Ninja sees to the rest."""
        ninja, names = os.path.join(folder, "build.ninja"), os.path.join(folder, ".rooms")
        rooms = "\n".join(room_files())
        if os.path.exists(ninja):
            same = os.path.exists(names) and open(names).read() == rooms
            if same and os.stat(ninja).st_mtime_ns > os.stat(self.config).st_mtime_ns:
                return
            self.check_config()
            if not same:        # a room came or went
                self.run(["meson", "setup", "--reconfigure", folder, TOP])
                write(names, rooms)
            return
        self.check_config()
        os.makedirs(folder, exist_ok=True)
        command = ["meson", "setup", folder, TOP, f"-Dconfig={self.config}"] + options
        compiler = [self.ccache] if self.ccache else []
        compiler.append("clang-14" if self.cc == "clang" else "gcc")
        if cross:
            command += ["--cross-file", os.path.join(TOP, "hal", self.arch, f"cross-{self.cc}.ini")]
            if self.ccache:
                through = os.path.join(folder, "ccache.ini")
                write(through, f"[binaries]\nc = {compiler}\n")
                command += ["--cross-file", through]
        else:
            os.environ["CC"] = " ".join(compiler)
        self.run(command)
        write(names, rooms)

    def check_config(self):
        """Say in words what cannot work, before Meson says it in a trace."""
        done = subprocess.run([sys.executable, os.path.join(TOP, "scripts", "kconf.py"), "check"],
                              env=dict(os.environ, KCONFIG_CONFIG=self.config))
        if done.returncode:
            sys.exit(1)

    def ninja(self, folder, targets):
        command = ["ninja", "-C", folder] + (["-v"] if var("V") else ["--quiet"]) + targets
        done = subprocess.run(command, capture_output=not var("V"), text=True)
        if done.returncode:
            if not var("V"):
                lines = [ln for ln in (done.stdout + done.stderr).split("\n")
                         if ln.strip() and not ln.startswith("gcc ") and not ln.startswith("clang")]
                first = next((i for i, ln in enumerate(lines) if "ERROR" in ln or
                              ln.startswith("FAILED:")), 0)
                lines = lines[first:]       # not what configuring again printed before
                print("\n".join(lines[-80:]), file=sys.stderr)
            sys.exit(1)

    def lock(self):
        """One build in a folder at a time; a second one waits. Held until the process ends."""
        os.makedirs(self.folder, exist_ok=True)
        self.guard = open(os.path.join(self.folder, ".lock"), "w")
        fcntl.flock(self.guard, fcntl.LOCK_EX)

    def products(self, targets):
        if self.arch == "host":
            self.setup_meson(self.folder, ["-Darch=host"], cross=False)
            self.ninja(self.folder, ["product-kernel"])
            return
        self.setup_meson(self.folder, [], cross=True)
        wanted = ["product-" + t for t in targets]
        if "product-iso" in wanted and self.firmware == "bios" and var("FIRMWARE"):
            wanted[wanted.index("product-iso")] = "product-iso-bios"
        self.forget_lost(wanted)
        self.ninja(self.folder, wanted)

    def forget_lost(self, wanted):
        """Stamps of products that somebody removed, or whose name another flavour took."""
        lost = {stamp for stamp, names in STAMPS.items()
                if not all(os.path.exists(os.path.join(self.out, n)) for n in names)}
        if "product-iso-bios" in wanted:
            lost |= {"iso", "disk"}
        for stamp in lost:
            if os.path.exists(os.path.join(self.folder, "scripts", stamp)):
                os.remove(os.path.join(self.folder, "scripts", stamp))

    def unit(self, coverage=False):
        """The host tests, in their own Meson folder: of the profile or, without one, of every room
        with all internal checks on."""
        folder = os.path.join(self.folder, "coverage" if coverage else "unit")
        options = ["-Darch=host", "-Dtests=true"] + (["-Dcoverage=true", "-Dsanitize=false"]
                                                     if coverage else [])
        self.setup_meson(folder, options, cross=False)
        self.ninja(folder, [])
        return folder

    def tools(self):
        """The host programs, with every provider in them, into build/tools (or O)."""
        folder = os.path.join(self.folder, "tools")
        out = var("O") or os.path.join(TOP, "build", "tools")
        self.setup_meson(folder, ["-Darch=host", "-Dsanitize=false"], cross=False)
        self.ninja(folder, ["tools"])
        os.makedirs(out, exist_ok=True)
        found = []
        for name in sorted(os.listdir(os.path.join(folder, "scripts", "tools"))):
            path = os.path.join(folder, "scripts", "tools", name)
            if os.path.isfile(path) and os.access(path, os.X_OK):
                shutil.copy2(path, os.path.join(out, name))
                found.append(os.path.join(out, name))
        return found


def main(argv):
    build = Build()
    targets = argv or ["kernel"]
    if targets == ["where"]:
        print(build.folder)
    elif targets in (["unit"], ["coverage"]):
        print(build.unit(coverage=targets == ["coverage"]))
    elif targets == ["tools"]:
        print("\n".join(build.tools()))
    else:
        unknown = [t for t in targets if t not in PRODUCTS]
        if unknown:
            sys.exit(f"helix: no such product: {' '.join(unknown)}")
        build.products(targets)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
