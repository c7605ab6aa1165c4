/* SPDX-License-Identifier: MIT */
/* Capabilities, one behaviour each. */
#include "hx_test.h"
#include <hx/core/heap.h>
#include <hx/core/names.h>

#include "caps_priv.h"

#define RW	(HX_CAP_READ | HX_CAP_WRITE)
#define RWG	(RW | HX_CAP_DELEGATE)

struct file {
	struct hx_cap_object object;
	unsigned n_released;
};

static struct file file;
static struct hx_cap_table a, b, transit;

static void file_release(struct hx_cap_object *o)
{
	HX_CONTAINER_OF(o, struct file, object)->n_released++;
}

static int setup(void **state)
{
	hx_test_machine_usual(16 * HX_MIB);
	hx_test_start("caps");
	file.n_released = 0;
	hx_cap_object_init(&file.object, HX_CAP_FILE, file_release);
	hx_cap_table_init(&a, "a", 1000, 0);
	hx_cap_table_init(&b, "b", 1000, 0);
	hx_cap_table_init(&transit, NULL, 16, HX_CAP_TABLE_TRANSIT);
	return 0;
}

static int teardown(void **state)
{
	hx_cap_table_fini(&a);
	hx_cap_table_fini(&b);
	hx_cap_table_fini(&transit);
	assert_int_equal(file.object.n_refs, file.object.is_ended ? 0 : 1);
	assert_null(file.object.roots);
	hx_test_machine_end();
	return 0;
}

static int check(struct hx_cap_table *t, hx_cap_t cap, uint32_t rights)
{
	struct hx_cap_object *o = NULL;
	int err;

	hx_read_begin();
	err = hx_cap_check(t, cap, HX_CAP_FILE, rights, &o);
	hx_read_end();
	assert_true((err == 0) == (o == &file.object));
	return err;
}

static hx_cap_t created(struct hx_cap_table *t, uint32_t rights)
{
	hx_cap_t cap = HX_CAP_NONE;

	assert_int_equal(hx_cap_create(t, &file.object, rights, HX_FOREVER, &cap), 0);
	return cap;
}

static hx_cap_t derived(struct hx_cap_table *from, hx_cap_t cap, struct hx_cap_table *to,
			uint32_t rights)
{
	hx_cap_t out = HX_CAP_NONE;

	assert_int_equal(hx_cap_derive(from, cap, to, rights, HX_FOREVER, &out), 0);
	return out;
}

static void a_check_tells_what_is_missing(void **state)
{
	struct hx_cap_object *o = NULL;
	hx_cap_t cap = created(&a, RW);

	assert_int_equal(check(&a, cap, RW), 0);
	assert_int_equal(check(&a, cap, 0), 0);
	assert_int_equal(check(&a, cap, HX_CAP_EXECUTE), -HX_EACCES);
	assert_int_equal(check(&a, cap, RW | HX_CAP_ADMIN), -HX_EACCES);
	assert_int_equal(hx_cap_check(&a, cap, HX_CAP_CHANNEL, HX_CAP_READ, &o), -HX_EINVAL);
	assert_int_equal(check(&a, HX_CAP_NONE, 0), -HX_EBADF);
	assert_int_equal(check(&a, cap + 1, 0), -HX_EBADF);
	assert_int_equal(check(&a, cap + ((hx_cap_t)1 << 32), 0), -HX_EBADF);
	assert_int_equal(check(&a, cap + 16, 0), -HX_EBADF);
	assert_int_equal(check(&b, cap, 0), -HX_EBADF);
	assert_int_equal(check(&transit, UINT64_MAX, 0), -HX_EBADF);
}

static void an_object_lives_as_long_as_what_refers_to_it(void **state)
{
	struct hx_cap_object *o = NULL;
	hx_cap_t cap = created(&a, RW);

	assert_int_equal(hx_cap_get(&a, cap, HX_CAP_FILE, HX_CAP_READ, &o), 0);
	hx_cap_object_end(&file.object);
	assert_int_equal(check(&a, cap, HX_CAP_READ), -HX_EBADF);
	assert_int_equal(hx_cap_get(&a, cap, HX_CAP_FILE, HX_CAP_READ, &o), -HX_EBADF);
	assert_int_equal(hx_cap_create(&a, &file.object, RW, HX_FOREVER, &cap), -HX_EBADF);
	assert_int_equal(file.n_released, 0);
	hx_cap_object_put(o);
	assert_int_equal(file.n_released, 1);
}

