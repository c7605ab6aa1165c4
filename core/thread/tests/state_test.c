// SPDX-License-Identifier: MIT
/*
 * The format of exported state: every change of it is seen, and docs/spec/state.md says what the
 * code does.
 */
#include "hx_test.h"

#include <stdio.h>
#include <unistd.h>

#include "../state_priv.h"

#define N	40u

static struct hx_sched_state_head head;
static struct hx_sched_record records[N], *order[N];

#define ALL	(HX_STATE_USED | HX_STATE_LAG | HX_STATE_BUDGET | HX_STATE_DEADLINE | \
		 HX_STATE_LEVEL | HX_STATE_REQUEST)
#define FEW	(HX_STATE_USED | HX_STATE_LAG | HX_STATE_LEVEL | HX_STATE_REQUEST)
#define FEW_BYTES	offsetof(struct hx_sched_state, budget_ns)

static int check(size_t n)
{
	return state_check(&head, order, n);
}

/* Of those fields. */
static void make(uint32_t has)
{
	uint64_t rnd = hx_test_seed();

	for (unsigned i = 0; i < N; i++) {
		uint8_t *bytes = (uint8_t *)&records[i].state;

		for (unsigned k = 0; k < sizeof(records[i].state); k++)
			bytes[k] = k < FEW_BYTES || has == ALL ? (uint8_t)hx_test_random(&rnd) : 0;
		records[i].state.has &= has;
		order[i] = &records[i];
	}
	state_head_init(&head);
	assert_int_equal(state_seal(&head, order, N, has), 0);
	assert_int_equal(head.n_records, N);
}

static void what_was_written_is_taken(void **state)
{
	make(ALL);
	assert_int_equal(check(N), 0);
	make(FEW);
	assert_int_equal(check(N), 0);
	assert_int_equal(state_seal(&head, order, 0, FEW), 0);
	assert_int_equal(check(0), 0);
}

static void another_version_is_said_to_be_one(void **state)
{
	make(ALL);
	head.version++;
	assert_int_equal(check(N), -HX_EPROTO);
	head.version -= 2;
	assert_int_equal(check(N), -HX_EPROTO);
}

/* In the head, and in those bytes of each record. */
static void all_bits_are_guarded(uint32_t has, size_t bytes)
{
	make(has);
	for (unsigned bit = 0; bit < 8 * sizeof(head); bit++) {
		((uint8_t *)&head)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(check(N), 0);
		((uint8_t *)&head)[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned i = 0; i < N; i++) {
		for (unsigned bit = 0; bit < 8 * bytes; bit++) {
			uint8_t *byte = (uint8_t *)&records[i].state + bit / 8;

			*byte ^= (uint8_t)(1u << bit % 8);
			assert_int_equal(check(N), -HX_EBADMSG);
			*byte ^= (uint8_t)(1u << bit % 8);
		}
	}
	assert_int_equal(check(N - 1), -HX_EBADMSG);
	assert_int_equal(check(N), 0);
}

static void every_bit_is_guarded(void **state)
{
	all_bits_are_guarded(ALL, sizeof(struct hx_sched_state));
}

static void of_few_fields_every_bit_of_theirs_is_guarded(void **state)
{
	all_bits_are_guarded(FEW, FEW_BYTES);
}

static void fields_that_nobody_should_have_are_seen(void **state)
{
	make(FEW);
	records[N / 2].state.has |= HX_STATE_BUDGET;
	assert_int_equal(state_seal(&head, order, N, FEW), -HX_EBADMSG);
	assert_int_equal(state_seal(&head, order, N, FEW | HX_STATE_BUDGET), 0);
}

static void two_records_do_not_change_places(void **state)
{
	make(ALL);
	order[0] = &records[1];
	order[1] = &records[0];
	assert_int_equal(check(N), -HX_EBADMSG);
}

/* docs/spec/state.md, from the folder of this program upwards. */
static FILE *open_page(void)
{
	char path[1024];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - 64);
	FILE *f = NULL;

	assert_true(n > 0);
	path[n] = '\0';
	while (f == NULL && strrchr(path, '/') != NULL) {
		*strrchr(path, '/') = '\0';
		strcat(path, "/docs/spec/state.md");
		f = fopen(path, "r");
		path[strlen(path) - strlen("/docs/spec/state.md")] = '\0';
	}
	return f;
}

static void says(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("docs/spec/state.md lacks: %s", line);
}

static const struct { const char *name; unsigned at, bytes; } members[] = {
#define MEMBER(m)	{ #m, offsetof(struct hx_sched_state, m), \
			  sizeof(((struct hx_sched_state *)0)->m) }
	MEMBER(has), MEMBER(level), MEMBER(used_ns), MEMBER(request_ns), MEMBER(lag_ns),
	MEMBER(budget_ns), MEMBER(period_end_ns), MEMBER(deadline_ns),
};

static void the_page_says_what_the_code_does(void **state)
{
	static char text[16384];
	char line[128];
	FILE *f = open_page();
	size_t n;

	if (f == NULL)
		skip();	/* the program was taken away from the tree */
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	state_head_init(&head);
	snprintf(line, sizeof(line), "| 0 | 4 | magic | 0x%08x,", head.magic);
	says(text, line);
	snprintf(line, sizeof(line), "| 4 | 2 | version | %u |", head.version);
	says(text, line);
	snprintf(line, sizeof(line), "| 6 | 2 | head_bytes | %u |", head.head_bytes);
	says(text, line);
	snprintf(line, sizeof(line), "| 8 | 2 | record_bytes | %u |", head.record_bytes);
	says(text, line);
	snprintf(line, sizeof(line), "| 10 | 2 | n_fields | %u |", head.n_fields);
	says(text, line);
	says(text, "| 16 | 4 | has |");
	says(text, "| 20 | 4 | sum_words |");
	assert_int_equal(offsetof(struct hx_sched_state_head, has), 16);
	assert_int_equal(offsetof(struct hx_sched_state_head, sum_words), 20);
	for (unsigned i = 0; i < HX_SCHED_STATE_FIELDS; i++) {
		const struct hx_sched_state_field *d = &head.fields[i];

		assert_int_equal(d->at, members[i].at);
		assert_int_equal(d->bytes, members[i].bytes);
		snprintf(line, sizeof(line), "| %u | %u | %s | %u | %u |", d->at, d->bytes,
			 members[i].name, d->has, d->kind);
		says(text, line);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_taken),
		cmocka_unit_test(another_version_is_said_to_be_one),
		cmocka_unit_test(every_bit_is_guarded),
		cmocka_unit_test(of_few_fields_every_bit_of_theirs_is_guarded),
		cmocka_unit_test(fields_that_nobody_should_have_are_seen),
		cmocka_unit_test(two_records_do_not_change_places),
		cmocka_unit_test(the_page_says_what_the_code_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
