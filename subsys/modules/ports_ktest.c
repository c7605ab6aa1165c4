// SPDX-License-Identifier: MIT
/*
 * I/O ports of modules in the booted kernel: what the breaker has not taken answers nothing, what
 * somebody has it does not get, and what it has goes with it. The ports are those of the clock
 * that keeps the date, which every PC has; its register D says 0x80 while the battery is good.
 */
#include <hx/core/ktest.h>
#include <hx/core/string.h>

#include "modules_priv.h"

#define CLOCK	0x70u

static struct hko_why why;
static struct module *m;

static bool is_shown(const char *pattern)
{
	static char text[4096];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	return hx_names_show("/proc/ports", &out.text) == 0 && hx_glob(pattern, text);
}

static uint64_t charged(void)
{
	return m->holder->accounts[HX_RES_PORTS].charged;
}

HX_KTEST(modules_reach_no_port_that_they_have_not_taken)
{
	struct hx_res_ports own;

	if (!HX_ENABLED(BORDERS)) {
		hx_ktest_skip(t, "the module of this test needs borders");
		return;
	}
	hx_require(t, breaker_load(&why, &m) == 0);
	/* Nobody has them: it reads an empty bus. */
	hx_expect(t, breaker_ask("port-read") == -HX_ENODEV && m->has_tried_ports);
	/* The kernel has them. */
	hx_require(t, hx_res_ports_take(NULL, &own, "clock", CLOCK, 2) == 0);
	hx_expect(t, is_shown("*first=0x70 last=0x71 name=clock holder=kernel\n*"));
	hx_expect(t, breaker_ask("port-take") == -HX_EBUSY && charged() == 0);
	hx_expect(t, breaker_ask("port-read") == -HX_ENODEV);
	hx_res_ports_give(&own);
	/* It has them, and nobody else. */
	hx_expect(t, breaker_ask("port-take") == 0 && charged() == 2);
	hx_expect(t, is_shown("*first=0x70 last=0x71 name=" BREAKER " holder=" BREAKER "\n*"));
	hx_expect(t, breaker_ask("port-read") == 0);
	hx_expect(t, hx_res_ports_take(NULL, &own, "clock", CLOCK + 1, 1) == -HX_EBUSY);
	hx_expect(t, breaker_ask("port-give") == 0 && charged() == 0 &&
		     breaker_ask("port-read") == -HX_ENODEV);
	/* What was given back twice, or was never its own, is nobody's loss. */
	hx_expect(t, breaker_ask("port-give") == 0 && hx_res_check() == 0);
	hx_expect(t, breaker_ask("port-take") == 0);
	hx_expect(t, hx_res_limit(m->holder, HX_RES_PORTS, 2, 2) == 0);
	hx_expect(t, breaker_ask("port-more") == -HX_ENOSPC && charged() == 2);
	hx_expect(t, module_unload(BREAKER, &why) == 0 && !is_shown("*" BREAKER "*"));
	hx_expect(t, hx_res_ports_take(NULL, &own, "clock", CLOCK, 2) == 0);
	hx_res_ports_give(&own);
}

HX_KTEST(modules_that_break_keep_their_ports_until_they_go)
{
	struct hx_res_ports own;

	if (!HX_ENABLED(BORDERS)) {
		hx_ktest_skip(t, "the module of this test needs borders");
		return;
	}
	hx_require(t, breaker_load(&why, &m) == 0);
	hx_expect(t, breaker_ask("port-take") == 0 && breaker_ask("wild") == -HX_EFAULT);
	hx_expect(t, hx_res_ports_take(NULL, &own, "clock", CLOCK, 2) == -HX_EBUSY);
	hx_expect(t, module_unload(BREAKER, &why) == 0);
	hx_require(t, hx_res_ports_take(NULL, &own, "clock", CLOCK, 2) == 0);
	hx_res_ports_give(&own);
	/* It is not granted to it any more: then what it takes is refused. */
	if (!HX_ENABLED(CAPS))
		return;
	hx_require(t, breaker_load(&why, &m) == 0);
	hx_cap_object_revoke(module_facility("ports"));
	hx_expect(t, breaker_ask("port-take") == -HX_EACCES &&
		     breaker_ask("port-read") == -HX_ENODEV);
	hx_expect(t, module_unload(BREAKER, &why) == 0);
}
