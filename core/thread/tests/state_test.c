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
static struct hx_sched_state records[N];

static void make(void)
{
	uint64_t rnd = hx_test_seed();

	for (unsigned i = 0; i < sizeof(records); i++)
		((uint8_t *)records)[i] = (uint8_t)hx_test_random(&rnd);
	state_head_init(&head);
	head.n_records = N;
	for (unsigned i = 0; i < N; i++)
		state_sum(&head, &records[i]);
}

static void what_was_written_is_taken(void **state)
{
	make();
	assert_int_equal(state_check(&head, records, sizeof(records[0]), N), 0);
	state_head_init(&head);
	assert_int_equal(state_check(&head, records, sizeof(records[0]), 0), 0);
}

static void another_version_is_said_to_be_one(void **state)
{
	make();
	head.version++;
	assert_int_equal(state_check(&head, records, sizeof(records[0]), N), -HX_EPROTO);
	head.version -= 2;
	assert_int_equal(state_check(&head, records, sizeof(records[0]), N), -HX_EPROTO);
}

static void every_bit_is_guarded(void **state)
{
	make();
	for (unsigned bit = 0; bit < 8 * sizeof(head); bit++) {
		((uint8_t *)&head)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_not_equal(state_check(&head, records, sizeof(records[0]), N), 0);
		((uint8_t *)&head)[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (unsigned bit = 0; bit < 8 * sizeof(records); bit++) {
		((uint8_t *)records)[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(state_check(&head, records, sizeof(records[0]), N), -HX_EBADMSG);
		((uint8_t *)records)[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	assert_int_equal(state_check(&head, records, sizeof(records[0]), N - 1), -HX_EBADMSG);
	assert_int_equal(state_check(&head, records, sizeof(records[0]), N), 0);
}

static void two_records_do_not_change_places(void **state)
{
	struct hx_sched_state first;

	make();
	first = records[0];
	records[0] = records[1];
	records[1] = first;
	assert_int_equal(state_check(&head, records, sizeof(records[0]), N), -HX_EBADMSG);
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
		cmocka_unit_test(two_records_do_not_change_places),
		cmocka_unit_test(the_page_says_what_the_code_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
