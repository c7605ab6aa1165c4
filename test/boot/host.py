# SPDX-License-Identifier: MIT
"""The product of ARCH=host: the same kernel as a process, with its boot archive and its symbols."""
import os
import re
import subprocess

from lib import boots, built, expect, runs_to_end


def archive_is_mounted():
    with boots(built("server", arch="host"), arch="host") as m:
        answer = m.ask("cat /boot/profile.txt")
        expect(answer.ok and "server" in answer.text(), "the archive beside the program",
               answer.text())
        code = m.poweroff()
        expect(code == 0x10, "poweroff leaves with 0x10", str(code))


def piped_input_is_answered():
    """Lines from a pipe that ends, the last one without its end: each is answered, in order."""
    program = os.path.join(built("server", arch="host"), "helix-kernel")
    done = subprocess.run([program], input=b"ping\nls /proc", stdout=subprocess.PIPE, timeout=60)
    text = done.stdout.decode(errors="replace")
    expect(done.returncode == 0x10, "exit code 0x10", f"{done.returncode}\n{text}")
    expect(re.search(r"(PONG|OK PING).*OK LS path=/proc.*OK POWEROFF", text, re.S),
           "two answers, then the end", text)


def panic_has_names(cc):
    code, text = runs_to_end(built("server", extra="PROVOKE=y", cc=cc, arch="host"), arch="host",
                             append="helix.provoke=page-fault")
    expect(code == 0x12, "exit code 0x12", f"{code}\n{text[-2000:]}")
    for place in (r"at 0x[0-9a-f]+ hx_trap_provoke\+0x[0-9a-f]+ \(hal/\w+/\w+\.S:\d+\)",
                  r"by 0x[0-9a-f]+ hx_main\+0x[0-9a-f]+ \(core/init/main\.c:\d+\)"):
        expect(re.search(place, text), place, text[-2000:])


def tests():
    return [("host: the boot archive is mounted", archive_is_mounted),
            ("host: piped input is answered to its end", piped_input_is_answered)] + \
        [(f"host: a panic names functions and lines, {cc}", lambda cc=cc: panic_has_names(cc))
         for cc in ("gcc", "clang")]
