// SPDX-License-Identifier: MIT
/*
 * The life of the kernel, straight down: hx_main() takes over from the hal, checks the order of
 * components, brings them up, and does the jobs, the console last. hx_shutdown() is the way back.
 *
 *	hal entry -> hx_main: bug and trap reports on -> order checked -> components up, in order
 *	  (one of them, "threads", turns this flow into thread 1) -> jobs 10 tests, 20 benchmarks,
 *	  30 helix.exec lines, 90 console -> hx_shutdown
 */
#include <hx/base.h>
#include <hx/config/core_init.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/panic.h>
#include <hx/core/sanitize.h>
#include <hx/core/string.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/power.h>

#include "init_priv.h"

#define ORDER_TEXT_MAX	192	/* bytes: twenty names. /proc/init has them all */

static struct init_graph this_graph;

const struct init_graph *init_graph(void)
{
	return &this_graph;
}

static void refuse_order(const struct init_fault *fault)
{
	const char *name = fault->component == NULL ? "init" : fault->component->name;

	hx_error("init", "the image is not in order: %s: %s%s%s", name, fault->what,
		 fault->word == NULL ? "" : ": ", fault->word == NULL ? "" : fault->word);
}

static void tell_order(const struct init_graph *g)
{
	char text[ORDER_TEXT_MAX];
	size_t used = 0;

	text[0] = '\0';
	for (size_t i = 0; i < g->n_order && used < sizeof(text); i++) {
		used += hx_strlcpy(text + used, i == 0 ? "" : " ", sizeof(text) - used);
		if (used < sizeof(text))
			used += hx_strlcpy(text + used, g->order[i]->name, sizeof(text) - used);
	}
	hx_info("init", "order: %s", text);
}

/* The job that comes next after (order, name), or NULL: a selection sort without a copy. */
static const struct hx_job *next_job(const struct hx_job *last)
{
	const struct hx_job *const *it;
	const struct hx_job *best = NULL;

	HX_SECTION_FOREACH(it, hx_jobs) {
		const struct hx_job *j = *it;

		if (last != NULL && (j->order < last->order || (j->order == last->order &&
		    hx_strcmp(j->name, last->name) <= 0)))
			continue;
		if (best == NULL || j->order < best->order || (j->order == best->order &&
		    hx_strcmp(j->name, best->name) < 0))
			best = j;
	}
	return best;
}

HX_NORETURN void hx_main(const struct hx_boot_info *info)
{
	const struct hx_job *job = NULL;
	struct init_fault fault;

	hx_stack_guard_init(info);
	hx_boot_start(info);
	hx_panic_init();
	this_graph = (struct init_graph){
		.order = hx_init_order, .n_order = hx_init_order_len,
		.first = __start_hx_components, .last = __stop_hx_components,
	};
	if (HX_ENABLED(INIT_CHECK) && !init_order_is_good(&this_graph, &fault)) {
		refuse_order(&fault);
		hx_hal_exit(HX_EXIT_INIT_FAILED);
	}
	hx_boot_mark("order");
	tell_order(&this_graph);
	if (init_up(&this_graph) != 0)
		hx_hal_exit(HX_EXIT_INIT_FAILED);
	while ((job = next_job(job)) != NULL)
		job->run();
	hx_shutdown(HX_EXIT_OK);
}

HX_NORETURN void hx_shutdown(int exit_code)
{
	init_down(false);
	hx_hal_exit((enum hx_exit_code)exit_code);
}

HX_NORETURN void hx_restart(void)
{
	init_down(false);
	hx_hal_reboot();
}
