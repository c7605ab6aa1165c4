// SPDX-License-Identifier: MIT
/*
 * Modules from the file to their end, with code that runs: loaded, refused, depended on, replaced;
 * and after each the heap, the frames and the name space are as before.
 */
#include "hx_test.h"
#include <hx/core/export.h>
#include <hx/core/fault.h>
#include <hx/core/frames.h>
#include <hx/core/heap.h>
#include <hx/core/irq_router.h>
#include <hx/core/panic.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>
#include <hx/hal/mem.h>
#include <hx/hal/timer.h>
#include <hx/vm/kva.h>

#include "hko_make.h"
#include "modules_priv.h"

HX_EXPORT(hx_strlen, 1);
HX_EXPORT(hx_sleep_ns, 1);
HX_EXPORT(memcpy, 1);

#define NEED(name_)	{ (name_), HKO_REQUIRED, 0, 0 }

static uint8_t file[MAKE_BYTES + HKO_SIGNATURE_BYTES] HX_ALIGNED(8);
static struct hko_why why;
static struct module *m;
static uint64_t heap_before;

static uint64_t heap_used(void)
{
	struct hx_heap_stats s;

	hx_heap_stats(&s);
	return s.used_bytes;
}

static void write_file(const char *path, const void *bytes, size_t n)
{
	struct hx_file f;

	assert_int_equal(hx_vfs_open(&f, path, HX_OPEN_WRITE | HX_OPEN_CREATE | HX_OPEN_TRUNC,
				     0644), 0);
	assert_int_equal(hx_vfs_write(&f, bytes, n), n);
	hx_vfs_close(&f);
}

static void write_module(const char *path, const struct make *k)
{
	write_file(path, file, make_file(file, k));
}

static int set_up(void **state)
{
	const struct hx_test_machine machine = {
		.mem_bytes = 64 << 20, .components = "modules",
		.cmdline = "helix.slot.heap=slab helix.slot.frames=buddy" };

	if (hx_test_machine_start(&machine) != 0 ||
	    hx_vfs_mount("ramfs", NULL, "/", 0, NULL) != 0 || hx_vfs_mkdir("/m", 0755) != 0)
		return -1;
	/* What is allocated for the first time stays: threads' own memory, the heap's. */
	write_module("/m/warm.hko", &(struct make){ .name = "warm", .init = MAKE_INIT_OK });
	if (module_load("/m/warm.hko", &why, &m) != 0 || module_unload("warm", &why) != 0)
		return -1;
	return hx_vfs_unlink("/m/warm.hko");
}

static int tear_down(void **state)
{
	if (modules_count() != 0 || hx_kva_bytes(HX_AREA_MODULES) != 0 ||
	    hx_kva_bytes(HX_AREA_HEAP) != 0)
		return -1;
	return hx_vfs_unmount("/") == 0 ? hx_test_machine_stop() : -1;
}

static void loads(const char *path)
{
	memset(&why, 0, sizeof(why));
	m = NULL;
	if (module_load(path, &why, &m) != 0)
		fail_msg("%s: %s", path, why.text);
	assert_int_equal(m->state, MODULE_RUNNING);
}

static void unloads(const char *name)
{
	memset(&why, 0, sizeof(why));
	if (module_unload(name, &why) != 0)
		fail_msg("%s: %s", name, why.text);
}

/* Refused with this error and these words, and nothing is left of it. */
static void refused(const char *path, int err, const char *words)
{
	uint64_t heap = heap_used(), area = hx_kva_bytes(HX_AREA_MODULES);
	unsigned n = modules_count();
	int got;

	memset(&why, 0, sizeof(why));
	got = module_load(path, &why, &m);
	if (got != err || strstr(why.text, words) == NULL)
		fail_msg("got %d \"%s\", not %d \"%s\"", got, why.text, err, words);
	assert_int_equal(modules_count(), n);
	assert_int_equal(heap_used(), heap);
	assert_int_equal(hx_kva_bytes(HX_AREA_MODULES), area);
	assert_int_equal(hx_kva_bytes(HX_AREA_HEAP), 0);
}

static void shows(const char *path, const char *words)
{
	char text[4096];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show(path, &out.text), 0);
	if (strstr(text, words) == NULL)
		fail_msg("%s: no \"%s\" in\n%s", path, words, text);
}

