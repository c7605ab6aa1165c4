#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the generated tables of the documentation, or check that they have not drifted.

A table stands between `<!-- generated: NAME -->` and `<!-- end -->` in a Markdown file.
  docs.py            rewrite every table that can be made from the sources
  docs.py --check    change nothing; name the files that would change, status 1 if there are any
  docs.py --kernel OUT  also the tables of nodes and verbs, from a booted kernel
  docs.py --build       builds what the next two need, and takes both
  docs.py --sizes    also the table of sizes, from build/<profile>-x86_64/out/size.json
  docs.py --bench F  also the benchmark tables, from the JSON lines of F and of schedulers.jsonl beside it
"""
import argparse
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "scripts"))
PROFILES = ("desktop", "server", "embedded", "secure", "realtime", "teaching", "minimal")
MARK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.S)
STRING = r'"((?:[^"\\]|\\.)*)"'


def files(*patterns):
    run = subprocess.run(["git", "-C", TOP, "ls-files", "--cached", "--others",
                          "--exclude-standard", "--"] + list(patterns),
                         capture_output=True, text=True, check=True)
    return sorted(p for p in run.stdout.split("\n") if p and os.path.exists(os.path.join(TOP, p)))


def sources():
    for path in files("*.c"):
        if "/tests/" not in path and not path.startswith("test/h"):
            with open(os.path.join(TOP, path)) as f:
                yield path, f.read()


def joined(literals):
    """The text of adjacent C string literals."""
    return "".join(re.findall(STRING, literals)).replace('\\"', '"').replace("\\\\", "\\")


def member(body, name):
    m = re.search(r"\." + name + r"\s*=\s*((?:" + STRING + r"\s*)+)", body)
    return joined(m.group(1)) if m else None


def table(head, rows):
    def cell(text):
        return str(text).replace("|", "\\|").replace("<", "\\<") if text is not None else ""

    lines = ["| " + " | ".join(head) + " |", "|" + " --- |" * len(head)]
    lines += ["| " + " | ".join(cell(c) for c in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def variable(path):
    """/sched/threads/1/stats -> /sched/threads/<id>/stats: one row stands for many nodes."""
    for pattern, name in ((r"^(/sched/threads/)[^/]+", r"\1<id>"), (r"^(/sched/runq/)[^/]+", r"\1<cpu>"),
                          (r"^(/slots/)[^/]+", r"\1<slot>"), (r"^(/caps/)[^/]+", r"\1<holder>"),
                          (r"^(/modules/)[^/]+/", r"\1<name>/")):
        path = re.sub(pattern, name, path)
    return path


def walk_nodes(m, folder, rows):
    for line in m.ask(f"ls {folder or '/'}").body:
        rights, size, name = line.split(" ", 2)
        path = f"{folder}/{name}"
        if name.endswith("/"):
            if path not in ("/boot/",):
                walk_nodes(m, path[:-1], rows)
        elif variable(path) not in rows:
            told = m.ask(f"help {path}").body
            rows[variable(path)] = (rights[1:].replace("-", ""), size, told[0] if told else "")


def of_kernel(out):
    """The tables that only a running kernel can tell: its nodes and its verbs."""
    import machine
    rows = {}
    with machine.Machine(out) as m:
        m.wait_prompt(60)
        m.ask("echo /modules/ctl load /boot/modules/sched_rr.hko")     # so that it has nodes
        walk_nodes(m, "", rows)
        help_body = m.ask("help").body
        m.poweroff()
    nodes = table(("node", "rights", "at most, bytes", "shows or takes"),
                  [(f"`{p}`",) + r for p, r in sorted(rows.items())])
    verbs = table(("verb", "does"), [(f"`{v[:20].strip()}`", v[20:].strip()) for v in help_body])
    return {"nodes": lambda: nodes, "verbs": lambda: verbs}


def words():
    rows = []
    for path, text in sources():
        for m in re.finditer(r"HX_WORD\(\w+,\s*((?:" + STRING + r"\s*)+),\s*((?:" + STRING +
                             r"\s*)+)\)", text):
            rows.append((f"`{joined(m.group(1))}`", joined(m.group(3)), os.path.dirname(path)))
    return table(("word", "means", "room"), sorted(rows))


def symbols():
    import kconfiglib
    os.environ["srctree"], os.environ["HX_ARCH"] = TOP, "x86_64"
    os.environ.setdefault("HX_EXTERNAL", "")
    kconf = kconfiglib.Kconfig("Kconfig", warn_to_stderr=False)
    rows = []
    for sym in kconf.unique_defined_syms:
        node = next((n for n in sym.nodes if n.prompt), None)
        if node is None:
            continue
        help_text = " ".join((node.help or "").split())
        first = re.match(r"(.*?\.)(\s|$)", help_text)
        rows.append((f"`{sym.name}`", kconfiglib.TYPE_TO_STR[sym.orig_type], node.prompt[0],
                     first.group(1) if first else help_text))
    return table(("symbol", "type", "prompt", "in one sentence"), sorted(rows))


def with_families(text):
    """A file's text and, for each use of a macro of one parameter that has HX_BENCH lines, those."""
    for m in re.finditer(r"#define (\w+)\((\w+)\)((?: *\\\n.*)*HX_BENCH(?:.*\\\n)*.*)", text):
        for use in re.findall(r"^" + m.group(1) + r"\((\w+)\)$", text, re.M):
            body = re.sub(r"\b" + m.group(2) + r"##|##" + m.group(2) + r"\b", use, m.group(3))
            body = body.replace("#" + m.group(2), f'"{use}"').replace("\\\n", "\n")
            text += re.sub(r'" "', "", body)
    return text