static void deriving_removes_only(void **state)
{
	hx_cap_t cap = created(&a, RWG), copy = derived(&a, cap, &b, RW), out = 77;

	assert_int_equal(check(&b, copy, RW), 0);
	assert_int_equal(check(&b, copy, HX_CAP_DELEGATE), -HX_EACCES);
	assert_int_equal(hx_cap_derive(&b, copy, &b, RWG, HX_FOREVER, &out), -HX_EACCES);
	assert_int_equal(hx_cap_derive(&b, copy, &a, HX_CAP_READ, HX_FOREVER, &out), -HX_EACCES);
	assert_int_equal(hx_cap_derive(&b, copy, &b, 0, HX_FOREVER, &out), -HX_EINVAL);
	assert_int_equal(hx_cap_derive(&b, copy, &b, 0x100, HX_FOREVER, &out), -HX_EINVAL);
	assert_int_equal(hx_cap_derive(&b, copy + 1, &b, HX_CAP_READ, HX_FOREVER, &out), -HX_EBADF);
	assert_int_equal(out, 77);
	derived(&b, copy, &b, HX_CAP_READ);
}

static void what_expires_takes_its_children_along(void **state)
{
	hx_ns_t at = hx_now_ns() + HX_NS_PER_S;
	hx_cap_t cap, child, out;
	struct hx_cap_info info;

	assert_int_equal(hx_cap_create(&a, &file.object, RWG, at, &cap), 0);
	assert_int_equal(hx_cap_derive(&a, cap, &b, RW, HX_FOREVER, &child), 0);
	assert_int_equal(hx_cap_info(&b, child, &info), 0);
	assert_int_equal(info.expires_ns, at);
	assert_int_equal(check(&b, child, RW), 0);
	assert_int_equal(check(&b, child, HX_CAP_ADMIN), -HX_EACCES);
	hx_host_advance_ns(HX_NS_PER_S);
	assert_int_equal(check(&a, cap, RW), -HX_ETIMEDOUT);
	assert_int_equal(check(&b, child, RW), -HX_ETIMEDOUT);
	assert_int_equal(hx_cap_derive(&a, cap, &a, RW, HX_FOREVER, &out), -HX_ETIMEDOUT);
	assert_int_equal(hx_cap_move(&a, cap, &b, &out), -HX_ETIMEDOUT);
	assert_int_equal(hx_cap_drop(&a, cap), 0);
}

static void dropping_keeps_what_was_derived(void **state)
{
	hx_cap_t cap = created(&a, RWG), mid = derived(&a, cap, &b, RWG),
		 leaf = derived(&b, mid, &a, RW);

	assert_int_equal(hx_cap_drop(&b, mid), 0);
	assert_int_equal(hx_cap_drop(&b, mid), -HX_EBADF);
	assert_int_equal(check(&b, mid, 0), -HX_EBADF);
	assert_int_equal(check(&a, leaf, RW), 0);
	assert_int_equal(hx_cap_recall(&a, cap), 0);
	assert_int_equal(check(&a, leaf, RW), -HX_EBADF);
	assert_int_equal(check(&a, cap, RWG), 0);
	assert_null(file.object.roots->first_child);
}

static void a_handle_is_never_used_twice(void **state)
{
	hx_cap_t seen[64];

	for (unsigned i = 0; i < HX_ARRAY_LEN(seen); i++) {
		seen[i] = created(&a, RW);
		for (unsigned k = 0; k < i; k++) {
			assert_true(seen[k] != seen[i]);
			assert_int_equal(check(&a, seen[k], 0), -HX_EBADF);
		}
		assert_int_equal(hx_cap_drop(&a, seen[i]), 0);
	}
}

