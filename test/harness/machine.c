/* SPDX-License-Identifier: MIT */
/*
 * A machine for a test: the host machine, and the kernel's components brought up on it by their own
 * init functions. Which ones is the test's choice; the order is found here, by phase and by what
 * each needs, over the components that are linked into the test.
 */
#include "hx_test.h"
#include <hx/core/init.h>
#include <hx/hal/percpu.h>

#define COMPONENTS_MAX	64u
#define WORD_MAX	48u
#define DEFAULT_BYTES	((size_t)64 << 20)

static const struct hx_component *up[COMPONENTS_MAX];
static unsigned n_up;

/* Take the next word of a list; false at its end. A trailing '?' is cut off and told. */
static bool next_word(const char **list, char word[WORD_MAX], bool *optional)
{
	const char *p = *list;
	size_t len;

	if (p == NULL)
		return false;
	p += strspn(p, " ");
	len = strcspn(p, " ");
	if (len == 0 || len >= WORD_MAX)
		return false;
	*list = p + len;
	*optional = p[len - 1] == '?';
	len -= *optional;
	memcpy(word, p, len);
	word[len] = '\0';
	return true;
}

static bool gives(const struct hx_component *c, const char *word)
{
	const char *list = c->gives;
	char given[WORD_MAX];
	bool optional;

	if (strcmp(c->name, word) == 0)
		return true;
	while (next_word(&list, given, &optional))
		if (strcmp(given, word) == 0)
			return true;
	return false;
}

static const struct hx_component *giver(const char *word)
{
	const struct hx_component *const *it;

	HX_SECTION_FOREACH(it, hx_components)
		if (gives(*it, word))
			return *it;
	return NULL;
}

static bool is_up(const struct hx_component *c)
{
	for (unsigned i = 0; i < n_up; i++)
		if (up[i] == c)
			return true;
	return false;
}

/* Up after everything it needs. depth ends a circle. */
static int bring_up(const struct hx_component *c, unsigned depth)
{
	const char *needs = c->needs;
	char word[WORD_MAX];
	bool optional;
	int err;

	if (is_up(c))
		return 0;
	if (depth > COMPONENTS_MAX || n_up == COMPONENTS_MAX) {
		print_error("component %s: needs run in a circle, or too many\n", c->name);
		return -HX_ELOOP;
	}
	while (next_word(&needs, word, &optional)) {
		const struct hx_component *other = giver(word);

		if (other == NULL && !optional) {
			print_error("component %s needs \"%s\", which no linked room gives: "
				    "name the room in test_uses\n", c->name, word);
			return -HX_ENOENT;
		}
		err = other != NULL && other->phase <= c->phase ? bring_up(other, depth + 1) : 0;
		if (err != 0)
			return err;
	}
	err = c->init != NULL ? c->init() : 0;
	if (err != 0)
		print_error("component %s: init returned %d\n", c->name, err);
	else
		up[n_up++] = c;
	return err;
}

/* Runtime and late components bring devices and prompts; a test names those it wants. */
static int bring_up_all(void)
{
	const struct hx_component *const *it;
	int err = 0;

	for (uint32_t phase = HX_PHASE_BOOT; phase <= HX_PHASE_CORE; phase++)
		HX_SECTION_FOREACH(it, hx_components)
			if ((*it)->phase == phase && err == 0)
				err = bring_up(*it, 0);
	return err;
}

static int bring_up_named(const char *names)
{
	char word[WORD_MAX];
	bool optional;
	int err = 0;

	while (err == 0 && next_word(&names, word, &optional)) {
		const struct hx_component *c = giver(word);

		if (c == NULL)
			print_error("no linked room gives \"%s\"\n", word);
		err = c != NULL ? bring_up(c, 0) : -HX_ENOENT;
	}
	return err;
}

static void take_down(void)
{
	while (n_up > 0) {
		const struct hx_component *c = up[--n_up];

		if (c->shutdown != NULL)
			c->shutdown();
	}
}

/* Nothing is held, masked or nested. */
static bool is_in_order(const struct hx_host_cpu *host, const struct hx_percpu *cpu)
{
	return host->irq_on && host->save_depth == 0 && cpu->preempt_off == 0 &&
	       cpu->irq_depth == 0 && cpu->locks_held == 0;
}

static int switch_on(const struct hx_host_params *params)
{
	const struct hx_boot_info *info;
	int err;

	/* A test that failed before it switched off must not take the next ones with it. What it
	 * brought up remembers pages of a machine that is about to vanish: down with it, unless the
	 * test holds a lock or the like, with which that could not end. */
	if (is_in_order(&hx_host_cpu, hx_percpu()))
		take_down();
	n_up = 0;
	hx_host_stop();
	err = hx_host_start(params, &info);
	if (err != 0)
		print_error("the host machine does not start: %d\n", err);
	else
		hx_boot_start(info);
	return err;
}

static int bring_up_these(const char *components)
{
	int err = components != NULL ? bring_up_named(components) : bring_up_all();

	if (err == 0) {
		hx_irq_enable();
		return 0;
	}
	take_down();
	hx_host_stop();
	return err;
}

int hx_test_machine_start(const struct hx_test_machine *m)
{
	struct hx_host_params params = {
		.mem_bytes = m->mem_bytes != 0 ? m->mem_bytes : DEFAULT_BYTES,
		.holes = m->holes, .n_holes = m->n_holes, .cmdline = m->cmdline,
		.seed = hx_test_seed(),
	};
	int err = switch_on(&params);

	if (err != 0)
		return err;
	if (!m->real_time)
		hx_host_time_virtual();
	return bring_up_these(m->components);
}

int hx_test_machine_stop(void)
{
	struct hx_host_cpu host = hx_host_cpu;
	struct hx_percpu cpu = *hx_percpu();

	take_down();
	hx_host_stop();
	if (is_in_order(&host, &cpu))
		return 0;
	print_error("left behind: interrupts %s, %u saves open, preemption off %u times, "
		    "interrupt depth %u, locks held %#x\n", host.irq_on ? "on" : "off",
		    host.save_depth, cpu.preempt_off, cpu.irq_depth, cpu.locks_held);
	return -HX_EBUSY;
}

void hx_test_machine_with(const struct hx_host_params *params)
{
	int err = switch_on(params);

	if (err != 0)
		fail_msg("the host machine does not start: %d", err);
	hx_host_time_virtual();
}

void hx_test_machine(size_t mem_bytes)
{
	hx_test_machine_with(&(struct hx_host_params){ .mem_bytes = mem_bytes,
						       .seed = hx_test_seed() });
}

void hx_test_machine_usual(size_t mem_bytes)
{
	const struct hx_host_params params = {
		.mem_bytes = mem_bytes, .cmdline = "helix.slot.heap=slab helix.slot.frames=buddy",
	};

	hx_test_machine_with(&params);
}

void hx_test_start(const char *components)
{
	int err = bring_up_these(components);

	if (err != 0)
		fail_msg("components do not come up: %d", err);
}

void hx_test_machine_end(void)
{
	if (hx_test_machine_stop() != 0)
		fail_msg("the machine was left in disorder");
}

int hx_test_machine_setup(void **state)
{
	return hx_test_machine_start(&(struct hx_test_machine){ .mem_bytes = DEFAULT_BYTES });
}

int hx_test_machine_teardown(void **state)
{
	return hx_test_machine_stop();
}