def benches():
    rows = []
    for path, text in sources():
        text = with_families(text)
        for m in re.finditer(r"HX_BENCH\(\w+,\s*" + STRING + r",\s*((?:" + STRING + r"\s*)+)\)", text):
            rows.append((f"`{m.group(1)}`", joined(m.group(2))))
    return table(("figure", "what is measured"), sorted(rows))


def module_states():
    """The life of a module, from its one table."""
    with open(os.path.join(TOP, "subsys/modules/states.c")) as f:
        text = f.read()
    rows = re.findall(r"\{ MODULE_(\w+),\s*MODULE_(\w+),\s*MODULE_(\w+) \}", text)
    return table(("state", "event", "then"), [tuple(w.lower() for w in r) for r in rows])


def targets():
    import help as front_door
    rows = [(f"`{name}`", does) for name, does in front_door.TARGETS + front_door.VARIABLES]
    return table(("command or variable", "does"), rows)


def sizes():
    rows = []
    for p in PROFILES:
        with open(os.path.join(TOP, "build", p + "-x86_64", "out", "size.json")) as f:
            s = json.load(f)["total"]
        rows.append((p, s["text"], s["rodata"], s["data"], s["text"] + s["rodata"] + s["data"],
                     s["bss"]))
    return table(("profile", "text", "rodata", "data", "sum", "bss"), rows)


def teaching_lines():
    import lines
    rooms = lines.count(os.path.join(TOP, "build", "teaching-x86_64"))
    rows = [(f"`{room}`", f"{n:,}") for room, n in sorted(rooms.items(), key=lambda r: (-r[1], r[0]))]
    return table(("room", "lines"), rows + [("sum", f"{sum(rooms.values()):,}")])


