// SPDX-License-Identifier: MIT
/*
 * Random requests, releases, interrupts and passing time against a model that keeps plain arrays:
 * who has what, who was called how often, and which line is paused until when.
 */
#include "hx_test.h"
#include <hx/core/irq_router.h>
#include <hx/hal/irq.h>

#include "irq_router_priv.h"

#define LINES	4u
#define DEVICES	6u
#define STEPS	200000u
#define LIMIT	((hx_ns_t)CONFIG_IRQ_STORM_UNCLAIMED)

static struct device {
	struct hx_irq_action action;
	bool denies;
	uint64_t called;
	/* The model's: */
	int line;		/* -1: none */
	uint32_t want;
	uint64_t expected;
} dev[DEVICES];

static struct {
	bool is_paused, level, was_set;
	hx_ns_t since, pause_ns, opened, until;
	uint64_t unclaimed;
} model[LINES];

static void on_interrupt(void *arg)
{
	struct device *d = arg;

	d->called++;
	if (d->denies)
		hx_irq_not_mine();
}

static unsigned users(unsigned line)
{
	unsigned n = 0;

	for (unsigned i = 0; i < DEVICES; i++)
		n += dev[i].line == (int)line;
	return n;
}

static int model_request(unsigned line, struct device *d, uint32_t want)
{
	bool busy = false;

	if ((want & HX_IRQ_EDGE) && (want & HX_IRQ_LEVEL))
		return -HX_EINVAL;
	if (d->line == (int)line)
		return -HX_EEXIST;
	for (unsigned i = 0; i < DEVICES; i++)
		busy |= dev[i].line == (int)line && !(dev[i].want & want & HX_IRQ_SHARED);
	if (users(line) > 0 && (want & (model[line].level ? HX_IRQ_EDGE : HX_IRQ_LEVEL)))
		busy = true;
	return busy ? -HX_EBUSY : 0;
}

static void step_request(uint64_t *seed, hx_ns_t now)
{
	struct device *d = &dev[hx_test_random_below(seed, DEVICES)];
	unsigned line = (unsigned)hx_test_random_below(seed, LINES);
	uint32_t want = (uint32_t)hx_test_random_below(seed, 8) |
			(hx_test_random_below(seed, 4) != 0 ? HX_IRQ_SHARED : 0);
	int expected = model_request(line, d, want), err;

	if (d->line >= 0 && d->line != (int)line)
		return;		/* one line for each in this model */
	err = hx_irq_request(line, &d->action, "model", want);
	assert_int_equal(err, expected);
	if (err != 0)
		return;
	if (users(line) == 0) {
		memset(&model[line], 0, sizeof(model[line]));
		model[line].level = (want & HX_IRQ_LEVEL) != 0;
		model[line].since = now;
		model[line].opened = now;
	}
	d->line = (int)line;
	d->want = want;
	d->called = 0;
	d->expected = 0;
}

static void step_release(uint64_t *seed)
{
	struct device *d = &dev[hx_test_random_below(seed, DEVICES)];

	if (d->line < 0)
		return;
	if (hx_test_random_below(seed, 2) == 0)
		hx_irq_release((uint32_t)d->line, &d->action);
	else
		assert_int_equal(hx_irq_release_memory((uintptr_t)d, sizeof(*d)), 1);
	d->line = -1;
}

static void model_unclaimed(unsigned line, hx_ns_t now)
{
	if (now - model[line].since >= IRQ_WINDOW_NS) {
		model[line].since = now;
		model[line].unclaimed = 0;
	}
	if (++model[line].unclaimed < LIMIT)
		return;
	if (model[line].pause_ns == 0 || now - model[line].opened >= IRQ_RELAPSE_NS)
		model[line].pause_ns = IRQ_PAUSE_FIRST_NS;
	else
		model[line].pause_ns = hx_min_u64(2 * model[line].pause_ns, IRQ_PAUSE_MAX_NS);
	model[line].is_paused = true;
	model[line].until = now + model[line].pause_ns;
}

/* One interrupt, if the line lets it through. */
static void model_interrupt(unsigned line, hx_ns_t now)
{
	bool claimed = false;

	for (unsigned i = 0; i < DEVICES; i++) {
		if (dev[i].line != (int)line)
			continue;
		dev[i].expected++;
		claimed |= !dev[i].denies;
	}
	if (!claimed)
		model_unclaimed(line, now);
}

