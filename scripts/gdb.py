#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boot a built kernel stopped and start gdb on it, with symbols, at hx_main.

  gdb.py BUILD_FOLDER [GDB ARGUMENT...]
"""
import os
import signal
import subprocess
import sys
import tempfile
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "scripts"))
import machine  # noqa: E402


def main(argv):
    out = os.path.join(argv[0], "out")
    with tempfile.TemporaryDirectory(prefix="helix-") as folder:
        socket = os.path.join(folder, "gdb")
        m = machine.Machine(out, append="helix.kaslr=off", extra=[
            "-S", "-chardev", f"socket,path={socket},server=on,wait=off,id=gdb0", "-gdb",
            "chardev:gdb0"], own_session=True)
        with m:
            print(f"helix: the console's output goes to {folder}/console while gdb runs")
            deadline = time.monotonic() + 30
            while not os.path.exists(socket):
                if m.process.poll() is not None or time.monotonic() > deadline:
                    sys.exit("helix: QEMU did not start")
                time.sleep(0.02)
            os.set_blocking(m.process.stdout.fileno(), True)
            pump = subprocess.Popen(["cat"], stdin=m.process.stdout,
                                    stdout=open(os.path.join(folder, "console"), "wb"))
            signal.signal(signal.SIGINT, signal.SIG_IGN)    # Ctrl-C is gdb's: it stops the kernel
            status = subprocess.call([
                "gdb", "-q", "-iex", f"set substitute-path /build {TOP}", "-iex",
                f"directory {TOP}", os.path.join(out, "helix-kernel.debug"), "-ex",
                f"target remote {socket}", "-ex", "hbreak hx_main", "-ex", "continue"] + argv[1:],
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
            pump.kill()
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