# Beside each figure: what it should reach, and the best peer measured (docs/benchmarks.md says how).
PEERS = (
    ("boot.to_prompt", "minimal 60,000, server 2,000,000", "NuttX rv64 123,716; to main: Zephyr x86_64 "
     "556,323, Unikraft 59,685"),
    ("sched.yield", "50", "Unikraft 96, LK 139"),
    ("slot.call.scheduler", "4; 0 without swaps", "-"),
    ("slot.call.heap", "4; 0 without swaps", "-"),
    ("sched.switch", "100", "Zephyr 118, Unikraft 288, NuttX 414, LK 624"),
    ("spin.pair", "12", "LK 13"),
    ("mutex.pair", "25", "Unikraft 53, Zephyr 78, NuttX 130"),
    ("sem.pair", "40", "Zephyr 82, NuttX 98"),
    ("sem.ping_pong", "400", "NuttX 886, Unikraft 1,106"),
    ("thread.create_exit.static", "350", "Zephyr 365"),
    ("thread.create_exit.alloc", "1,500", "NuttX 5,819, Unikraft 5,823"),
    ("heap.slab.pair", "60", "Unikraft 293, Zephyr 412, NuttX 610; user mode: mimalloc 56"),
    ("heap.tlsf.pair", "90", "user mode: TLSF 84"),
    ("heap.tlsf.alloc.worst", "-", "-"),
    ("heap.tlsf.alloc.best", "-", "-"),
    ("heap.tlsf.free.worst", "-", "-"),
    ("heap.tlsf.free.best", "-", "-"),
    ("heap.pool.pair", "25", "-"),
    ("heap.pool.alloc.worst", "-", "-"),
    ("heap.pool.alloc.best", "-", "-"),
    ("heap.pool.free.worst", "-", "-"),
    ("heap.pool.free.best", "-", "-"),
    ("heap.slab.alloc.worst", "-", "-"),
    ("heap.slab.free.worst", "-", "-"),
    ("heap.firstfit.pair", "-", "NuttX (best fit) 610"),
    ("heap.firstfit.alloc.worst", "-", "-"),
    ("heap.firstfit.free.worst", "-", "-"),
    ("heap.bump", "12", "-"),
    ("frames.buddy.pair", "80", "-"),
    ("frames.bitmap.pair", "-", "-"),
    ("irq.entry_exit", "100", "Zephyr, return part alone 46"),
    ("tick.total", "250", "-"),
    ("vm.map", "250", "seL4 745, the system call included"),
    ("vm.map.region", "-", "-"),
    ("vm.unmap", "-", "-"),
    ("vm.fault", "700", "seL4 1,319: to a handler in user mode and back"),
    ("vm.fault.cow", "-", "-"),
    ("vm.fault.own", "-", "-"),
    ("vm.switch", "-", "-"),
    ("vm.copy", "-", "-"),
    ("cap.check", "15", "-"),
    ("cap.check.timed", "-", "-"),
    ("cap.get_put", "-", "-"),
    ("cap.derive_drop", "-", "-"),
    ("cap.revoke", "-", "-"),
    ("chan.round_trip", "450", "NuttX 742 and 497 without the switches, Unikraft 1,428, L4Re 543"),
    ("event.publish", "120", "-"),
    ("swap.scheduler.pause.100", "20,000", "-"),
    ("swap.scheduler.total.100", "100,000", "-"),
    ("swap.frames.pause.100", "-", "-"),
    ("swap.frames.total.100", "-", "-"),
    ("swap.heap.total", "-", "-"),
    ("module.load", "-", "-"),
    ("token.verify", "1.05 times three crypto.hmac.library", "-"),
    ("token.hmac", "-", "-"),
    ("crypto.hmac", "-", "-"),
    ("crypto.hmac.library", "-", "-"),
    ("crypto.ecdsa.verify", "-", "-"),
    ("fs.ramfs.open", "1,000", "NuttX 1,862, Unikraft 2,390"),
    ("fs.ramfs.read1", "400", "Unikraft 941"),
    ("fs.ramfs.create", "6,000", "Unikraft 15,501"),
    ("fs.ramfs.read4k", "-", "Unikraft 2,229"),
    ("fs.ramfs.write4k", "-", "Unikraft 2,242"),
)


def limit_of(reach, profile):
    """What a figure of that profile should reach, as a number; None: nothing was said."""
    by_profile = dict(re.findall(r"([a-z]+) ([\d,]*\d)", reach))
    text = by_profile.get(profile, reach)
    return int(text.replace(",", "")) if re.fullmatch(r"[\d,]+", text) else None