static void step_interrupts(uint64_t *seed, hx_ns_t now)
{
	unsigned line = (unsigned)hx_test_random_below(seed, LINES);
	uint64_t n = hx_test_random_below(seed, 40);

	/* While it is masked the host keeps one pending, which no real edge is. */
	while (n-- > 0 && users(line) > 0 && !model[line].is_paused) {
		hx_host_irq_raise(line);
		model_interrupt(line, now);
	}
}

/* A pause ends at a tick at or after its time; an edge line is then looked at once. */
static void step_time(uint64_t *seed)
{
	uint64_t scale = hx_test_random_below(seed, 3);
	hx_ns_t by = hx_test_random_below(seed, scale == 0 ? HX_NS_PER_MS :
					  scale == 1 ? IRQ_WINDOW_NS : 2 * IRQ_RELAPSE_NS);

	hx_host_advance_ns(by);
	for (unsigned line = 0; line < LINES; line++) {
		struct irq_line l;

		if (users(line) == 0 || !model[line].is_paused)
			continue;
		assert_true(router_line(line, &l));
		if (l.is_paused) {	/* not before a tick behind its end */
			assert_true(hx_now_ns() < model[line].until + 20 * HX_NS_PER_MS);
			continue;
		}
		assert_true(l.opened_ns >= model[line].until);
		model[line].is_paused = false;
		model[line].opened = l.opened_ns;
		model[line].since = l.opened_ns;
		model[line].unclaimed = 0;
		if (!model[line].level)
			model_interrupt(line, l.opened_ns);
	}
}

static void check(void)
{
	struct irq_line l;

	for (unsigned i = 0; i < DEVICES; i++) {
		assert_int_equal(dev[i].called, dev[i].expected);
		if (dev[i].line >= 0)
			assert_int_equal(dev[i].action.count, dev[i].expected);
	}
	for (unsigned line = 0; line < LINES; line++) {
		assert_int_equal(router_line(line, &l), users(line) > 0);
		assert_int_equal(hx_host_irq_is_masked(line),
				 users(line) == 0 || model[line].is_paused);
		if (users(line) == 0) {
			assert_false(hx_irq_line_is_level(line));
			continue;
		}
		assert_int_equal(hx_irq_line_is_level(line), model[line].level);
		assert_int_equal(l.is_paused, model[line].is_paused);
		assert_int_equal(l.unclaimed, model[line].unclaimed);
		assert_int_equal(l.pause_ns, model[line].pause_ns);
	}
}

static void random_use_agrees_with_a_model(void **state)
{
	uint64_t seed = hx_test_seed();
	unsigned n_storms = 0;

	for (unsigned i = 0; i < DEVICES; i++)
		dev[i] = (struct device){ .line = -1, .action = { .name = "device",
					  .handler = on_interrupt, .arg = &dev[i] } };
	for (unsigned step = 0; step < STEPS; step++) {
		unsigned paused = 0, before = 0;

		for (unsigned line = 0; line < LINES; line++)
			before += users(line) > 0 && model[line].is_paused;
		switch (hx_test_random_below(&seed, 16)) {
		case 0:
			step_request(&seed, hx_now_ns());
			break;
		case 1:
			if (hx_test_random_below(&seed, 12) == 0)
				step_release(&seed);
			break;
		case 2:
			if (hx_test_random_below(&seed, 8) == 0)
				step_time(&seed);
			break;
		case 3: {
			struct device *d = &dev[hx_test_random_below(&seed, DEVICES)];

			d->denies = hx_test_random_below(&seed, 8) != 0;
			break;
		}
		default:
			step_interrupts(&seed, hx_now_ns());
		}
		check();
		for (unsigned line = 0; line < LINES; line++)
			paused += users(line) > 0 && model[line].is_paused;
		n_storms += paused > before;
	}
	for (unsigned i = 0; i < DEVICES; i++)
		if (dev[i].line >= 0)
			hx_irq_release((uint32_t)dev[i].line, &dev[i].action);
	print_message("# %u storms in %u steps\n", n_storms, STEPS);
	assert_true(n_storms > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_use_agrees_with_a_model,
						hx_test_machine_setup, hx_test_machine_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
