// SPDX-License-Identifier: MIT
/*
 * Falling back in the booted kernel: a scheduler that is a module gives way to the one before it,
 * when a person asks for it, and by itself when it is told to have failed and the policy says so.
 */
#include <hx/core/heal.h>
#include <hx/core/ktest.h>
#include <hx/core/names.h>
#include <hx/core/slot.h>
#include <hx/core/string.h>
#include <hx/core/swap.h>
#include <hx/core/text.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#define MODULE		"sched_rr"
#define PROVIDER	"rr"
#define SLOT		"slot.scheduler"
#define SETTLE_NS	(30 * HX_NS_PER_S)

static int order(const char *line)
{
	struct hx_text_buf ack;
	char text[160];

	hx_text_buf_init(&ack, text, sizeof(text));
	return hx_names_take("/modules/ctl", line, &ack.text);
}

static bool serves(const char *name)
{
	struct hx_text_buf out;
	char text[64], line[64];

	hx_text_buf_init(&out, text, sizeof(text));
	if (hx_names_show("/slots/scheduler/provider", &out.text) != 0)
		return false;
	hx_strlcpy(line, "provider=", sizeof(line));
	hx_strlcpy(line + 9, name, sizeof(line) - 9);
	return hx_strncmp(text, line, hx_strlen(line)) == 0;
}

HX_KTEST(a_slot_falls_back_to_the_provider_before)
{
	hx_ns_t until = hx_now_ns() + SETTLE_NS;

	if (order("load /boot/modules/" MODULE ".hko") != 0) {
		hx_ktest_skip(t, "there is no other scheduler");
		return;
	}
	hx_expect(t, hx_swap("scheduler", PROVIDER, NULL) == 0);
	hx_expect(t, serves(PROVIDER));
	hx_expect(t, hx_heal_do(SLOT, HX_HEAL_FALL_BACK) == 0);
	hx_expect(t, !serves(PROVIDER));

	hx_expect(t, hx_heal_set_policy(SLOT, HX_HEAL_FALL_BACK) == 0);
	hx_expect(t, hx_swap("scheduler", PROVIDER, NULL) == 0);
	hx_expect(t, hx_failure_tell(HX_FAILURE_CRASH, SLOT, "the test says so"));
	while (serves(PROVIDER) && hx_now_ns() < until)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, !serves(PROVIDER));
	hx_expect(t, hx_heal_set_policy(SLOT, HX_HEAL_NOTE) == 0);
	/* While one is on probation the one before stays. */
	while (order("unload " MODULE) != 0 && hx_now_ns() < until)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, !serves(PROVIDER) && hx_now_ns() < until);
}