static void a_module_comes_and_goes(void **state)
{
	struct hx_name_stat st;
	struct hx_text_buf out;
	char text[64];

	write_module("/m/one.hko", &(struct make){ .node = "/test/one", .init = MAKE_INIT_OK });
	loads("/m/one.hko");
	shows("/modules/one/state", "state=running users=0");
	shows("/modules/one/info", "version=1.0.0");
	shows("/modules/one/info", "states=1,2");
	shows("/modules/status", "modules=1 ");
	shows("/modules/graph", "\"one\" [shape=box");
	/* Its own code answers. */
	hx_text_buf_init(&out, text, sizeof(text));
	assert_int_equal(hx_names_show("/test/one", &out.text), 0);
	hx_text_buf_init(&out, text, sizeof(text));
	hx_symbolize(&out.text, m->base + 5);
	assert_non_null(strstr(text, "first+0x5 [one]"));
	unloads("one");
	assert_int_equal(hx_names_stat("/test/one", &st), -HX_ENOENT);
	assert_int_equal(hx_names_stat("/modules/one/state", &st), -HX_ENOENT);
	assert_int_equal(module_unload("one", &why), -HX_ENOENT);
}

static void lines_that_a_module_forgot_are_given_back(void **state)
{
	static struct hx_irq_action action = { .name = "forgotten" };

	if (!HX_ENABLED(IRQ_ROUTER))
		skip();
	write_module("/m/one.hko", &(struct make){ .node = "/test/one", .init = MAKE_INIT_OK });
	loads("/m/one.hko");
	action.handler = (void (*)(void *))m->base;	/* a handler in its code */
	assert_int_equal(hx_irq_request(3, &action, "one", 0), 0);
	assert_false(hx_host_irq_is_masked(3));
	unloads("one");
	assert_true(hx_host_irq_is_masked(3));
}

/* As its code would have done it: something of each lies in the module. */
static void nodes_and_timers_that_a_module_forgot_are_taken_back(void **state)
{
	static struct hx_irq_action action = { .name = "forgotten" };
	static struct hx_node node = { .path = "/test/forgotten", .rights = HX_NODE_READ };
	static struct hx_timer timer;
	struct hx_name_stat st;

	write_module("/m/one.hko", &(struct make){ .node = "/test/one", .init = MAKE_INIT_OK });
	loads("/m/one.hko");
	node.help = (const char *)m->base;
	node.show = ((const struct hx_node *)m->lists[LIST_NODES].first[0])->show;
	assert_int_equal(hx_names_register(&node), 0);
	timer.fn = (void (*)(struct hx_timer *))m->base;
	hx_timer_start(&timer, hx_now_ns() + HX_NS_PER_S);
	action.handler = (void (*)(void *))m->base;
	assert_int_equal(hx_irq_attach(4, &action), 0);
	unloads("one");
	assert_int_equal(hx_names_stat("/test/forgotten", &st), -HX_ENOENT);
	assert_int_equal(hx_names_stat("/test", &st), -HX_ENOENT);
	assert_false(hx_timer_cancel(&timer));
	assert_true(hx_host_irq_is_masked(4));
}

static void what_does_not_fit_here_is_refused(void **state)
{
	struct make k = { .build = "x86_64-0" };
	uint8_t noise[512];

	refused("/m/nothing.hko", -HX_ENOENT, "detail=file");
	refused("relative", -HX_EINVAL, "detail=path");
	refused("/m", -HX_EINVAL, "detail=file-size");
	memset(noise, 0x5a, sizeof(noise));
	write_file("/m/noise.hko", noise, sizeof(noise));
	refused("/m/noise.hko", -HX_EBADMSG, "detail=no-module");
	write_module("/m/k.hko", &k);
	refused("/m/k.hko", -HX_EPROTO, "detail=build module=x86_64-0 kernel=");
	write_module("/m/k.hko", &(struct make){ .strlen_version = 2 });
	refused("/m/k.hko", -HX_EPROTO, "symbol-version symbol=hx_strlen module=2 kernel=1");
	write_module("/m/k.hko", &(struct make){ .cap = "nobodys" });
	if (HX_ENABLED(CAPS))
		refused("/m/k.hko", -HX_ENOENT, "detail=capability name=nobodys rights=0x1");
	else
		refused("/m/k.hko", -HX_ENOTSUP, "detail=capability name=nobodys");
	write_module("/m/k.hko", &(struct make){ .cap = "irq" });
	if (HX_ENABLED(CAPS) && HX_ENABLED(MODULES_SIGNATURES))
		refused("/m/k.hko", -HX_EACCES, "detail=capability-unsigned name=irq");
	write_module("/m/k.hko", &(struct make){ .name = "ctl" });
	refused("/m/k.hko", -HX_EINVAL, "detail=name name=ctl");
	write_module("/m/k.hko", &(struct make){ .bss_bytes = CONFIG_MODULES_KIB * 1024 });
	refused("/m/k.hko", -HX_ENOSPC, "detail=quota bytes=");
	write_module("/m/k.hko", &(struct make){ .node = "/modules/status" });
	refused("/m/k.hko", -HX_EEXIST, "detail=node path=/modules/status");
	write_module("/m/k.hko", &(struct make){ .node = "no-path" });
	refused("/m/k.hko", -HX_EINVAL, "detail=node");
	write_module("/m/k.hko", &(struct make){ .init = MAKE_INIT_FAILS });
	refused("/m/k.hko", -HX_EIO, "detail=init name=one error=EIO");
}

