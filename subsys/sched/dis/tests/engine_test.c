// SPDX-License-Identifier: MIT
/* What intents come to: the engine's numbers, one by one. */
#include "hx_test.h"
#include "../templates_priv.h"

#define MS	HX_NS_PER_MS

static struct hx_thread thread;
static struct dis_thread d;
static struct hx_intent intent;

static int setup(void **state)
{
	memset(&thread, 0, sizeof(thread));
	memset(&d, 0, sizeof(d));
	thread.prio = HX_PRIO_DEFAULT;
	thread.intent = &intent;
	d.t = &thread;
	d.overlay.class = d.overlay.band = DIS_NONE;
	d.overlay.scale_percent = 100;
	hx_intent_init(&intent);
	return 0;
}

static const struct dis_params *engine(void)
{
	dis_engine(&d, &intent);
	return &d.p;
}

static void classes_have_their_slices_and_urgencies(void **state)
{
	static const struct { int urgency; uint64_t slice_ms; unsigned band; } want[] = {
		{ -50, 2, DIS_RT }, { -25, 4, DIS_RT }, { 0, 10, DIS_FAIR }, { 10, 20, DIS_FAIR },
		{ 50, 100, DIS_FAIR }, { 100, 200, DIS_FAIR }, { 127, 1000, DIS_IDLE },
		{ -100, 1, DIS_RT },
	};

	for (unsigned c = 0; c < HX_INTENT_CLASSES; c++) {
		intent.class = (uint8_t)c;
		assert_int_equal(engine()->class, c);
		assert_int_equal(d.p.urgency, want[c].urgency);
		assert_int_equal(d.p.slice_ns, want[c].slice_ms * MS);
		assert_int_equal(d.p.band, want[c].band);
		assert_int_equal(d.p.level, hx_prio_from(HX_PRIO_URGENCY, want[c].urgency));
	}
}

static void modifiers_move_the_urgency(void **state)
{
	intent.nice = 5;
	assert_int_equal(engine()->urgency, 20);
	intent.flags = HX_INTENT_LOW_LATENCY | HX_INTENT_IO_BOUND;
	assert_int_equal(engine()->urgency, 5);
	intent.flags = HX_INTENT_HIGH_THROUGHPUT;
	assert_int_equal(engine()->urgency, 30);
	intent.class = HX_INTENT_CRITICAL;
	intent.nice = -20;
	assert_int_equal(engine()->urgency, -100);	/* clamped */
	intent.class = HX_INTENT_IDLE;
	intent.nice = 19;
	assert_int_equal(engine()->urgency, 127);
}

static void nice_makes_nobody_real_time(void **state)
{
	intent.class = HX_INTENT_INTERACTIVE;
	intent.nice = -20;
	intent.flags = HX_INTENT_LOW_LATENCY;
	assert_int_equal(engine()->urgency, -50);
	assert_int_equal(d.p.level, 100);
	assert_int_equal(d.p.band, DIS_FAIR);
	intent.class = HX_INTENT_SOFT_REALTIME;
	intent.nice = 19;
	intent.flags = 0;
	assert_int_equal(engine()->level, 99);
	assert_int_equal(d.p.band, DIS_RT);
}

static void slice_is_half_the_latency_at_most(void **state)
{
	intent.class = HX_INTENT_INTERACTIVE;
	intent.latency = HX_LATENCY_TARGET;
	intent.latency_ns = 16 * MS;
	assert_int_equal(engine()->slice_ns, 8 * MS);
	intent.latency_ns = 30 * MS;
	assert_int_equal(engine()->slice_ns, 10 * MS);
	intent.latency_ns = 1000;
	assert_int_equal(engine()->slice_ns, DIS_SLICE_MIN_NS);
}

static void nice_scales_the_slice(void **state)
{
	static const struct { int nice; unsigned percent; } want[] = {
		{ -20, 200 }, { -1, 105 }, { 0, 100 }, { 1, 97 }, { 10, 70 }, { 19, 43 },
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(want); i++) {
		intent.nice = (int8_t)want[i].nice;
		assert_int_equal(engine()->slice_ns, 20 * MS * want[i].percent / 100);
	}
}

static void default_class_is_classified(void **state)
{
	static const struct { uint64_t latency_ms; uint32_t flags; unsigned class; } want[] = {
		{ 0, 0, HX_INTENT_SERVER },
		{ 5, 0, HX_INTENT_REALTIME }, { 49, 0, HX_INTENT_SOFT_REALTIME },
		{ 199, 0, HX_INTENT_INTERACTIVE }, { 200, 0, HX_INTENT_SERVER },
		{ 0, HX_INTENT_HIGH_THROUGHPUT | HX_INTENT_CPU_BOUND, HX_INTENT_BATCH },
		{ 0, HX_INTENT_HIGH_THROUGHPUT, HX_INTENT_SERVER },
		{ 0, HX_INTENT_COOPERATIVE, HX_INTENT_BACKGROUND },
		{ 0, HX_INTENT_HARD_DEADLINE, HX_INTENT_REALTIME },
		{ 0, HX_INTENT_SOFT_DEADLINE, HX_INTENT_SOFT_REALTIME },
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(want); i++) {
		hx_intent_init(&intent);
		intent.flags = want[i].flags;
		intent.latency = want[i].latency_ms != 0 ? HX_LATENCY_TARGET : HX_LATENCY_NONE;
		intent.latency_ns = want[i].latency_ms * MS;
		assert_int_equal(engine()->class, want[i].class);
	}
	intent.class = HX_INTENT_BATCH;		/* said so: stays */
	intent.latency = HX_LATENCY_TARGET;
	intent.latency_ns = MS;
	assert_int_equal(engine()->class, HX_INTENT_BATCH);
}