static void a_slot_without_generations_retires(void **state)
{
	hx_cap_t cap = created(&a, RW), other;
	uint32_t idx = (uint32_t)cap;

	assert_int_equal(hx_cap_drop(&a, cap), 0);
	a.slots[idx].generation = UINT32_MAX;
	cap = created(&a, RW);
	assert_int_equal(cap, (hx_cap_t)UINT32_MAX << 32 | idx);
	assert_int_equal(hx_cap_drop(&a, cap), 0);
	assert_int_equal(a.n_retired, 1);
	for (unsigned i = 0; i < 40; i++) {
		other = created(&a, RW);
		assert_int_not_equal((uint32_t)other, idx);
	}
	assert_int_equal(check(&a, cap, 0), -HX_EBADF);
}

static void a_table_has_a_limit(void **state)
{
	hx_cap_t cap = created(&a, RWG), out, one = HX_CAP_NONE;

	for (unsigned i = 0; i < 16; i++)
		one = derived(&a, cap, &transit, RW);
	assert_int_equal(hx_cap_derive(&a, cap, &transit, RW, HX_FOREVER, &out), -HX_ENFILE);
	assert_int_equal(hx_cap_move(&a, cap, &transit, &out), -HX_ENFILE);
	assert_int_equal(hx_cap_create(&transit, &file.object, RW, HX_FOREVER, &out), -HX_ENFILE);
	assert_int_equal(hx_cap_drop(&transit, one), 0);
	derived(&a, cap, &transit, RW);
}

static void moving_needs_delegate_but_out_of_transit(void **state)
{
	hx_cap_t cap = created(&a, RWG), out = 0, sent;

	sent = derived(&a, cap, &transit, RW);
	assert_int_equal(hx_cap_move(&transit, sent, &b, &out), 0);
	assert_int_equal(check(&transit, sent, 0), -HX_EBADF);
	assert_int_equal(check(&b, out, RW), 0);
	assert_int_equal(hx_cap_move(&b, out, &a, &sent), -HX_EACCES);
	/* Revoked on the way: it does not arrive. */
	sent = derived(&a, cap, &transit, RW);
	assert_int_equal(hx_cap_recall(&a, cap), 0);
	assert_int_equal(hx_cap_move(&transit, sent, &b, &out), -HX_EBADF);
	assert_int_equal(check(&b, out, RW), -HX_EBADF);
	assert_int_equal(transit.n_used, 0);
	/* The thing itself. */
	assert_int_equal(hx_cap_move(&a, cap, &b, &out), 0);
	assert_int_equal(check(&a, cap, 0), -HX_EBADF);
	assert_int_equal(check(&b, out, RWG), 0);
}

static void derivation_has_a_depth(void **state)
{
	hx_cap_t cap = created(&a, RW), out;

	for (unsigned i = 0; i < HX_CAP_DEPTH_MAX; i++)
		cap = derived(&a, cap, &a, RW);
	assert_int_equal(hx_cap_derive(&a, cap, &a, RW, HX_FOREVER, &out), -HX_ELOOP);
}

static void exclusive_lends(void **state)
{
	const uint32_t all = RWG | HX_CAP_EXCLUSIVE;
	hx_cap_t cap = created(&a, all), one, two, out;
	struct hx_cap_info info;

	assert_int_equal(hx_cap_create(&b, &file.object, RW, HX_FOREVER, &out), -HX_EBUSY);
	assert_int_equal(check(&a, cap, RW), 0);
	/* To one, whole. */
	one = derived(&a, cap, &b, all);
	assert_int_equal(check(&a, cap, RW), -HX_EBUSY);
	assert_int_equal(check(&b, one, RW), 0);
	assert_int_equal(hx_cap_derive(&a, cap, &b, RW, HX_FOREVER, &out), -HX_EBUSY);
	assert_int_equal(hx_cap_info(&a, cap, &info), 0);
	assert_true(info.is_lent);
	assert_int_equal(hx_cap_drop(&b, one), 0);
	assert_int_equal(check(&a, cap, RW), 0);
	/* To many, shared. */
	one = derived(&a, cap, &b, RW);
	two = derived(&a, cap, &b, HX_CAP_READ);
	assert_int_equal(hx_cap_derive(&a, cap, &b, all, HX_FOREVER, &out), -HX_EBUSY);
	assert_int_equal(hx_cap_drop(&b, one), 0);
	assert_int_equal(check(&a, cap, RW), -HX_EBUSY);
	assert_int_equal(check(&b, two, HX_CAP_READ), 0);
	assert_int_equal(hx_cap_recall(&a, cap), 0);
	assert_int_equal(check(&a, cap, RW), 0);
	assert_int_equal(hx_cap_drop(&a, cap), 0);
	/* Not of what is shared already. */
	cap = created(&a, RW);
	assert_int_equal(hx_cap_create(&b, &file.object, all, HX_FOREVER, &out), -HX_EBUSY);
}

