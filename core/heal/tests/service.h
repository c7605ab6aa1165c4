/* SPDX-License-Identifier: MIT */
/* What tests of the healer share: a machine with the healer up, and a component that can be ill. */
#ifndef HX_HEAL_SERVICE_H
#define HX_HEAL_SERVICE_H

#include "hx_test.h"

#include <hx/core/thread.h>

#include "../heal_priv.h"

/* A service with a counter that must survive, and faults that a test turns on. */
struct service {
	struct hx_healed h;
	uint32_t value;
	enum hx_health health;
	int restart_result, fall_back_result;
	bool hangs, save_hangs, restart_heals;
	unsigned n_checks, n_restarts, n_fall_backs, n_isolates;
	size_t state_bytes;
};

static bool let_go;

static inline void hang(void)
{
	while (!let_go)
		hx_sleep_ns(HX_NS_PER_MS);
}

static inline enum hx_health service_check(void *arg)
{
	struct service *s = arg;

	s->n_checks++;
	if (s->hangs)
		hang();
	return s->health;
}

static inline int service_save(void *arg, void *buf, size_t size)
{
	struct service *s = arg;

	if (s->save_hangs)
		hang();
	assert_true(size >= sizeof(s->value));
	memcpy(buf, &s->value, sizeof(s->value));
	return sizeof(s->value);
}

static inline int service_restart(void *arg, const void *state, size_t n_bytes)
{
	struct service *s = arg;

	s->n_restarts++;
	s->state_bytes = n_bytes;
	if (s->restart_result != 0)
		return s->restart_result;
	s->value = 0;
	if (n_bytes == sizeof(s->value))
		memcpy(&s->value, state, n_bytes);
	if (s->restart_heals)
		s->health = HX_HEALTHY;
	return 0;
}

static inline int service_fall_back(void *arg)
{
	struct service *s = arg;

	s->n_fall_backs++;
	if (s->fall_back_result == 0)
		s->health = HX_HEALTHY;
	return s->fall_back_result;
}

static inline int service_isolate(void *arg)
{
	((struct service *)arg)->n_isolates++;
	return 0;
}

static const struct hx_healed_ops all_ops = {
	.check = service_check, .save = service_save, .restart = service_restart,
	.fall_back = service_fall_back, .isolate = service_isolate,
};

static struct service one;

static inline void prepare(const struct hx_healed_ops *ops)
{
	one = (struct service){
		.h = { .name = "one", .ops = ops, .arg = &one, .policy = HX_HEAL_RESTART,
		       .fails_as = HX_FAILURE_CRASH, .state_bytes = 16 },
		.health = HX_HEALTHY, .restart_heals = true,
	};
	assert_int_equal(hx_heal_register(&one.h), 0);
}

static inline int setup(void **state)
{
	struct hx_failure f;

	while (hx_failure_take(&f))
		;
	let_go = false;
	hx_test_machine_with(&(struct hx_host_params){
		.mem_bytes = 32 * HX_MIB,
		.cmdline = "helix.slot.scheduler=rr helix.slot.heap=slab" });
	hx_test_start("heal");
	return 0;
}

static inline void rounds(unsigned n)
{
	hx_sleep_ns(n * CONFIG_HEAL_PERIOD_MS * HX_NS_PER_MS);
}

static inline struct hx_heal_record last_record(void)
{
	struct hx_heal_record r = { .seq = heal_n_records() - 1 };

	assert_true(hx_heal_next(r.seq, &r));
	return r;
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, hx_test_machine_teardown)

#endif
