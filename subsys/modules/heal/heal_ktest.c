// SPDX-License-Identifier: MIT
/*
 * A module that breaks in the booted kernel: recorded, taken out, loaded anew, and answering again
 * without anybody's help; and what it had watched goes with it.
 */
#include <hx/core/heal.h>
#include <hx/core/ktest.h>
#include <hx/core/names.h>
#include <hx/core/printf.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/core/thread.h>
#include <hx/hal/timer.h>

#define BREAKER		"/boot/modules/test_kernel_breaker.hko"
#define NAME		"test_kernel_breaker"
#define SETTLE_NS	(60 * HX_NS_PER_S)

static int take(const char *node, const char *line)
{
	struct hx_text_buf ack;
	char text[160];

	hx_text_buf_init(&ack, text, sizeof(text));
	return hx_names_take(node, line, &ack.text);
}

/* Its check may be first to say that it failed, before what was told arrives. */
static bool restarted_after(uint64_t seq, unsigned kind)
{
	struct hx_heal_record r = { .seq = seq };

	while (hx_heal_next(r.seq, &r))
		if (hx_strcmp(r.why.who, NAME) == 0 && r.action == HX_HEAL_RESTART &&
		    r.result == 0 &&
		    (r.why.kind == kind || hx_strcmp(r.why.what, "check says failed") == 0))
			return true;
	return false;
}

HX_KTEST(a_module_that_breaks_comes_back)
{
	static const struct {
		const char *word;
		unsigned kind;
	} ways[] = {
		{ "wild", HX_FAILURE_CRASH }, { "null", HX_FAILURE_CRASH },
		{ "deadlock", HX_FAILURE_DEADLOCK },
		/* Last: left out where a thread that computes keeps the CPU. */
		{ "loop", HX_FAILURE_WATCHDOG },
	};
	unsigned n = HX_ARRAY_LEN(ways) -
		     (HX_ENABLED(PREEMPT_NONE) || HX_ENABLED(PREEMPT_VOLUNTARY));
	hx_ns_t until = hx_now_ns() + SETTLE_NS;
	struct hx_heal_record r = { .seq = 0 };
	int err;

	if (take("/modules/ctl", "load " BREAKER) != 0) {
		hx_ktest_skip(t, "the breaker is not in the boot archive");
		return;
	}
	hx_expect(t, take("/test/break", "not") == 0);
	for (unsigned i = 0; i < n; i++) {
		while (hx_heal_next(r.seq, &r))
			;
		/* Until it is watched. */
		while (hx_heal_do(NAME, HX_HEAL_NOTE) == -HX_ENOENT && hx_now_ns() < until)
			hx_sleep_ns(10 * HX_NS_PER_MS);
		hx_expect(t, take("/heal/policy", NAME " restart") == 0);
		err = take("/test/break", ways[i].word);
		/* Either of two threads that wait for each other is given up. */
		hx_expect(t, err == -HX_EFAULT ||
			  (ways[i].kind == HX_FAILURE_DEADLOCK && err == 0));
		while (!restarted_after(r.seq, ways[i].kind) && hx_now_ns() < until)
			hx_sleep_ns(10 * HX_NS_PER_MS);
		hx_expect(t, restarted_after(r.seq, ways[i].kind));
		hx_expect(t, take("/test/break", "not") == 0);
	}
	hx_expect(t, take("/modules/ctl", "unload " NAME) == 0);
	/* Whoever loads it next finds nobody who restarts it. */
	while (hx_heal_do(NAME, HX_HEAL_NOTE) != -HX_ENOENT && hx_now_ns() < until + SETTLE_NS)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_expect(t, hx_heal_do(NAME, HX_HEAL_NOTE) == -HX_ENOENT);
}

#define PART	"breaker-part"

static bool round_passed(void)
{
	hx_sleep_ns(3 * CONFIG_HEAL_PERIOD_MS * HX_NS_PER_MS);
	return true;
}

static bool loads_and_has(const char *word)
{
	return take("/modules/ctl", "load " BREAKER) == 0 && take("/test/break", word) == 0;
}

HX_KTEST(a_component_of_a_module_goes_with_it)
{
	if (!loads_and_has("watched")) {
		hx_ktest_skip(t, "the breaker is not in the boot archive");
		return;
	}
	hx_expect(t, hx_heal_do(PART, HX_HEAL_NOTE) == 0);
	/* Its shutdown does not take it out. */
	hx_expect(t, take("/modules/ctl", "unload " NAME) == 0);
	hx_expect(t, hx_heal_do(PART, HX_HEAL_NOTE) == -HX_ENOENT && round_passed());
	/* It has none: the module failed. */
	hx_require(t, loads_and_has("watched"));
	hx_expect(t, take("/test/break", "wild") == -HX_EFAULT);
	hx_expect(t, hx_heal_do(PART, HX_HEAL_NOTE) == -HX_EIO);
	hx_expect(t, take("/modules/ctl", "unload " NAME) == 0);
	hx_expect(t, hx_heal_do(PART, HX_HEAL_NOTE) == -HX_ENOENT && round_passed());
	/* Its own check is what breaks, in the healer's thread. */
	hx_require(t, loads_and_has("watched-wild"));
	(void)!hx_heal_do(PART, HX_HEAL_NOTE);
	hx_expect(t, take("/test/break", "not") == -HX_EIO && round_passed());
	hx_expect(t, take("/modules/ctl", "unload " NAME) == 0);
	hx_expect(t, hx_heal_do(PART, HX_HEAL_NOTE) == -HX_ENOENT && round_passed());
}

static bool comes_back(hx_ns_t until)
{
	while (take("/test/break", "not") != 0 && hx_now_ns() < until)
		hx_sleep_ns(HX_NS_PER_MS);
	return hx_now_ns() < until;
}

/* The healer's entry of the module itself, in each way in which it can have failed. */
HX_KTEST(a_module_that_somebody_took_out_is_forgotten)
{
	static const char *const ends[] = { "note", "isolate", "restart" };
	hx_ns_t until = hx_now_ns() + SETTLE_NS;
	char line[64];

	for (unsigned i = 0; i < HX_ARRAY_LEN(ends); i++) {
		if (take("/modules/ctl", "load " BREAKER) != 0) {
			hx_ktest_skip(t, "the breaker is not in the boot archive");
			return;
		}
		while (hx_heal_do(NAME, HX_HEAL_NOTE) == -HX_ENOENT && hx_now_ns() < until)
			hx_sleep_ns(10 * HX_NS_PER_MS);
		hx_snprintf(line, sizeof(line), NAME " %s", ends[i]);
		hx_expect(t, take("/heal/policy", line) == 0);
		hx_expect(t, take("/test/break", "wild") == -HX_EFAULT);
		/* Restarted at once; for the second time only after a pause. */
		if (i == 2)
			hx_expect(t, comes_back(until) &&
				  take("/test/break", "wild") == -HX_EFAULT);
		else
			hx_expect(t, round_passed());
		/* One that is being restarted may be out right now. */
		while (take("/modules/ctl", "unload " NAME) != 0 && hx_now_ns() < until)
			hx_sleep_ns(HX_NS_PER_MS);
		while (hx_heal_do(NAME, HX_HEAL_NOTE) != -HX_ENOENT && hx_now_ns() < until)
			hx_sleep_ns(10 * HX_NS_PER_MS);
		hx_expect(t, hx_heal_do(NAME, HX_HEAL_NOTE) == -HX_ENOENT && round_passed());
		hx_expect(t, take("/test/break", "not") == -HX_ENOENT);
	}
}
