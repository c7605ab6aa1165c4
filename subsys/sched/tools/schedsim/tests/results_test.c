// SPDX-License-Identifier: MIT
/*
 * docs/scheduling-results.md says what the schedulers do on the shipped workloads. Its table must
 * be what they do now: the rows are read, run again, and compared byte by byte. After a change:
 *
 *	make sched-results
 */
#include "sim_test.h"

#define RESULTS	HX_TOP "/docs/scheduling-results.md"

static char *table;		/* what stands in the document */
static const struct hx_sched_ops *ops[16];
static struct workload *workloads[16];
static unsigned n_ops, n_workloads;

static int read_table(void **state)
{
	static const char begin[] = "<!-- schedsim -->\n", end[] = "<!-- end -->";
	FILE *f = fopen(RESULTS, "r");
	char *text = NULL, *from, *to;
	size_t len = 0;

	if (f == NULL || getdelim(&text, &len, '\0', f) < 0) {
		print_error("%s cannot be read\n", RESULTS);
		return -1;
	}
	fclose(f);
	from = strstr(text, begin);
	to = from != NULL ? strstr(from, end) : NULL;
	if (to == NULL) {
		print_error("%s has no lines <!-- schedsim --> and <!-- end -->\n", RESULTS);
		return -1;
	}
	from += sizeof(begin) - 1;
	table = strndup(from, (size_t)(to - from));
	free(text);
	return 0;
}

static int free_table(void **state)
{
	while (n_workloads > 0)
		workload_free(workloads[--n_workloads]);
	free(table);
	return 0;
}

/* False: there is no such scheduler in this tree. */
static bool add_ops(const char *name)
{
	const struct hx_sched_ops *found = sched_named(name);

	for (unsigned i = 0; i < n_ops; i++) {
		if (ops[i] == found)
			return true;
	}
	assert_true(n_ops < HX_ARRAY_LEN(ops));
	if (found != NULL)
		ops[n_ops++] = found;
	return found != NULL;
}

static void add_workload(const char *name)
{
	char path[512], error[WL_ERROR_MAX] = "";

	if (n_workloads > 0 && strcmp(workloads[n_workloads - 1]->name, name) == 0)
		return;
	assert_true(n_workloads < HX_ARRAY_LEN(workloads));
	snprintf(path, sizeof(path), "%s/workloads/%s.wl", SCHEDSIM_DIR, name);
	if (workload_load(path, &workloads[n_workloads], error) != 0)
		fail_msg("%s", error);
	n_workloads++;
}

/* A row's words; false: the line is none. */
static bool row_of(const char *line, char workload[32], char name[32])
{
	return sscanf(line, "| %31[a-z_] | %31[a-z_] |", workload, name) == 2 &&
	       strcmp(workload, "workload") != 0;
}

static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end != NULL ? end + 1 : line + strlen(line);
}

/* Rows of schedulers that somebody took out of the tree are passed over. */
static void the_table_is_what_the_schedulers_do(void **state)
{
	char *now = NULL, workload[32], name[32];
	const char *line, *want;
	unsigned n_wrong = 0;
	struct compare_options o = { .ops = ops, .workloads = workloads, .n_seeds = SEEDS_SHOWN };
	size_t len;
	FILE *f;

	for (line = table; *line != '\0'; line = next_line(line)) {
		if (row_of(line, workload, name) && add_ops(name))
			add_workload(workload);
	}
	assert_true(n_workloads >= 10 && n_ops >= 2);
	f = open_memstream(&now, &len);
	o.n_ops = n_ops;
	o.n_workloads = n_workloads;
	assert_int_equal(compare(&o, f), 0);
	fclose(f);
	for (line = table, want = now; *line != '\0'; line = next_line(line)) {
		size_t n = (size_t)(next_line(line) - line);

		if (row_of(line, workload, name) && sched_named(name) == NULL)
			continue;
		if (strncmp(line, want, n) != 0 && n_wrong++ < 3)
			print_error("%s is not up to date (make sched-results):\n%.*sis now\n%.*s",
				    RESULTS, (int)n, line, (int)(next_line(want) - want), want);
		want = next_line(want);
	}
	n_wrong += *want != '\0';
	free(now);
	assert_int_equal(n_wrong, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_what_the_schedulers_do),
	};

	return cmocka_run_group_tests(tests, read_table, free_table);
}