#define MANY	(3 * CONFIG_CAPS_STEP)

static void nothing_resolves_from_the_first_step_on(void **state)
{
	hx_cap_t cap = created(&a, RWG), mid = derived(&a, cap, &b, RWG), leaf[MANY], out, other;
	struct hx_cap_revocation r, again;
	unsigned n_steps = 1;

	other = derived(&a, cap, &b, RW);
	for (unsigned i = 0; i < MANY; i++)
		leaf[i] = derived(&b, mid, &b, RW);
	assert_int_equal(hx_cap_recall_start(&b, mid, &r), 0);
	for (unsigned i = 0; i < MANY; i++) {
		assert_int_equal(check(&b, leaf[i], 0), -HX_EBADF);
		assert_int_equal(hx_cap_derive(&b, leaf[i], &b, RW, HX_FOREVER, &out), -HX_EBADF);
		assert_int_equal(hx_cap_drop(&b, leaf[i]), -HX_EBADF);
	}
	assert_int_equal(check(&b, mid, RWG), 0);
	assert_int_equal(check(&b, other, RW), 0);
	assert_int_equal(hx_cap_derive(&b, mid, &b, RW, HX_FOREVER, &out), -HX_EAGAIN);
	/* Meanwhile the top goes as well, and so does everything. */
	assert_true(hx_cap_revoke_step(&r));
	assert_int_equal(hx_cap_revoke_start(&a, cap, &again), 0);
	assert_int_equal(check(&b, mid, 0), -HX_EBADF);
	assert_int_equal(check(&b, other, 0), -HX_EBADF);
	while (hx_cap_revoke_step(&again))
		n_steps++;
	assert_true(n_steps >= 2);
	while (hx_cap_revoke_step(&r))
		;
	assert_int_equal(r.n_gone + again.n_gone, MANY + 3);
	assert_int_equal(a.n_used + b.n_used, 0);
	assert_int_equal(file.object.state, HX_CAP_FILE);
	assert_int_equal(file.object.n_cuts, 0);
}

static void all_of_an_object_goes_at_once(void **state)
{
	hx_cap_t cap[5], out;

	for (unsigned i = 0; i < 5; i++)
		cap[i] = created(i % 2 ? &a : &b, RWG);
	out = derived(&b, cap[0], &a, RW);
	hx_cap_object_revoke(&file.object);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(check(i % 2 ? &a : &b, cap[i], 0), -HX_EBADF);
	assert_int_equal(check(&a, out, 0), -HX_EBADF);
	created(&a, RW);
}

static struct hx_text_buf text;
static char bytes[64 * 1024];

static const char *shown(const char *path)
{
	hx_text_buf_init(&text, bytes, sizeof(bytes));
	assert_int_equal(hx_names_show(path, &text.text), 0);
	return bytes;
}

