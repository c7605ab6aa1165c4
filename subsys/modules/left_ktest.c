// SPDX-License-Identifier: MIT
/*
 * What a module leaves behind when it goes, in the booted kernel: whatever it registered with
 * memory of its own and did not take back is taken back before the memory goes. Be it refused when
 * its init had begun, unloaded, or taken out after a fault.
 */
#include <hx/core/heap.h>
#include <hx/core/irq.h>
#include <hx/core/ktest.h>
#include <hx/core/string.h>
#include <hx/hal/irq.h>
#include <hx/hal/timer.h>
#include <hx/vm/kva.h>

#include "modules_priv.h"

#define SETTLE_NS	(40 * HX_NS_PER_MS)	/* timers of the breaker are due several times */

static struct hko_why why;

static void nothing(void *arg)
{
}

/* Look at everything in which there may be something left. False: there is a name left. */
static bool look_everywhere(void)
{
	static struct hx_irq_action action = { .name = "looks", .handler = nothing };
	struct hx_text_buf out;
	char text[32];
	int err;

	hx_text_buf_init(&out, text, sizeof(text));
	err = hx_names_show("/test/left", &out.text);
	for (uint32_t line = 5; line < HX_IRQ_LINES; line++)
		if (hx_irq_attach(line, &action) == 0)
			hx_irq_detach(line, &action);
	hx_sleep_ns(SETTLE_NS);
	return err == -HX_ENOENT;
}

static bool is_gone(unsigned threads)
{
	return look_everywhere() && modules_count() == 0 && hx_kva_bytes(HX_AREA_MODULES) == 0 &&
	       hx_thread_count() == threads;
}

/* Refused after its init did what the word says. */
static bool refused(const char *word, int err, const char *words)
{
	struct module *m;

	breaker_init_word = word;
	return breaker_load(&why, &m) == err && hx_glob(words, why.text);
}

/* It does what the word says, and goes; or it breaks before that. */
static bool comes_and_goes(const char *word, bool breaks)
{
	struct module *m;

	breaker_init_word = "not";
	return breaker_load(&why, &m) == 0 && breaker_ask(word) == 0 &&
	       (!breaks || breaker_ask("wild") == -HX_EFAULT) &&
	       module_unload(BREAKER, &why) == 0;
}

static void leaves(struct hx_ktest_run *t, const char *word)
{
	unsigned threads;

	hx_require(t, hx_names_register(&breaker_init_node) == 0);
	modules_quiet();
	threads = hx_thread_count();
	hx_expect(t, refused(word, -HX_EIO, "detail=init name=" BREAKER " error=EIO"));
	hx_expect(t, is_gone(threads));
	hx_expect(t, comes_and_goes(word + 1, false) && is_gone(threads));
	hx_expect(t, comes_and_goes(word + 1, true) && is_gone(threads));
	hx_names_unregister(&breaker_init_node);
}

HX_KTEST(borders_a_node_left_behind_is_taken_back)
{
	leaves(t, "!left-node");
}

HX_KTEST(borders_timers_left_behind_are_taken_back)
{
	leaves(t, "!left-timer");
}

HX_KTEST(borders_an_interrupt_line_left_behind_is_taken_back)
{
	leaves(t, "!left-irq");
	leaves(t, "!left-line");
}

HX_KTEST(borders_a_thread_that_nobody_joined_is_taken_back)
{
	leaves(t, "!left-thread");
}

HX_KTEST(borders_calls_after_a_grace_period_are_taken_back)
{
	leaves(t, "!left-grace");
}

/* Code that runs cannot be taken away. */
HX_KTEST(borders_a_refused_module_stays_until_its_threads_have_ended)
{
	unsigned threads;
	int err;

	hx_require(t, hx_names_register(&breaker_init_node) == 0);
	modules_quiet();
	threads = hx_thread_count();
	hx_expect(t, refused("!left-lives", -HX_EIO, "detail=init *"));
	hx_expect(t, module_find(BREAKER) != NULL);
	for (unsigned i = 0; i < 1000 && (err = module_unload(BREAKER, &why)) == -HX_EBUSY; i++) {
		hx_expect(t, hx_glob("detail=thread-left thread=*", why.text));
		hx_sleep_ns(10 * HX_NS_PER_MS);
	}
	hx_expect(t, err == 0 && is_gone(threads));
	hx_names_unregister(&breaker_init_node);
}
