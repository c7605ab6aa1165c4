// SPDX-License-Identifier: MIT
/*
 * The watchdog of Intel's 6300ESB. It counts down twice, from TIMER1 and then from TIMER2, at about
 * 1 kHz; the end of the second resets the machine. A reload begins the first anew. Each write to
 *   one of its registers must be unlocked by two writes to RELOAD, so that a kernel that runs wild
 *   does not feed it by accident.
 *
 *	start      TIMER1, TIMER2, reload, then ENABLE in its PCI configuration
 *	healer     after each round in which all vital components are well: reload
 *	shutdown   ENABLE off
 *
 * PCI mechanism 1, bus 0 only: that is where the chipset puts it, and QEMU. Its two ports are taken
 * for as long as the device is used: an address and its datum belong together.
 */
#include <hx/config/core_resources.h>
#include <hx/core/heal.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/resources.h>
#include <hx/hal/mmu.h>
#include <hx/hal/reg.h>

#include "i6300esb_priv.h"

#define PCI_DEVICES	32u
#define PCI_ENABLE	0x80000000u
#define PCI_COMMAND	0x04u
#define COMMAND_MEMORY	2u
#define PCI_BAR0	0x10u
#define ESB_ID		0x25ab8086u	/* device and vendor */
#define ESB_CONFIG	0x60u
#define CONFIG_NO_IRQ	3u	/* the end of the first stage says nothing; 1 kHz, reset on */
#define ESB_LOCK	0x68u
#define LOCK_ENABLE	2u

#define ESB_TIMER1	0x00u
#define ESB_TIMER2	0x04u
#define ESB_RELOAD	0x0cu
#define RELOAD_NOW	0x100u
#define TICKS_PER_S	1000u
#define PRELOAD_MAX	0xfffffu

static const struct hx_reg_window pci = { .base = 0xcf8, .is_port = true };
#define PCI_DATA	4u
#define PCI_PORTS	8u

static struct hx_res_ports pci_ports;

struct esb esb;

static uint32_t config_read(uint32_t where, unsigned reg)
{
	hx_reg_write32(&pci, 0, where | reg);
	return hx_reg_read32(&pci, PCI_DATA);
}

static void config_write8(uint32_t where, unsigned reg, uint8_t value)
{
	hx_reg_write32(&pci, 0, where | (reg & ~3u));
	hx_reg_write8(&pci, PCI_DATA + (reg & 3u), value);
}

/* RELOAD is 16 bits wide and takes nothing narrower. */
static void reload_write(uint16_t value)
{
	*(volatile uint16_t *)(esb.regs + ESB_RELOAD) = value;
}

static void unlock(void)
{
	reload_write(0x80);
	reload_write(0x86);
}

static void timer_write(unsigned reg, uint32_t value)
{
	const struct hx_reg_window w = { .base = esb.regs };

	unlock();
	hx_reg_write32(&w, reg, value);
}

static void feed(void)
{
	unlock();
	reload_write(RELOAD_NOW);
}

uint32_t esb_preload(unsigned seconds)
{
	return (uint32_t)hx_min_u64((uint64_t)seconds * TICKS_PER_S / 2, PRELOAD_MAX);
}

/* The healer came round. */
static void came_round(bool is_well)
{
	if (is_well) {
		feed();
		__atomic_fetch_add(&esb.n_fed, 1, __ATOMIC_RELAXED);
	} else {
		__atomic_fetch_add(&esb.n_hungry, 1, __ATOMIC_RELAXED);
	}
}

static bool find(void)
{
	for (uint32_t device = 0; device < PCI_DEVICES; device++) {
		for (uint32_t function = 0; function < 8; function++) {
			esb.where = PCI_ENABLE | device << 11 | function << 8;
			if (config_read(esb.where, 0) == ESB_ID)
				return true;
		}
	}
	return false;
}

static void *map(void)
{
	uint32_t bar = config_read(esb.where, PCI_BAR0);

	/* In memory, 32 bits, and the firmware has given it a place. */
	if ((bar & 7u) != 0 || (bar & ~15u) == 0)
		return NULL;
	config_write8(esb.where, PCI_COMMAND,
		      (uint8_t)(config_read(esb.where, PCI_COMMAND) | COMMAND_MEMORY));
	return hx_mmu_map_device(bar & ~15u, 16);
}

/* 0; what hx_res_ports_take() says: somebody else is at the bus. */
static int ports_take(void)
{
	return HX_ENABLED(RESOURCES) ? hx_res_ports_take(NULL, &pci_ports, "pci",
							 (uint32_t)pci.base, PCI_PORTS) : 0;
}

static void ports_give(void)
{
	if (HX_ENABLED(RESOURCES))
		hx_res_ports_give(&pci_ports);
}

static int esb_init(void)
{
	void *regs;
	int err = ports_take();

	if (err != 0)
		return err;
	if (!find()) {
		ports_give();
		return 0;	/* a machine without one */
	}
	regs = map();
	if (regs == NULL) {
		hx_warn("i6300esb", "its registers are nowhere");
		ports_give();
		return 0;
	}
	esb.regs = (uintptr_t)regs;
	config_write8(esb.where, ESB_LOCK, 0);
	config_write8(esb.where, ESB_CONFIG, CONFIG_NO_IRQ);
	timer_write(ESB_TIMER1, esb_preload(CONFIG_WATCHDOG_I6300ESB_S));
	timer_write(ESB_TIMER2, esb_preload(CONFIG_WATCHDOG_I6300ESB_S));
	feed();
	config_write8(esb.where, ESB_LOCK, LOCK_ENABLE);
	hx_heal_on_round(came_round);
	hx_info("i6300esb", "resets the machine after %u s without the healer",
		CONFIG_WATCHDOG_I6300ESB_S);
	return 0;
}

static void esb_shutdown(void)
{
	if (esb.regs == 0)
		return;
	hx_heal_on_round(NULL);
	config_write8(esb.where, ESB_LOCK, 0);
	ports_give();
	esb.regs = 0;
}

HX_COMPONENT(i6300esb) = {
	.name = "i6300esb", .phase = HX_PHASE_RUNTIME, .version = 1,
	.needs = "heal", .gives = "watchdog",
	.init = esb_init, .shutdown = esb_shutdown,
};
