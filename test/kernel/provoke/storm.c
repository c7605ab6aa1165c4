/* SPDX-License-Identifier: MIT */
/*
 * A broken device: the clock chip of the PC holds its line, level-triggered, and the driver never
 * serves it. Nobody stops it: the machine has to live with it.
 */
#include <hx/core/irq_router.h>
#include <hx/core/log.h>
#include <hx/hal/irq.h>
#include <hx/hal/reg.h>

#include "provoke_priv.h"

#define RTC_ISA_IRQ	8u
#define RTC_RATE	0x26u		/* register A: 32,768 Hz base, 1,024 interrupts a second */
#define RTC_PERIODIC	0x42u		/* register B, with 24 hours */

static const struct hx_reg_window rtc = { .base = 0x70, .is_port = true };

static void deaf(void *arg)
{
	hx_irq_not_mine();
}

static struct hx_irq_action deaf_action = { .name = "deaf", .handler = deaf };

static void commit_storm(void)
{
	uint32_t line;

	if (hx_irq_line_for_isa(RTC_ISA_IRQ, &line) != 0 ||
	    hx_irq_request(line, &deaf_action, "provoke", HX_IRQ_LEVEL) != 0) {
		hx_error("provoke", "no line for a storm");
		return;
	}
	hx_reg_write8(&rtc, 0, 0x0a);
	hx_reg_write8(&rtc, 1, RTC_RATE);
	hx_reg_write8(&rtc, 0, 0x0b);
	hx_reg_write8(&rtc, 1, RTC_PERIODIC);
}

const struct provocation provoke_storm[] = {
	{ "irq-storm", commit_storm },
	{ NULL, NULL },
};
