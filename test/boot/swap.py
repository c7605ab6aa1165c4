# SPDX-License-Identifier: MIT
"""Schedulers and the filesystem of / are replaced at the prompt: by others, loaded, and out again."""
import re

from lib import expect
import runner

CTL = "echo /slots/scheduler/ctl "
AT = "path=/slots/scheduler/ctl"
LOADED = ("mlfq", "prio", "rr", "stride")       # modules of the profile server; EEVDF is built in


def lines():
    yield CTL + "swap rr", r"^ERR ECHO reason=\w+ detail=no-such-provider$"
    yield CTL + "swap", r"^ERR ECHO reason=\w+ detail=usage "
    yield CTL + "swap eevdf", r"^ERR ECHO reason=\w+ detail=in-use-already error="
    yield CTL + "rollback", r"^ERR ECHO reason=\w+ detail=no-such-provider$"
    yield CTL + "probation 60000", r"^OK ECHO path=/slots/scheduler/ctl probation_ms=60000$"
    for name in LOADED:
        module = f"sched_{name}"
        yield f"echo /modules/ctl load /boot/modules/{module}.hko", r"^OK ECHO "
        yield CTL + f"swap {name}", rf"^OK ECHO {AT} provider={name} items=\d+ pause_ns=\d+$"
        yield "cat /slots/scheduler/provider", rf"^provider={name}$"
        yield "cat /slots/scheduler/state", r"^state=(probation|active)$"
        yield f"echo /modules/ctl unload {module}", \
            rf"^ERR ECHO reason=\w+ detail=provider-in-use slot=scheduler provider={name}$"
        yield "ps", r"^END$|main"
        yield CTL + "rollback", rf"^OK ECHO {AT} provider=eevdf items=\d+ pause_ns=\d+$"
    for name in LOADED + LOADED[::2]:           # and from each other
        yield CTL + f"swap {name}", rf"^OK ECHO .* provider={name} "
    # What is on probation may be put back: the module of the one before stays as long.
    yield CTL + "swap eevdf", r"^OK ECHO .* provider=eevdf "
    yield "echo /modules/ctl unload sched_rr", r"^ERR ECHO reason=\w+ detail=provider-in-use "
    yield CTL + "probation 0", r"^OK ECHO .* probation_ms=0$"
    yield CTL + f"swap {LOADED[0]}", rf"^OK ECHO .* provider={LOADED[0]} "
    yield CTL + "swap eevdf", r"^OK ECHO .* provider=eevdf "
    for name in LOADED:
        yield f"echo /modules/ctl unload sched_{name}", rf"^OK ECHO path=/modules/ctl name=sched_{name}$"
    yield CTL + "swap rr", r"^ERR ECHO reason=\w+ detail=no-such-provider$"
    yield "cat /slots/scheduler/history", \
        r"^t_ns=\d+ event=swap from=\w+ to=eevdf result=ok step=retire items=\d+ state_bytes=\d+ " \
        r"wait_ns=\d+ pause_ns=\d+ total_ns=\d+$"
    yield "mods", r"^modules=0 "


ROOT = "echo /slots/rootfs/ctl "


def rootfs_lines():
    yield "cat /slots/rootfs/provider", r"^provider=ramfs$"
    yield "cat /slots/rootfs/providers", r"^name=cpiofs abi=\d+ state=incomplete$"
    yield ROOT + "swap listfs", r"^ERR ECHO reason=\w+ detail=no-such-provider$"
    yield ROOT + "swap cpiofs", r"^ERR ECHO reason=\w+ detail=not-swappable$"
    yield "echo /modules/ctl load /boot/modules/fs_listfs.hko", r"^OK ECHO "
    for _ in range(2):
        yield ROOT + "swap listfs", r"^OK ECHO path=/slots/rootfs/ctl provider=listfs items=\d+ pause_ns=\d+$"
        yield "cat /slots/rootfs/provider", r"^provider=listfs$"
        yield "ls /", r"^dr-- \d+ boot/$"
        yield "cat /boot/profile.txt", r"server"
        yield "echo /modules/ctl unload fs_listfs", \
            r"^ERR ECHO reason=\w+ detail=provider-in-use slot=rootfs provider=listfs$"
        yield ROOT + "rollback", r"^OK ECHO path=/slots/rootfs/ctl provider=ramfs items=\d+ pause_ns=\d+$"
    yield ROOT + "probation 0", r"^OK ECHO "
    yield ROOT + "swap listfs", r"^OK ECHO .* provider=listfs "
    yield ROOT + "swap ramfs", r"^OK ECHO .* provider=ramfs "
    yield "echo /modules/ctl unload fs_listfs", r"^OK ECHO path=/modules/ctl name=fs_listfs$"
    yield "cat /slots/rootfs/history", r"^t_ns=\d+ event=swap from=ramfs to=listfs result=ok step=retire "
    yield "mods", r"^modules=0 "


def at_the_prompt(lines, smp):
    def test():
        asked = list(lines())
        words = [w for line, _ in asked for w in ("--exec", line)]
        run = runner.call("", "--json", "--smp", str(smp), *words)
        answers = [runner.json.loads(line) for line in run.stdout.splitlines()]
        expect(len(answers) == len(asked), "an answer to each line", run.stdout[-1000:] + run.stderr[-1000:])
        for (line, pattern), answer in zip(asked, answers):
            text = "\n".join([answer["ack"]] + answer["body"])
            expect(re.search(pattern, text, re.M), f"{line}: {pattern}", text)
    return test


def tests():
    return [(f"swap: {what} at the prompt, {smp} CPUs", at_the_prompt(of, smp)) for smp in (1, 4)
            for what, of in (("every scheduler", lines), ("the filesystem of /", rootfs_lines))]
