// SPDX-License-Identifier: MIT
/*
 * A line whose interrupts do not come any more is a failed component, "serial.line": its recovery
 * is a driver that does without (CONFIG_HEAL, CONFIG_SLOT_SWAP).
 */
#include <hx/core/heal.h>

#include "serial_priv.h"

static enum hx_health line_check(void *arg)
{
	struct serial *s;

	for (unsigned i = 0; (s = serial_port(i)) != NULL; i++)
		if (__atomic_load_n(&s->poll_ns, __ATOMIC_RELAXED) == 0 &&
		    __atomic_load_n(&s->n_silent, __ATOMIC_RELAXED) >= SERIAL_SILENT)
			return HX_FAILED;
	return HX_HEALTHY;
}

static int line_fall_back(void *arg)
{
	int err = hx_swap("serial", CONFIG_SERIAL_INSTEAD, NULL);
	struct serial *s;

	for (unsigned i = 0; err == 0 && (s = serial_port(i)) != NULL; i++)
		__atomic_store_n(&s->n_silent, 0, __ATOMIC_RELAXED);
	return err;
}

static const struct hx_healed_ops line_ops = { .check = line_check, .fall_back = line_fall_back };

static struct hx_healed line_healed = {
	.name = "serial.line", .ops = &line_ops, .policy = HX_HEAL_FALL_BACK,
	.fails_as = HX_FAILURE_HARDWARE,
};

static int line_init(void)
{
	return hx_heal_register(&line_healed);
}

static void line_shutdown(void)
{
	(void)hx_heal_unregister(&line_healed);
}

HX_COMPONENT(serial_line) = {
	.name = "serial-line", .phase = HX_PHASE_RUNTIME, .version = 1, .needs = "serial heal",
	.init = line_init, .shutdown = line_shutdown,
};