static void a_symbol_that_is_not_exported_is_named(void **state)
{
	uint32_t n = make_file(file, &(struct make){ .name = "one" });
	char *strings = (char *)file + make_section(file, S_STRTAB)->offset;
	struct hko_desc *d = make_desc(file);
	struct hko_import *in = (void *)((char *)d + d->imports);

	memcpy(strings + make_symbol(file, Y_STRLEN)->name, "hx_secret", 10);
	memcpy((char *)d + in[1].name, "hx_secret", 10);
	/* Ascending order: hx_secret, hx_sleep_ns, memcpy. */
	in[1].name ^= in[0].name;
	in[0].name ^= in[1].name;
	in[1].name ^= in[0].name;
	write_file("/m/s.hko", file, n);
	refused("/m/s.hko", -HX_ENOENT, "detail=symbol symbol=hx_secret");
}

static void a_list_entry_outside_is_refused(void **state)
{
	uint32_t n = make_file(file, &(struct make){ .node = "/test/x" });

	make_rela(file, S_RELA_NODES, 0)->addend = 1 << 30;
	write_file("/m/l.hko", file, n);
	refused("/m/l.hko", -HX_EBADMSG, "detail=list-entry section=hx_nodes index=0");
	n = make_file(file, &(struct make){ .node = "/test/x" });
	make_rela(file, S_RELA_NODES, 0)->addend = R_BYTES - 8;
	write_file("/m/l.hko", file, n);
	/* Inside the module's memory, but no path: the pointer there is 0. */
	refused("/m/l.hko", -HX_EBADMSG, "detail=list-entry");
	n = make_file(file, &(struct make){ .node = "/test/x" });
	memcpy(file + make_section(file, S_NAMES)->offset + make_section(file, S_NODES)->name,
	       "hx_zerbs", 9);
	write_file("/m/l.hko", file, n);
	refused("/m/l.hko", -HX_ENOTSUP, "detail=list-unknown section=hx_zerbs");
}

static void duplicates_and_too_many_are_refused(void **state)
{
	char path[32], name[16];

	write_module("/m/one.hko", &(struct make){ .name = "one" });
	loads("/m/one.hko");
	refused("/m/one.hko", -HX_EEXIST, "detail=duplicate name=one");
	unloads("one");
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		snprintf(path, sizeof(path), "/m/n%u.hko", i);
		write_module(path, &(struct make){ .name = name });
		loads(path);
	}
	refused("/m/one.hko", -HX_ENFILE, "detail=quota modules=33 max=32");
	for (unsigned i = 0; i < CONFIG_MODULES_MAX; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		unloads(name);
	}
}

static void needs_are_loaded_and_held(void **state)
{
	write_module("/m/a.hko", &(struct make){ .name = "a", .needs = {
		{ "b", HKO_REQUIRED, HKO_VERSION(1, 0, 0), HKO_VERSION(1, 9, 9) },
		{ "threads", HKO_REQUIRED, 0, 0 }, { "c", HKO_OPTIONAL, 0, 0 },
		{ "d", HKO_WEAK, 0, 0 } } });
	write_module("/m/b.hko", &(struct make){ .name = "b", .version = HKO_VERSION(1, 2, 0) });
	write_module("/m/d.hko", &(struct make){ .name = "d" });
	loads("/m/d.hko");
	loads("/m/a.hko");
	assert_int_equal(modules_count(), 3);
	shows("/modules/b/state", "users=1");
	shows("/modules/d/state", "users=0");
	shows("/modules/a/deps", "need=b kind=required min=1.0.0 max=1.9.9 by=b");
	shows("/modules/a/deps",
	      "need=threads kind=required min=0.0.0 max=65535.65535.65535 by=kernel");
	shows("/modules/graph", "\"a\" -> \"b\" [label=\"required\", style=solid]");
	assert_int_equal(module_unload("b", &why), -HX_EBUSY);
	assert_string_equal(why.text, "detail=in-use name=b users=1 by=a");
	unloads("d");		/* only a weak need */
	unloads("a");
	unloads("b");
}

