# SPDX-License-Identifier: MIT
"""A built Helix kernel on a machine: QEMU or, for ARCH=host, a plain process.

Machine starts it, waits for the prompt, sends console lines and returns whole answers. Used by
scripts/helix-run and by the boot tests. It knows the console's grammar (docs/guide/console.md) and
the exit codes of the debug-exit port; it knows nothing of a particular test.
"""
import json
import os
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time

PROMPT = b"helix> "
NEXT = "\n" + PROMPT.decode()
EXIT_OK, EXIT_TESTS, EXIT_PANIC, EXIT_INIT = 0x10, 0x11, 0x12, 0x13
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
ACK = re.compile(r"^(OK|ERR) (\S+)( .*)?$", re.M)
ESCAPES = re.compile(rb"\x1b\[[0-9;?]*[A-Za-z]")


class MachineError(Exception):
    """The machine could not be started or asked (usage, missing product, QEMU gone)."""


class NoAnswer(Exception):
    """No prompt or no answer in time."""


class Ended(Exception):
    """The kernel left. code: what it wrote to the debug-exit port, or None."""

    def __init__(self, code):
        super().__init__(f"the kernel left with {code}")
        self.code = code


def answer_end(text):
    """Where the prompt behind the first whole answer begins; None: it is not there yet. Lines of the
    log may draw a prompt before the answer, while the line is typed, and stand behind the last one."""
    ack = ACK.search(text)
    if not ack:
        return None
    if text.startswith(NEXT, ack.end()):
        return ack.end()
    end = text.find("\nEND" + NEXT, ack.end())
    if end >= 0:
        return end + len("\nEND")
    return len(text) - len(NEXT) if text.endswith(NEXT) else None


class Answer:
    def __init__(self, line, ack, body, noise):
        self.line, self.ack, self.body, self.noise = line, ack, body, noise
        self.ok = ack.startswith("OK")

    def text(self):
        return "\n".join([self.ack] + self.body + (["END"] if self.body else []))

    def as_json(self):
        return json.dumps({"line": self.line, "ok": self.ok, "ack": self.ack, "body": self.body})


def iso_with_words(out, words, mode, folder, bios_only):
    """The product's ISO again, made by the same script, with kernel words in its boot entry, and a
    mode of the screen."""
    copy = os.path.join(folder, "words.iso")
    command = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "mkiso.py"),
               "--kernel", os.path.join(out, "helix-kernel"), "--words", words, "--mode", mode,
               "--out", copy]
    if os.path.exists(os.path.join(out, "boot.cpio")):
        command += ["--archive", os.path.join(out, "boot.cpio")]
    if bios_only:
        command += ["--bios-only"]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise MachineError(f"the ISO with kernel words could not be made: {run.stderr.strip()}")
    return copy