static void budgets_become_quotas(void **state)
{
	assert_int_equal(engine()->quota_ns, 0);
	intent.budget_kind = HX_BUDGET_PERCENT;
	intent.budget = 30;
	assert_int_equal(engine()->quota_ns, 30 * MS);
	assert_int_equal(d.p.period_ns, 100 * MS);
	intent.budget_kind = HX_BUDGET_QUOTA;
	intent.quota_ns = 2 * MS;
	intent.budget_period_ns = 10 * MS;
	assert_int_equal(engine()->quota_ns, 2 * MS);
	d.overlay.budget_percent = 10;		/* a rule's is tighter */
	assert_int_equal(engine()->quota_ns, 10 * MS);
	d.overlay.budget_percent = 50;		/* the intent's is */
	assert_int_equal(engine()->quota_ns, 2 * MS);
	intent.budget_kind = HX_BUDGET_SHARES;
	intent.budget = 2048;
	d.overlay.budget_percent = 0;
	assert_int_equal(engine()->quota_ns, 0);
	assert_int_equal(d.p.weight, 2048);
}

static void promise_counts_in_millionths(void **state)
{
	intent.class = HX_INTENT_REALTIME;
	intent.runtime_ns = 2 * MS;
	intent.deadline_ns = 5 * MS;
	intent.period_ns = 10 * MS;
	assert_int_equal(dis_promise_ppm(&intent), 400000);	/* until the deadline */
	thread.promised_ppm = 400000;
	assert_true(engine()->reserved);
	assert_int_equal(d.p.quota_ns, 2 * MS);
	assert_int_equal(d.p.request_ns, 5 * MS);
	intent.deadline_ns = intent.period_ns = HX_FOREVER / 2;	/* no overflow */
	assert_in_range(dis_promise_ppm(&intent), 1, 2);
	intent.class = HX_INTENT_BATCH;
	assert_int_equal(dis_promise_ppm(&intent), 0);
}

static void energy_preference_makes_longer_or_sooner_turns(void **state)
{
	uint64_t request = engine()->request_ns;

	intent.energy = HX_ENERGY_SAVING;
	assert_int_equal(engine()->slice_ns, 30 * MS);
	intent.energy = HX_ENERGY_MAX_SAVING;
	assert_int_equal(engine()->slice_ns, 40 * MS);
	intent.energy = HX_ENERGY_MAX_PERFORMANCE;
	assert_int_equal(engine()->request_ns, request / 2);
	intent.energy = HX_ENERGY_PERFORMANCE;
	assert_int_equal(engine()->request_ns, request * 3 / 4);
	intent.energy = HX_ENERGY_BALANCED;
	intent.flags = HX_INTENT_PERF_PREFER;
	assert_int_equal(engine()->request_ns, request / 2);
	intent.flags = HX_INTENT_POWER_PREFER;
	assert_int_equal(engine()->slice_ns, 30 * MS);
}

static void priority_of_the_thread_shifts_the_level(void **state)
{
	uint8_t level = engine()->level;
	uint32_t weight = d.p.weight;

	thread.prio = HX_PRIO_DEFAULT - 1;
	assert_int_equal(engine()->level, level - 1);
	assert_true(d.p.weight > weight);
	thread.prio = 50;			/* real time by priority */
	assert_int_equal(engine()->level, 50);
	assert_int_equal(d.p.band, DIS_RT);
}

static void templates_pass_their_own_validation(void **state)
{
	static const char *const names[] = {
		"audio", "video_60fps", "video_144fps", "ui", "webserver", "database",
		"compilation", "backup", "gc", "monitoring", "batch", "background",
	};
	const char *why = "";

	assert_int_equal(dis_n_templates, HX_ARRAY_LEN(names));
	for (size_t i = 0; i < HX_ARRAY_LEN(names); i++) {
		assert_int_equal(hx_intent_template(names[i], &intent), 0);
		if (hx_intent_check(&intent, &why) != 0)
			fail_msg("%s: %s", names[i], why);
		assert_int_equal(engine()->class, intent.class);
	}
	assert_int_equal(hx_intent_template("Audio", &intent), -HX_ENOENT);
	assert_int_equal(hx_intent_template("", &intent), -HX_ENOENT);
}

#define TEST(f)	cmocka_unit_test_setup(f, setup)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(classes_have_their_slices_and_urgencies),
		TEST(modifiers_move_the_urgency),
		TEST(nice_makes_nobody_real_time),
		TEST(slice_is_half_the_latency_at_most),
		TEST(nice_scales_the_slice),
		TEST(default_class_is_classified),
		TEST(budgets_become_quotas),
		TEST(promise_counts_in_millionths),
		TEST(energy_preference_makes_longer_or_sooner_turns),
		TEST(priority_of_the_thread_shifts_the_level),
		TEST(templates_pass_their_own_validation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
