#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The sources of foreign libraries: subprojects/*.wrap names Debian's tarball and its SHA-256.

  sources.py            fetch, check and unpack what is missing or changed
  sources.py --check    only say what is missing (status 1)

A tarball is kept in subprojects/packagefiles/ (ignored by git), unpacked beside it, with the overlay
of the wrap's patch_directory laid over it. The package is the word after "Debian source package:" in
the wrap. deb-src entries are made for the occasion from the ones the system has.
"""
import configparser
import fcntl
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PLACE = os.path.join(TOP, "subprojects")
FILES = os.path.join(PLACE, "packagefiles")
STAMP = ".helix-unpacked"


class Wrap:
    def __init__(self, path):
        with open(path) as f:
            text = f.read()
        parser = configparser.ConfigParser()
        parser.read_string(text)
        wrap = parser["wrap-file"]
        self.name = os.path.basename(path)[:-5]
        self.package = re.search(r"^# Debian source package: ([\w+-]+(?:\.[\w+-]+)*)", text, re.M).group(1)
        self.tarball = os.path.join(FILES, wrap["source_filename"])
        self.hash, self.folder = wrap["source_hash"], os.path.join(PLACE, wrap["directory"])
        self.overlay = os.path.join(FILES, wrap["patch_directory"])

    def mark(self):
        """What an unpacked folder was made from."""
        parts = [self.hash]
        for folder, _, files in sorted(os.walk(self.overlay)):
            for name in sorted(files):
                with open(os.path.join(folder, name), "rb") as f:
                    parts.append(name + hashlib.sha256(f.read()).hexdigest())
        return "\n".join(parts) + "\n"

    def is_there(self):
        try:
            with open(os.path.join(self.folder, STAMP)) as f:
                return f.read() == self.mark()
        except FileNotFoundError:
            return False

    def has_tarball(self):
        try:
            with open(self.tarball, "rb") as f:
                return hashlib.sha256(f.read()).hexdigest() == self.hash
        except FileNotFoundError:
            return False

    def unpack(self):
        with tempfile.TemporaryDirectory(dir=PLACE) as place:
            with tarfile.open(self.tarball) as t:
                for member in t.getmembers():       # nothing outside of the folder
                    parts = member.name.split("/")
                    if parts[0] != os.path.basename(self.folder) or ".." in parts or \
                            not (member.isfile() or member.isdir()):
                        continue
                    t.extract(member, place)
            fresh = os.path.join(place, os.path.basename(self.folder))
            shutil.copytree(self.overlay, fresh, dirs_exist_ok=True)
            with open(os.path.join(fresh, STAMP), "w") as f:
                f.write(self.mark())
            shutil.rmtree(self.folder, ignore_errors=True)
            os.rename(fresh, self.folder)


def source_entries(to):
    """The system's own package sources, for source packages."""
    for path in glob.glob("/etc/apt/sources.list") + glob.glob("/etc/apt/sources.list.d/*"):
        if not path.endswith((".list", ".sources")):
            continue
        with open(path) as f:
            text = f.read()
        text = re.sub(r"^deb ", "deb-src ", text, flags=re.M)
        text = re.sub(r"^Types:.*$", "Types: deb-src", text, flags=re.M)
        with open(os.path.join(to, os.path.basename(path)), "w") as f:
            f.write(text)


def fetch(wraps):
    with tempfile.TemporaryDirectory() as place:
        entries, lists = os.path.join(place, "entries"), os.path.join(place, "lists")
        os.makedirs(entries)
        os.makedirs(os.path.join(lists, "partial"))
        os.chmod(place, 0o755)
        source_entries(entries)
        apt = ["apt-get", "-qq", "-o", "Dir::Etc::sourcelist=/dev/null",
               "-o", f"Dir::Etc::sourceparts={entries}", "-o", f"Dir::State::lists={lists}",
               "-o", "Dir::Cache::srcpkgcache=", "-o", "Dir::Cache::pkgcache=",
               "-o", "APT::Sandbox::User="]
        subprocess.run(apt + ["update"], stdout=subprocess.DEVNULL, check=True)
        subprocess.run(apt + ["source", "--download-only"] + [w.package for w in wraps], cwd=place,
                       stdout=subprocess.DEVNULL, check=True)
        for w in wraps:
            name = os.path.join(place, os.path.basename(w.tarball))
            if not os.path.exists(name):
                sys.exit(f"helix: {w.package} came without {os.path.basename(name)}")
            shutil.copyfile(name, w.tarball)
            if not w.has_tarball():
                os.remove(w.tarball)
                sys.exit(f"helix: {os.path.basename(name)} is not what {w.name}.wrap says (SHA-256)")


def main(argv):
    wraps = [Wrap(p) for p in sorted(glob.glob(os.path.join(PLACE, "*.wrap")))]
    missing = [w for w in wraps if not w.is_there()]
    if argv == ["--check"]:
        if missing:
            print("helix: missing sources: " + " ".join(w.name for w in missing))
        return 1 if missing else 0
    if not missing:
        return 0
    with open(os.path.join(PLACE, ".lock"), "w") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        missing = [w for w in wraps if not w.is_there()]
        absent = [w for w in missing if not w.has_tarball()]
        if absent:
            print("helix: fetching the sources of " + " ".join(w.package for w in absent), flush=True)
            try:
                fetch(absent)
            except (OSError, subprocess.CalledProcessError) as e:
                print(f"helix: that failed ({e}). Put " + " ".join(
                    os.path.basename(w.tarball) for w in absent) +
                    " into subprojects/packagefiles/; what needs them cannot be built without.",
                    file=sys.stderr)
                return 1
        for w in missing:
            w.unpack()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
