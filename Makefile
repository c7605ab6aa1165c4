# SPDX-License-Identifier: MIT
# The front door: every target is one line that calls a script. `make help` lists them.

PROFILE ?=
ARCH ?= x86_64
ifeq ($(origin CC),default)
CC := gcc
endif
FIRMWARE ?=
SMP ?= 1
MEM ?= 256M
export PROFILE CONFIG ARCH CC O V FIRMWARE EXTRA EXTERNAL
export HX_ARCH := $(ARCH)
export HX_EXTERNAL := $(abspath $(EXTERNAL))
export PYTHONDONTWRITEBYTECODE := 1

# A python3 that has kconfiglib; the first one on PATH may be another.
PY := $(firstword $(foreach p,/usr/bin/python3 python3,$(shell $(p) -c 'import kconfiglib' 2>/dev/null && echo $(p))) python3)
KCONF := $(PY) scripts/kconf.py
BUILD := $(PY) scripts/build.py
RUN = $(PY) scripts/helix-run --build $$($(BUILD) where) --arch $(ARCH) --smp $(SMP) --mem $(MEM)
TEST := $(PY) scripts/test.py

all: ; @$(BUILD) kernel

kernel modules rootfs disk iso: ; @$(BUILD) $@

run: setup ; @$(BUILD) $(if $(filter direct,$(FIRMWARE))$(filter host,$(ARCH)),kernel,iso) && $(RUN) --firmware $(or $(FIRMWARE),bios)

test: setup ; @$(TEST)

setup: ; @scripts/setup

unit contract boot-test build-test lint: setup ; @$(TEST) $(patsubst %-test,%,$@)

model-check: setup ; @$(TEST) models

fuzz: setup ; @$(PY) scripts/fuzz.py $(if $(RUNS),--runs $(RUNS))

# Ten million random operations on each heap against a model, and what fragmentation they leave; a million
# random events on each scheduler, on 1, 2 and 4 CPUs, with every invariant looked at after each; ten
# thousand swaps between all pairs of schedulers under load.
soak: soak-host
	@$(PY) test/boot/soak.py

# What of it needs no machine.
soak-host: setup tools
	@build/tools/schedsim --random $${SCHEDSIM_EVENTS:-1000000}
	@HX_HEAP_STEPS=$${HX_HEAP_STEPS:-10000000} $(PY) test/host/run.py "$$($(BUILD) unit | tail -1)" \
		'*_heap_*.contract_trace_test' --suite contract --timeout 7200 --remarks

coverage: setup ; @$(PY) scripts/coverage.py

# A thousand injected faults, some minutes; the table goes into docs/.
campaign: setup ; @$(PY) scripts/campaign.py $(if $(SEED),--seed $(SEED)) --into docs/healing-results.md

bench: setup ; @$(PY) scripts/bench.py

tools: setup ; @$(BUILD) tools

# Those that answer to more than turns, and rr for comparison, as far as the tree has them.
sched-results: tools
	@build/tools/schedsim --compare $$(build/tools/schedsim --list | grep -xE 'dis|edf|eevdf|mlfq|prio|rr' | paste -sd,) \
		--into docs/scheduling-results.md subsys/sched/tools/schedsim/workloads/*.wl

size: ; @$(BUILD) kernel && $(PY) scripts/size.py $$($(BUILD) where)

gdb: ; @$(BUILD) kernel && $(PY) scripts/gdb.py $$($(BUILD) where)

docs: ; @$(PY) scripts/docs.py --build

%_defconfig: ; @$(KCONF) defconfig $*

menuconfig guiconfig oldconfig olddefconfig savedefconfig listnewconfig randconfig allnoconfig allyesconfig: ; @$(KCONF) $@

clean: ; @rm -rf $$($(BUILD) where)

distclean: ; @rm -rf build .config .config.old external defconfig

help: ; @$(PY) scripts/help.py

.PHONY: all kernel modules rootfs disk iso run test setup unit contract boot-test build-test lint model-check fuzz soak soak-host coverage \
	campaign bench tools sched-results size gdb docs menuconfig guiconfig oldconfig olddefconfig savedefconfig listnewconfig \
	randconfig allnoconfig allyesconfig clean distclean help