static void a_missing_need_takes_back_what_came_for_it(void **state)
{
	write_module("/m/a.hko", &(struct make){ .name = "a", .needs = {
		{ "b", HKO_REQUIRED, 0, 0 }, { "gone", HKO_REQUIRED, HKO_VERSION(2, 0, 0), 0 } } });
	write_module("/m/b.hko", &(struct make){ .name = "b" });
	refused("/m/a.hko", -HX_ENOENT, "detail=need-missing need=gone min=2.0.0");
	write_module("/m/a.hko", &(struct make){ .name = "a", .needs = {
		{ "b", HKO_REQUIRED, HKO_VERSION(1, 5, 0), 0 } } });
	refused("/m/a.hko", -HX_ENOENT, "detail=need-missing need=b min=1.5.0");
	write_module("/m/a.hko", &(struct make){ .name = "a", .needs = {
		{ "b", HKO_REQUIRED, 0, 0 } }, .init = MAKE_INIT_FAILS });
	refused("/m/a.hko", -HX_EIO, "detail=init");
}

static void circles_are_named(void **state)
{
	write_module("/m/a.hko", &(struct make){ .name = "a", .needs = { NEED("b") } });
	write_module("/m/b.hko", &(struct make){ .name = "b", .needs = { NEED("c") } });
	write_module("/m/c.hko", &(struct make){ .name = "c", .needs = { NEED("b") } });
	refused("/m/c.hko", -HX_ELOOP, "detail=cycle path=c,b,c");
	refused("/m/a.hko", -HX_ELOOP, "detail=cycle path=b,c,b");
	/* By what they give as well. */
	write_module("/m/c.hko", &(struct make){ .name = "c", .gives = "g",
						 .needs = { NEED("b") } });
	write_module("/m/b.hko", &(struct make){ .name = "b", .needs = { NEED("g") } });
	refused("/m/c.hko", -HX_ELOOP, "detail=cycle path=c,b,c");
}

static void who_is_in_conflict_stays_out(void **state)
{
	write_module("/m/a.hko", &(struct make){ .name = "a", .needs = {
		{ "b", HKO_CONFLICT, 0, HKO_VERSION(1, 9, 0) } } });
	write_module("/m/b.hko", &(struct make){ .name = "b" });
	loads("/m/b.hko");
	refused("/m/a.hko", -HX_EEXIST, "detail=conflict with=b");
	unloads("b");
	loads("/m/a.hko");
	refused("/m/b.hko", -HX_EEXIST, "detail=conflict with=a");
	write_module("/m/b.hko", &(struct make){ .name = "b", .version = HKO_VERSION(2, 0, 0) });
	loads("/m/b.hko");
	unloads("a");
	unloads("b");
}

static void an_essential_one_stays(void **state)
{
	write_module("/m/e.hko", &(struct make){ .name = "e", .flags = HKO_ESSENTIAL });
	loads("/m/e.hko");
	assert_int_equal(module_unload("e", &why), -HX_EPERM);
	assert_int_equal(m->state, MODULE_RUNNING);
	((struct hko_desc *)m->desc)->flags = 0;	/* or this test could not end */
	unloads("e");
}

static void an_init_that_is_late_is_given_up(void **state)
{
	write_module("/m/slow.hko", &(struct make){ .name = "slow", .init = MAKE_INIT_SLOW,
						    .init_ms = 500 });
	assert_int_equal(module_load("/m/slow.hko", &why, &m), -HX_ETIMEDOUT);
	assert_string_equal(why.text, "detail=init-timeout name=slow ms=500");
	shows("/modules/slow/state", "state=error users=0 detail=init-timeout");
	assert_int_equal(module_unload("slow", &why), -HX_EBUSY);
	assert_string_equal(why.text, "detail=init-running name=slow");
	hx_sleep_ns(3 * HX_NS_PER_S);
	unloads("slow");
	write_module("/m/slow.hko", &(struct make){ .name = "slow", .init = MAKE_INIT_SLOW,
						    .init_ms = 5000 });
	loads("/m/slow.hko");
	assert_true(m->init_ns >= 2 * HX_NS_PER_S);
	unloads("slow");
}