def judged(reach, ours):
    """The column "to reach" for figures (whose, p50): who misses it is named."""
    late = [whose for whose, p50 in ours if (limit_of(reach, whose) or p50) < p50]
    return f"{reach}; **missed** by {', '.join(late)}" if late else reach


def figures(path):
    got = {}
    with open(path) as f:
        for line in f:
            if line.startswith('{"bench"'):
                fig = json.loads(line)
                got.setdefault(fig["bench"], []).append((fig["profile"], fig["p50"]))
    rows = []
    for name, reach, peers in PEERS:
        ours = got.get(name, [])
        rows.append((f"`{name}`", "; ".join(f"{whose} {p50:,}" for whose, p50 in ours) or "-",
                     judged(reach, ours), peers))
    return table(("figure", "Helix, p50", "to reach", "peers, measured the same way"), rows)


# Blocks of one size by themselves, as TLSF's authors measure; worst over best should be at most this.
HEAP_RATIO = 1.7
HEAP_SIZES = ((16, 32), (64, 80), (256, 272), (1016, 1024), (4088, 4096))     # request, its block


def heap_sizes(path):
    """A line for each size of the wcet scenarios (core/mem/heap_bench.c)."""
    with open(path) as f:
        got = {fig["bench"]: fig["p50"] for fig in map(json.loads, f)}
    rows = []
    for size, block in HEAP_SIZES:
        row = [f"{size:,}", f"{block:,}"]
        for op in ("alloc", "free"):
            worst, best = (got.get(f"heap.tlsf.{size}.{op}.{which}") for which in ("worst", "best"))
            row += [f"{worst or '-'}", f"{best or '-'}",
                    within(worst / best if worst and best else None, HEAP_RATIO, ".1f")]
        rows.append(row)
    return table(("bytes", "block", "from a long one", "of this size", "ratio",
                  "between free ones", "between live ones", "ratio"), rows)


# What a scheduler may cost in a kernel for several CPUs, on one CPU or four: the figures of the plan.
# Figure, limit for each scheduler or for all.
SCHEDS = ("rr", "prio", "mlfq", "edf", "eevdf", "stride", "dis")
PICK = "pick: 10,000 over 10"           # sched.pick with 10,000 ready threads over that with 10
SCHED_REACH = {
    "sched.switch": {"rr": 150, "prio": 150, "edf": 250, "eevdf": 250, "dis": 400},
    "sem.ping_pong": dict.fromkeys(SCHEDS, 450),
    "thread.create_exit.alloc": dict.fromkeys(SCHEDS, 1800),
    "tick.total.1000": dict.fromkeys(SCHEDS, 300),
    PICK: {"rr": 1.1, "prio": 1.1, "mlfq": 1.1, "edf": 4, "eevdf": 4, "stride": 4, "dis": 4},
}
SCHED_FIGURES = {
    1: ("sched.switch", "sem.ping_pong", "thread.create_exit.static", "thread.create_exit.alloc",
        "tick.total", "tick.total.1000", PICK),
    4: ("sched.switch", "sem.ping_pong", "sem.ping_pong.cpus", "thread.create_exit.alloc",
        "tick.total", "ipi.round_trip", "tlb.shootdown.4"),
}
# The last line of both tables; what is measured with one CPU stands in PEERS as well.
SCHED_PEERS = {name: peers for name, reach, peers in PEERS if name.startswith(("sched.", "sem.", "thread."))}
SCHED_PEERS[PICK] = "xv6: linear"


def within(got, limit, form):
    """A cell: what was measured and what it should reach."""
    if got is None or limit is None:
        return "-" if got is None else format(got, form)
    return f"{got:{form}} of {limit:{form}}{'' if got <= limit else ', **missed**'}"