static void the_node_shows_and_takes(void **state)
{
	hx_cap_t cap = created(&a, RWG), child = derived(&a, cap, &b, RW);
	char line[64];

	assert_non_null(strstr(shown("/caps/a"), "holder=a used=1 limit=1000 denied=0\n"));
	snprintf(line, sizeof(line), "cap=0x%llx type=file rights=rw----g- depth=0 lent=0\n",
		 (unsigned long long)cap);
	assert_non_null(strstr(bytes, line));
	assert_non_null(strstr(shown("/caps/kernel"), "holder=kernel used=0"));
	hx_text_buf_init(&text, bytes, sizeof(bytes));
	assert_int_equal(hx_names_take("/caps/a", "recall", &text.text), -HX_EINVAL);
	assert_int_equal(hx_names_take("/caps/a", "recall 5 6", &text.text), -HX_EINVAL);
	assert_int_equal(hx_names_take("/caps/a", "recall 5", &text.text), -HX_EBADF);
	assert_int_equal(check(&b, child, RW), 0);
	snprintf(line, sizeof(line), "recall 0x%llx", (unsigned long long)cap);
	hx_text_buf_init(&text, bytes, sizeof(bytes));
	assert_int_equal(hx_names_take("/caps/a", line, &text.text), 0);
	assert_string_equal(bytes, "revoked=1");
	assert_int_equal(check(&b, child, RW), -HX_EBADF);
}

/* The log is older than this test. */
static const char *last_of(const char *s, const char *words)
{
	const char *found = NULL;

	while ((s = strstr(s, words)) != NULL)
		found = s++;
	assert_non_null(found);
	return found;
}

static void the_audit_log_has_it_in_order(void **state)
{
	hx_cap_t cap = created(&a, RWG);

	derived(&a, cap, &b, RW);
	assert_int_equal(check(&a, cap, HX_CAP_ADMIN), -HX_EACCES);
	assert_int_equal(check(&a, cap, HX_CAP_ADMIN), -HX_EACCES);	/* counted, not logged */
	assert_int_equal(a.n_denied, 2);
	assert_int_equal(hx_cap_revoke(&a, cap), 0);
	shown("/log/audit");
	const char *grant = last_of(bytes, "who=a node=/caps/a result=0 line=grant"),
		   *derive = strstr(grant, "who=b node=/caps/b result=0 line=derive"),
		   *deny = strstr(grant, "who=a node=/caps/a result=-13 line=deny"),
		   *revoke = strstr(grant, "who=a node=/caps/a result=0 line=revoke");
	assert_true(grant < derive && derive < deny && deny < revoke);
	assert_null(strstr(strstr(deny, "line=deny") + 1, "line=deny"));
}

/* Create, derive, move, with whatever is in the way; undone by the caller. */
static int everything(void)
{
	struct hx_cap_table c, d;
	hx_cap_t cap, out;
	int err;

	hx_cap_table_init(&c, NULL, 100, 0);
	hx_cap_table_init(&d, NULL, 100, 0);
	err = hx_cap_create(&c, &file.object, RWG, HX_FOREVER, &cap);
	for (unsigned i = 0; err == 0 && i < 20; i++)
		err = hx_cap_derive(&c, cap, &c, RW, HX_FOREVER, &out);
	if (err == 0)
		err = hx_cap_move(&c, cap, &d, &out);
	hx_cap_table_fini(&c);
	hx_cap_table_fini(&d);
	assert_int_equal(file.object.n_refs, 1);
	assert_null(file.object.roots);
	return err;
}

static void every_allocation_may_fail(void **state)
{
	HX_TEST_EACH_ALLOC_FAILS(everything);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		CASE(a_check_tells_what_is_missing),
		CASE(an_object_lives_as_long_as_what_refers_to_it),
		CASE(deriving_removes_only),
		CASE(what_expires_takes_its_children_along),
		CASE(dropping_keeps_what_was_derived),
		CASE(a_handle_is_never_used_twice),
		CASE(a_slot_without_generations_retires),
		CASE(a_table_has_a_limit),
		CASE(moving_needs_delegate_but_out_of_transit),
		CASE(derivation_has_a_depth),
		CASE(exclusive_lends),
		CASE(nothing_resolves_from_the_first_step_on),
		CASE(all_of_an_object_goes_at_once),
		CASE(the_node_shows_and_takes),
		CASE(the_audit_log_has_it_in_order),
		CASE(every_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