static void a_module_is_replaced_or_comes_back(void **state)
{
	write_module("/m/v1.hko", &(struct make){ .name = "r", .node = "/test/r" });
	write_module("/m/v2.hko", &(struct make){ .name = "r", .node = "/test/r",
						  .version = HKO_VERSION(2, 0, 0) });
	write_module("/m/bad.hko", &(struct make){ .name = "r", .init = MAKE_INIT_FAILS });
	write_module("/m/other.hko", &(struct make){ .name = "other" });
	loads("/m/v1.hko");
	assert_int_equal(module_reload("r", "/m/v2.hko", &why), 0);
	shows("/modules/r/info", "version=2.0.0");
	assert_int_equal(module_reload("r", "/m/other.hko", &why), -HX_EINVAL);
	shows("/modules/r/info", "version=2.0.0");
	assert_int_equal(module_reload("r", "/m/bad.hko", &why), -HX_EIO);
	shows("/modules/r/info", "version=2.0.0");
	shows("/modules/r/state", "state=running");
	assert_int_equal(module_reload("x", "/m/v2.hko", &why), -HX_ENOENT);
	unloads("r");
}

static void lines_are_checked_whole(void **state)
{
	static const char *const wrong[] = { "", "load", "load /a /b", "unload", "unload a b",
					     "reload a", "reload a b c", "fly a", "  ", "pause" };
	char text[192];
	struct hx_text_buf ack;

	for (unsigned i = 0; i < HX_ARRAY_LEN(wrong); i++) {
		hx_text_buf_init(&ack, text, sizeof(text));
		assert_int_equal(hx_names_take("/modules/ctl", wrong[i], &ack.text), -HX_EINVAL);
		assert_non_null(strstr(text, "detail=usage"));
	}
	write_module("/m/one.hko", &(struct make){ .name = "one" });
	hx_text_buf_init(&ack, text, sizeof(text));
	assert_int_equal(hx_names_take("/modules/ctl", " load  /m/one.hko ", &ack.text), 0);
	assert_string_equal(text, "from=/m/one.hko");
	assert_int_equal(hx_names_take("/modules/ctl", "pause one", &ack.text), 0);
	shows("/modules/one/state", "state=paused");
	assert_int_equal(hx_names_take("/modules/ctl", "pause one", &ack.text), -HX_EBUSY);
	assert_int_equal(hx_names_take("/modules/ctl", "resume one", &ack.text), 0);
	assert_int_equal(hx_names_take("/modules/ctl", "unload one", &ack.text), 0);
}

/* ---- every state and event against the table */

static void may_not_happen(unsigned from, unsigned event)
{
	static struct module x;

	x = (struct module){ .name = "x", .state = from };
	assert_true(HX_TEST_ENDS(HX_TEST_BUG, module_event_name(event), module_step(&x, event)));
}

static void states_follow_the_table(void **state)
{
	unsigned n_legal = 0;

	for (unsigned s = 0; s < MODULE_STATES; s++) {
		for (unsigned e = 0; e < MODULE_EVENTS; e++) {
			enum module_state next;
			struct module x = { .name = "x", .state = s };

			if (module_state_next(s, e, &next)) {
				n_legal++;
				module_step(&x, e);
				assert_int_equal(x.state, next);
			} else {
				may_not_happen(s, e);
			}
		}
	}
	assert_int_equal(n_legal, module_n_steps);	/* no row twice */
}

static int load_and_unload(void)
{
	int err = module_load("/m/a.hko", &why, &m);

	if (err == 0)
		unloads("a");
	if (err == 0)
		unloads("b");
	return err;
}

static void each_failing_allocation_leaves_nothing(void **state)
{
	write_module("/m/a.hko", &(struct make){ .name = "a", .needs = { NEED("b") },
						 .node = "/test/a", .init = MAKE_INIT_OK });
	write_module("/m/b.hko", &(struct make){ .name = "b", .init = MAKE_INIT_OK });
	heap_before = heap_used();
	assert_true(HX_TEST_EACH_ALLOC_FAILS(load_and_unload) > 10);
	assert_int_equal(heap_used(), heap_before);
	assert_int_equal(modules_count(), 0);
	assert_int_equal(hx_kva_bytes(HX_AREA_MODULES), 0);
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_module_comes_and_goes), CASE(lines_that_a_module_forgot_are_given_back),
		CASE(nodes_and_timers_that_a_module_forgot_are_taken_back),
		CASE(what_does_not_fit_here_is_refused),
		CASE(a_symbol_that_is_not_exported_is_named), CASE(a_list_entry_outside_is_refused),
		CASE(duplicates_and_too_many_are_refused), CASE(needs_are_loaded_and_held),
		CASE(a_missing_need_takes_back_what_came_for_it), CASE(circles_are_named),
		CASE(who_is_in_conflict_stays_out), CASE(an_essential_one_stays),
		CASE(an_init_that_is_late_is_given_up), CASE(a_module_is_replaced_or_comes_back),
		CASE(lines_are_checked_whole), CASE(states_follow_the_table),
		CASE(each_failing_allocation_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