def scheduler_table(got, cpus):
    """A line for each scheduler, of {scheduler: {figure: number}}, and one for the peers."""
    names = SCHED_FIGURES[cpus]
    rows = [[f"`{s}`"] + [within(of.get(n), SCHED_REACH.get(n, {}).get(s), ".1f" if n == PICK else ",")
                          for n in names] for s, of in got.items()]
    rows.append(["peers, one CPU"] + [SCHED_PEERS.get(n, "-") for n in names])
    return table(["scheduler"] + [n if n == PICK else f"`{n}`" for n in names], rows)


def schedulers(path, cpus):
    """From the figures that bench.py wrote beside those of the others."""
    got, curves = {}, {}
    with open(path) as f:
        for fig in map(json.loads, f):
            curves[fig["bench"]] = fig["p50"]
    with open(os.path.join(os.path.dirname(path), "schedulers.jsonl")) as f:
        for fig in map(json.loads, f):
            if fig["cpus"] == cpus:
                got.setdefault(fig["scheduler"], {})[fig["bench"]] = fig["p50"]
    for s in got:
        few, many = (curves.get(f"sched.{s}.pick.{n}") for n in (10, 10000))
        if few and many:
            got[s][PICK] = many / few
    return scheduler_table(got, cpus)


def schedulers_again(old, cpus):
    """The same figures beside the limits and peers of today: a table that lags behind these is seen."""
    lines = [[c.strip() for c in ln.strip("|").split("|")] for ln in old.strip().split("\n")]
    heads = [h.strip("`") for h in lines[0]]
    got = {}
    for cells in lines[2:]:
        if cells[0].startswith("`"):
            numbers = {h: re.match(r"[\d,.]+", c) for h, c in zip(heads[1:], cells[1:])}
            got[cells[0].strip("`")] = {h: float(m[0].replace(",", "")) if h == PICK
                                        else int(m[0].replace(",", "")) for h, m in numbers.items() if m}
    return scheduler_table(got, cpus)


def build_all():
    """Every profile, for its size; and the server with everything that shows nodes, for its tables."""
    for profile in PROFILES:
        subprocess.run(["make", "-s", "-C", TOP, f"PROFILE={profile}", "kernel"], check=True)
    folder = os.path.join(TOP, "build", "docs")
    subprocess.run(["make", "-s", "-C", TOP, "PROFILE=server", f"O={folder}",
                    "EXTRA=KTEST=y BENCH=y FAULT_INJECTION=y", "kernel"], check=True)
    return os.path.join(folder, "out")


def main():
    ap = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    ap.add_argument("--check", action="store_true")
    ap.add_argument("--kernel", metavar="OUT")
    ap.add_argument("--build", action="store_true")
    ap.add_argument("--sizes", action="store_true")
    ap.add_argument("--bench", metavar="FILE")
    args = ap.parse_args()
    makers = {"words": words, "symbols": symbols,
              "benches": benches, "targets": targets, "module_states": module_states}
    if args.build:
        args.kernel, args.sizes = build_all(), True
    if args.kernel:
        makers.update(of_kernel(args.kernel))
    if args.sizes:
        makers.update(sizes=sizes, teaching_lines=teaching_lines)
    if args.bench:
        makers["figures"] = lambda: figures(args.bench)
        makers["heap_sizes"] = lambda: heap_sizes(args.bench)
        makers["schedulers"] = lambda: schedulers(args.bench, 1)
        makers["schedulers_cpus"] = lambda: schedulers(args.bench, 4)
    again = {"schedulers": 1, "schedulers_cpus": 4}

    def made(m):
        before, name, old, end = m.groups()
        if name in makers:
            return before + makers[name]() + end
        return before + schedulers_again(old, again[name]) + end if name in again else m[0]

    drifted = []
    for path in files("*.md"):
        with open(os.path.join(TOP, path)) as f:
            old = f.read()
        new = MARK.sub(made, old)
        if new != old:
            drifted.append(path)
            if not args.check:
                with open(os.path.join(TOP, path), "w") as f:
                    f.write(new)
    for path in drifted:
        print(f"{path}: {'differs from the code: run scripts/docs.py' if args.check else 'rewritten'}")
    return 1 if args.check and drifted else 0


if __name__ == "__main__":
    sys.exit(main())