class Machine:
    def __init__(self, out, arch="x86_64", smp=1, mem="256M", firmware="direct", append="",
                 disks=(), net=False, icount=False, cpu="max", kernel=None, initrd=None,
                 extra=(), qmp=False, own_session=False, mode="", debug_exit=True):
        self.out, self.arch, self.icount = out, arch, icount
        self.opts = dict(smp=smp, mem=mem, firmware=firmware, append=append, disks=disks, net=net,
                         cpu=cpu, kernel=kernel, initrd=initrd, extra=extra, mode=mode)
        self.debug_exit = debug_exit    # without it a machine that has panicked stands still
        self.want_qmp = qmp
        self.own_session = own_session  # keys of this terminal (Ctrl-C) are not for it
        self.buffer = b""       # bytes read and not yet consumed
        self.transcript = b""   # every byte read
        self.process = None
        self.folder = None
        self._qmp = None

    # ---- starting

    def product(self, name):
        path = os.path.join(self.out, name)
        if not os.path.exists(path):
            raise MachineError(f"{path} is not there: build it first (make, make iso)")
        return path

    def command(self, interactive=False):
        if self.arch == "host":
            return [self.product("helix-kernel"), "--mem", self.opts["mem"],
                    "--append", self.opts["append"]]
        o = self.opts
        cmd = ["qemu-system-x86_64", "-M", "q35", "-cpu", o["cpu"], "-m", str(o["mem"]),
               "-smp", str(o["smp"]), "-no-reboot", "-nic", "none"]
        if self.debug_exit:
            cmd += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        if interactive:
            cmd += ["-nographic", "-serial", "mon:stdio"]
        else:
            cmd += ["-display", "none", "-monitor", "none", "-serial", "stdio"]
        if self.icount:
            cmd += ["-icount", "shift=0,sleep=off"]
        if self.want_qmp:
            cmd += ["-qmp", f"unix:{self.folder}/qmp,server=on,wait=off"]
        for i, disk in enumerate(o["disks"]):
            cmd += ["-drive", f"file={disk},format=raw,if=none,id=disk{i}",
                    "-device", f"virtio-blk-pci,drive=disk{i}"]
        if o["net"]:
            cmd += ["-netdev", "user,id=net0", "-device", "virtio-net-pci,netdev=net0"]
        cmd += self.firmware_args()
        return cmd + list(o["extra"])

    def firmware_args(self):
        o = self.opts
        if o["firmware"] == "direct":
            args = ["-kernel", o["kernel"] or self.product("helix-kernel")]
            initrd = o["initrd"]
            if initrd is None and os.path.exists(os.path.join(self.out, "boot.cpio")):
                initrd = os.path.join(self.out, "boot.cpio")
            if initrd:
                args += ["-initrd", initrd]
            return args + (["-append", o["append"]] if o["append"] else [])
        iso = self.product("helix.iso")
        if o["append"] or o["mode"]:
            iso = iso_with_words(self.out, o["append"], o["mode"], self.folder,
                                 o["firmware"] == "bios")
        args = ["-cdrom", iso, "-boot", "d"]
        if o["firmware"] == "uefi":
            for path in (OVMF_CODE, OVMF_VARS):
                if not os.path.exists(path):
                    raise MachineError(f"{path} is not there: install the package ovmf")
            variables = os.path.join(self.folder, "vars.fd")
            shutil.copy(OVMF_VARS, variables)     # a used one changes the boot order: fresh each time
            args += ["-drive", f"if=pflash,format=raw,readonly=on,file={OVMF_CODE}",
                     "-drive", f"if=pflash,format=raw,file={variables}"]
        elif o["firmware"] != "bios":
            raise MachineError(f"unknown firmware {o['firmware']}: bios, uefi or direct")
        return args

    def start(self):
        self.folder = tempfile.mkdtemp(prefix="helix-")
        try:
            self.process = subprocess.Popen(self.command(), stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                            start_new_session=self.own_session)
        except FileNotFoundError as e:
            raise MachineError(f"{e.filename} is not installed: run make setup") from e
        os.set_blocking(self.process.stdout.fileno(), False)
        os.set_blocking(self.process.stdin.fileno(), False)
        return self

    def __enter__(self):
        return self if self.process else self.start()

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
                try:
                    stream.close()
                except OSError:
                    pass
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None

    # ---- bytes

    def exit_code(self):
        """What the kernel wrote to the debug-exit port, once the process has ended; else None."""
        status = self.process.wait()
        if self.arch == "host":
            return status
        if status & 1 and status > 1:
            return status >> 1
        if status == 0:
            return EXIT_OK      # powered off
        err = self.process.stderr.read().decode(errors="replace").strip()
        raise MachineError(f"QEMU ended with status {status}: {err.splitlines()[-1] if err else ''}")

    def pump(self, deadline):
        """Read what there is; wait for it until the deadline. False at the end of the stream."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise NoAnswer("time ran out")
        ready, _, _ = select.select([self.process.stdout], [], [], min(left, 1.0))
        if not ready:
            return True
        return bool(self.read_some())

    def send(self, data):
        """Write input, reading output meanwhile: a machine that echoes must not fill both pipes."""
        stdin, stdout = self.process.stdin.fileno(), self.process.stdout.fileno()
        while data:
            ready, room, _ = select.select([stdout], [stdin], [], 60)
            if not ready and not room:
                raise NoAnswer("the machine takes no input")
            try:
                if room:
                    data = data[os.write(stdin, data[:4096]):]
                if ready and not self.read_some():
                    return      # the end: the next wait says why
            except BrokenPipeError:
                return

    def read_some(self):
        got = os.read(self.process.stdout.fileno(), 65536)
        self.transcript += got
        self.buffer += got
        return got

    def wait_prompt(self, timeout):
        """Text up to the prompt at the start of a line (consumed). Raises Ended or NoAnswer."""
        deadline = time.monotonic() + timeout
        while True:
            clean = ESCAPES.sub(b"", self.buffer).replace(b"\r", b"")
            if clean.endswith(b"\n" + PROMPT) or clean == PROMPT:
                self.buffer = b""
                return clean[:-len(PROMPT)].decode(errors="replace")
            if not self.pump(deadline):
                raise Ended(self.exit_code())

    def wait_answer(self, line, timeout):
        """Text up to the prompt behind an answer (consumed); what comes after it stays."""
        deadline = time.monotonic() + timeout
        while True:
            clean = ESCAPES.sub(b"", self.buffer).replace(b"\r", b"").decode(errors="replace")
            end = answer_end(clean)
            if end is not None:
                self.buffer = clean[end + len(NEXT):].encode()
                return clean[:end]
            try:
                if not self.pump(deadline):
                    raise Ended(self.exit_code())
            except NoAnswer as e:
                raise NoAnswer(f"{e}: {line!r}, and then {clean!r}") from e

    def wait_end(self, timeout):
        """Everything until the kernel leaves by itself; returns its exit code."""
        deadline = time.monotonic() + timeout
        while self.pump(deadline):
            pass
        return self.exit_code()

    def ask(self, line, timeout=30):
        """Send one console line and return the whole Answer."""
        self.send(line.encode() + b"\r")
        lines = self.wait_answer(line, timeout).split("\n")
        if lines[-1] == "":
            lines.pop()
        first = next(i for i, got in enumerate(lines) if ACK.match(got))
        noise, ack, body = lines[1:first], lines[first], lines[first + 1:]
        if body and body[-1] == "END":
            body.pop()
        # A body line that would read as END, or that begins with a backslash, has one in front.
        body = [b[1:] if b.startswith("\\") and not b.startswith("\\CUT ") else b for b in body]
        return Answer(line, ack, body, noise)

    def poweroff(self, timeout=10):
        self.send(b"poweroff\r")
        return self.wait_end(timeout)

    # ---- QMP, for the screen and the keyboard

    def qmp(self, command, **arguments):
        if self._qmp is None:
            self._qmp = socket.socket(socket.AF_UNIX)
            self._qmp.connect(os.path.join(self.folder, "qmp"))
            self._qmp_file = self._qmp.makefile("rw")
            self._qmp_file.readline()
            self.qmp("qmp_capabilities")
        self._qmp_file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self._qmp_file.flush()
        while True:
            reply = json.loads(self._qmp_file.readline() or "{}")
            if "return" in reply:
                return reply["return"]
            if "error" in reply or not reply:
                raise MachineError(f"QMP {command}: {reply.get('error', {}).get('desc', 'gone')}")

    def screenshot(self, path):
        self.qmp("screendump", filename=os.path.abspath(path), format="png")

    KEYS = {" ": "spc", "\n": "ret", "/": "slash", "-": "minus", ".": "dot", ",": "comma",
            "=": "equal", ";": "semicolon", "'": "apostrophe", "\t": "tab"}

    def keys(self, text):
        """Type text on the machine's keyboard (not the serial line)."""
        for ch in text.replace("\\n", "\n"):
            code = self.KEYS.get(ch, ch.lower())
            keys = (["shift"] if ch.isupper() else []) + [code]
            self.qmp("send-key", keys=[{"type": "qcode", "data": k} for k in keys])
            time.sleep(0.02)
