/* SPDX-License-Identifier: MIT */
/* I/O bandwidth of holders, one behaviour each; time is virtual and passes while threads wait. */
#include "hx_test.h"
#include <hx/core/console_dev.h>
#include <hx/core/names.h>
#include <hx/core/resources_io.h>
#include <hx/core/string.h>

#include "bucket.h"
#include "resources_priv.h"

#define IO	HX_RES_IO
#define PAGE	4096u
#define RATE	65536u
#define K	1000u

static struct hx_res_holder top, a, b;
static unsigned n_told;
static uint64_t told_of;

static void over(struct hx_res_holder *h, enum hx_res_kind kind, uint64_t rate)
{
	assert_int_equal(kind, IO);
	n_told++;
	told_of = rate;
}

static int setup(void **state)
{
	hx_test_machine_usual(16 * HX_MIB);
	hx_test_start("threads");
	hx_test_start("resources");
	n_told = 0;
	assert_int_equal(hx_res_holder_init(&top, "top", NULL), 0);
	assert_int_equal(hx_res_holder_init(&a, "a", &top), 0);
	assert_int_equal(hx_res_holder_init(&b, "b", &top), 0);
	return 0;
}

/* After every test: nobody pays any more, and nothing is promised. */
static int teardown(void **state)
{
	assert_int_equal(hx_res_check(), 0);
	assert_int_equal(hx_res_holder_end(&b), 0);
	assert_int_equal(hx_res_holder_end(&a), 0);
	assert_int_equal(top.accounts[IO].charged, 0);
	assert_int_equal(hx_res_holder_end(&top), 0);
	assert_int_equal(hx_res_n_leaked(), 0);
	assert_int_equal(hx_res_n_payers_, 0);
	hx_test_machine_end();
	return 0;
}

static void limit(struct hx_res_holder *h, uint64_t soft, uint64_t hard)
{
	assert_int_equal(hx_res_limit(h, IO, soft, hard), 0);
}

/* The calling thread moves n bytes as a read or write would. */
static int move(size_t n)
{
	struct hx_res_io_pass p;
	int err;

	if (!hx_res_io_is_metered())
		return 0;
	err = hx_res_io_begin(&p, &n);
	if (err == 0)
		hx_res_io_settle(&p, (hx_ssize_t)n);
	return err;
}

/* value is want, give or take a hundredth. */
static void assert_about(uint64_t value, uint64_t want)
{
	assert_in_range(value, want - want / 100, want + want / 100);
}

static void a_rate_is_kept(void **state)
{
	hx_ns_t began = hx_now_ns(), ns;
	struct hx_res_io io;

	limit(&a, HX_RES_NONE, RATE);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	for (unsigned i = 0; i < 1600; i++)
		assert_int_equal(move(PAGE), 0);
	ns = hx_now_ns() - began;
	assert_about(1600ull * PAGE * HX_NS_PER_S / ns, RATE);
	assert_int_equal(a.meter.n_bytes, 1600 * PAGE);
	assert_int_equal(top.meter.n_bytes, 1600 * PAGE);
	assert_true(a.meter.n_waits > 1500 && top.meter.n_waits == 0);
	assert_about(a.meter.waited_ns, ns);
	hx_res_io_end(&io);
	began = hx_now_ns();
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(move(RATE), 0);
	assert_true(hx_now_ns() - began < HX_NS_PER_MS);
	assert_int_equal(a.meter.n_bytes, 1600 * PAGE);
}

static void who_was_idle_may_be_fast_for_a_moment(void **state)
{
	struct hx_res_io io;
	hx_ns_t began;

	limit(&a, HX_RES_NONE, 100 * RATE);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	for (unsigned round = 0; round < 3; round++) {
		began = hx_now_ns();
		for (unsigned i = 0; i < 10 * RATE / PAGE; i++)		/* a tenth of a second's */
			assert_int_equal(move(PAGE), 0);
		assert_true(hx_now_ns() - began < HX_NS_PER_MS);
		assert_int_equal(move(RATE), 0);			/* that is lent */
		assert_int_equal(move(1), 0);
		assert_true(hx_now_ns() - began >= 9 * HX_NS_PER_MS);
		hx_sleep_ns(HX_NS_PER_S);
	}
	hx_res_io_end(&io);
}

static void requests_are_cut_to_a_second_and_not_below_a_page(void **state)
{
	struct hx_res_io_pass p;
	struct hx_res_io io;
	size_t n = SIZE_MAX;

	limit(&a, HX_RES_NONE, 2 * RATE);
	limit(&top, HX_RES_NONE, RATE);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	assert_int_equal(hx_res_io_begin(&p, &n), 0);
	assert_int_equal(n, RATE);
	hx_res_io_settle(&p, -HX_EIO);				/* nothing was moved */
	assert_int_equal(a.meter.n_bytes, 0);
	n = 10;
	assert_int_equal(hx_res_io_begin(&p, &n), 0);
	assert_int_equal(n, 10);
	hx_res_io_settle(&p, 4);
	assert_int_equal(a.meter.n_bytes, 4);
	assert_int_equal(a.meter.n_waits, 0);
	limit(&a, HX_RES_NONE, 1);
	n = SIZE_MAX;
	assert_int_equal(hx_res_io_begin(&p, &n), 0);
	assert_int_equal(n, PAGE);
	hx_res_io_settle(&p, (hx_ssize_t)n);
	assert_int_equal(move(PAGE), 0);			/* that is lent */
	assert_int_equal(move(1), -HX_EAGAIN);			/* for an hour */
	assert_int_equal(a.meter.n_again, 1);
	limit(&a, HX_RES_NONE, HX_RES_NONE);
	assert_int_equal(move(1), 0);
	limit(&a, HX_RES_NONE, 0);
	assert_int_equal(move(1), -HX_EAGAIN);
	hx_res_io_end(&io);
}

static void who_may_not_sleep_is_refused(void **state)
{
	struct hx_res_io io;
	hx_irqflags_t flags;

	limit(&a, HX_RES_NONE, RATE);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	flags = hx_irq_save();
	assert_int_equal(move(RATE / 2), 0);			/* its turn is now */
	assert_int_equal(move(1), -HX_EAGAIN);
	hx_res_io_pay(1000);					/* nobody's */
	hx_irq_restore(flags);
	assert_int_equal(a.meter.n_bytes, RATE / 2);
	assert_int_equal(a.meter.n_again, 1);
	assert_int_equal(move(1), 0);
	assert_int_equal(a.meter.n_waits, 1);
	hx_res_io_end(&io);
}

static void what_cannot_be_refused_waits_so_long_and_no_longer(void **state)
{
	hx_ns_t began = hx_now_ns();
	struct hx_res_io io;

	limit(&a, HX_RES_NONE, RATE);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	hx_res_io_pay(3 * RATE);				/* in pieces */
	assert_in_range(hx_now_ns() - began, 18 * HX_NS_PER_S / 10, 2 * HX_NS_PER_S);
	assert_int_equal(a.meter.n_bytes, 3 * RATE);
	limit(&a, HX_RES_NONE, 0);
	began = hx_now_ns();
	hx_res_io_pay(1);
	assert_in_range(hx_now_ns() - began, HX_RES_IO_WAIT_NS, HX_RES_IO_WAIT_NS + HX_NS_PER_S);
	hx_res_io_end(&io);
	hx_res_io_pay(RATE);					/* pays for nobody */
}

static void io_inside_of_io_is_charged_once(void **state)
{
	struct hx_res_io_pass p;
	struct hx_res_io io;
	size_t n = 100;

	limit(&a, HX_RES_NONE, RATE);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	assert_int_equal(hx_res_io_begin(&p, &n), 0);
	assert_int_equal(move(RATE), 0);
	hx_res_io_pay(RATE);
	hx_res_io_settle(&p, 100);
	assert_int_equal(a.meter.n_bytes, 100);
	assert_int_equal(a.meter.n_waits, 0);
	hx_res_io_end(&io);
}

static size_t n_written;

static void device_write(struct hx_console_dev *d, const char *bytes, size_t n)
{
	n_written += n;
}

static hx_ssize_t device_read(struct hx_console_dev *d, char *bytes, size_t n, hx_ns_t timeout_ns)
{
	return timeout_ns == 0 ? -HX_ETIMEDOUT : (hx_ssize_t)n;
}

static void a_terminal_is_slower_and_loses_nothing(void **state)
{
	struct hx_console_dev d = { .name = "t", .write = device_write, .read = device_read };
	hx_ns_t began = hx_now_ns();
	struct hx_res_io io;
	char line[1024];

	memset(line, 'x', sizeof(line));
	limit(&a, HX_RES_NONE, 8192);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	n_written = 0;
	for (unsigned i = 0; i < 40; i++)
		hx_console_dev_write(&d, line, sizeof(line));
	assert_int_equal(n_written, 40 * 1024);
	assert_in_range(hx_now_ns() - began, 35 * HX_NS_PER_S / 8, 5 * HX_NS_PER_S);
	began = hx_now_ns();
	for (unsigned i = 0; i < 40; i++)
		assert_int_equal(hx_console_dev_read(&d, line, sizeof(line), 1), sizeof(line));
	assert_int_equal(hx_console_dev_read(&d, line, sizeof(line), 0), -HX_ETIMEDOUT);
	assert_in_range(hx_now_ns() - began, 39 * HX_NS_PER_S / 8, 6 * HX_NS_PER_S);
	assert_int_equal(a.meter.n_bytes, 80 * 1024);
	hx_res_io_end(&io);
	began = hx_now_ns();
	hx_console_dev_write(&d, line, sizeof(line));
	assert_true(hx_now_ns() - began < HX_NS_PER_MS);
}

/* ---- several threads */

static struct mover {
	struct hx_res_holder *h;
	struct hx_res_io io;
	hx_ns_t until;
	uint64_t n_bytes, n_again;
} movers[3];

static int mover_fn(void *arg)
{
	struct mover *m = arg;

	while (hx_now_ns() < m->until) {
		if (move(PAGE) == 0)
			m->n_bytes += PAGE;
		else
			m->n_again++;
		hx_sleep_ns(HX_NS_PER_MS);
	}
	return 0;
}

/* Each mover for its holder with its promise, all for so long. */
static void run(unsigned n, const uint64_t *promises, hx_ns_t ns)
{
	struct hx_thread_params p = { .name = "mover", .fn = mover_fn, .prio = HX_PRIO_DEFAULT };
	struct hx_thread *threads[3];

	for (unsigned i = 0; i < n; i++) {
		movers[i].until = hx_now_ns() + ns;
		movers[i].n_bytes = movers[i].n_again = 0;
		p.arg = &movers[i];
		assert_int_equal(hx_thread_create(&p, &threads[i]), 0);
		assert_int_equal(hx_res_io_promise(movers[i].h, &movers[i].io, threads[i],
						   promises[i]), 0);
	}
	hx_sleep_ns(ns + 2 * HX_NS_PER_S);
	for (unsigned i = 0; i < n; i++) {
		hx_res_io_end(&movers[i].io);
		assert_int_equal(hx_thread_join(threads[i], HX_FOREVER, NULL), 0);
		assert_int_equal(movers[i].n_again, 0);
	}
}

static void all_below_share_what_the_one_above_has(void **state)
{
	static const uint64_t none[3];

	limit(&top, HX_RES_NONE, 4 * RATE);
	limit(&b, HX_RES_NONE, RATE);
	movers[0].h = movers[1].h = &a;
	movers[2].h = &b;
	run(3, none, 60 * HX_NS_PER_S);
	assert_about(top.meter.n_bytes, 60 * 4 * RATE);
	assert_true(b.meter.n_bytes <= 60 * RATE + RATE / 10 + 2 * PAGE);
	/* First come, first served: two threads of one holder get the same. */
	assert_about(movers[0].n_bytes, movers[1].n_bytes);
	assert_true(movers[2].n_bytes > 0);
}

static void a_promise_is_kept_whatever_others_want(void **state)
{
	const uint64_t promises[3] = { 600 * K, 0, 0 };

	limit(&top, HX_RES_NONE, 1000 * K);
	movers[0].h = &a;
	movers[1].h = movers[2].h = &b;
	run(3, promises, 60 * HX_NS_PER_S);
	assert_true(movers[0].n_bytes >= 60ull * 594 * K);
	assert_true(top.meter.n_bytes <= 60ull * 1010 * K);
	/* The rest is for all, who was promised something among them. */
	assert_true(b.meter.n_bytes <= 60ull * 404 * K);
}

static void a_promise_counts_for_who_is_below(void **state)
{
	static const uint64_t none[3];
	struct hx_res_holder low;

	limit(&top, HX_RES_NONE, 100 * K);
	assert_int_equal(hx_res_holder_init(&low, "low", &a), 0);
	assert_int_equal(hx_res_take(&a, IO, 90 * K), 0);	/* by whatever way it was made */
	movers[0].h = &low;
	movers[1].h = &b;
	run(2, none, 60 * HX_NS_PER_S);
	assert_true(movers[0].n_bytes >= 60ull * 89 * K);
	assert_true(movers[1].n_bytes <= 60ull * 11 * K);
	hx_res_release(&a, IO, 90 * K);
	assert_int_equal(hx_res_holder_end(&low), 0);
}

static void promises_are_whole_or_none_and_never_more_than_there_is(void **state)
{
	const struct hx_res_want wants[] = { { HX_RES_MEMORY, 50 }, { IO, 401 } };
	struct hx_thread *self = hx_thread_self();
	struct hx_res_io io, more;

	assert_int_equal(hx_res_io_promise(&a, &io, self, 1), -HX_EINVAL);	/* of what? */
	limit(&a, HX_RES_NONE, 800);
	assert_int_equal(hx_res_io_promise(&a, &io, self, 1), -HX_EINVAL);
	limit(&top, HX_RES_NONE, 1000);
	assert_int_equal(hx_res_io_promise(&a, &io, self, 801), -HX_ENOSPC);
	assert_null(self->io);
	assert_int_equal(hx_res_io_promise(&a, &io, self, 600), 0);
	assert_int_equal(hx_res_io_promise(&b, &more, self, 100), -HX_EBUSY);
	assert_int_equal(top.accounts[IO].charged, 600);
	assert_int_equal(b.accounts[IO].charged, 0);
	assert_int_equal(hx_res_reserve(&b, wants, 2), -HX_ENOSPC);
	assert_int_equal(b.accounts[HX_RES_MEMORY].charged, 0);
	assert_int_equal(hx_res_take(&b, IO, UINT64_MAX), -HX_ENOSPC);
	assert_int_equal(top.accounts[IO].charged, 600);
	hx_res_io_end(&io);
	assert_int_equal(top.accounts[IO].charged, 0);
	assert_null(self->io);
	/* The end of the holder is the end of the promise. */
	assert_int_equal(hx_res_io_promise(&a, &io, self, 600), 0);
	assert_int_equal(hx_res_holder_end(&a), 0);
	assert_null(self->io);
	assert_int_equal(top.accounts[IO].charged, 0);
	assert_int_equal(hx_res_holder_init(&a, "a", &top), 0);
}

static int waits_fn(void *arg)
{
	uint64_t *moved = arg;

	for (unsigned i = 0; i < 3; i++)
		if (move(RATE) == 0)
			*moved += RATE;
	return 0;
}

static void the_holders_end_lets_go_who_waits(void **state)
{
	struct hx_thread_params p = { .name = "waits", .fn = waits_fn, .prio = HX_PRIO_DEFAULT };
	struct hx_thread *t;
	struct hx_res_io io;
	uint64_t moved = 0;
	hx_ns_t began;

	limit(&a, HX_RES_NONE, RATE / 8);			/* a second's: cut to that */
	p.arg = &moved;
	assert_int_equal(hx_thread_create(&p, &t), 0);
	assert_int_equal(hx_res_io_promise(&a, &io, t, 0), 0);
	hx_sleep_ns(HX_NS_PER_S / 5);				/* of half a second */
	assert_int_equal(a.meter.n_waits, 1);
	began = hx_now_ns();
	assert_int_equal(hx_res_holder_end(&a), 0);
	assert_true(hx_now_ns() - began < HX_NS_PER_S / 10);
	assert_int_equal(hx_thread_join(t, HX_FOREVER, NULL), 0);
	assert_true(hx_now_ns() - began < HX_NS_PER_S / 10);
	assert_int_equal(moved, 3 * RATE);
	assert_int_equal(hx_res_holder_init(&a, "a", &top), 0);
}

/* ---- soft limits, the node */

static void a_soft_limit_is_told_once_until_the_rate_was_below(void **state)
{
	struct hx_res_io io;

	top.over = over;
	limit(&top, RATE, HX_RES_NONE);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	for (unsigned i = 0; i < 100; i++) {			/* half of it */
		assert_int_equal(move(PAGE), 0);
		hx_sleep_ns(HX_NS_PER_S / 8);
	}
	assert_int_equal(n_told, 0);
	for (unsigned round = 1; round <= 3; round++) {
		for (unsigned i = 0; i < 100; i++) {		/* twice */
			assert_int_equal(move(PAGE), 0);
			hx_sleep_ns(HX_NS_PER_S / 32);
		}
		assert_int_equal(n_told, round);
		assert_in_range(told_of, RATE + 1, 4 * RATE);
		hx_sleep_ns(HX_NS_PER_S);
	}
	assert_int_equal(top.accounts[IO].n_over, 3);
	assert_int_equal(top.meter.n_waits + a.meter.n_waits, 0);
	hx_res_io_end(&io);
}

static const struct hx_node *node(void)
{
	const struct hx_node *const *it;

	HX_SECTION_FOREACH(it, hx_nodes)
		if (hx_strcmp((*it)->path, "/resources/<holder>") == 0)
			return *it;
	return NULL;
}

static void the_node_shows_and_takes_io(void **state)
{
	static const char *const wrong[] = {
		"limit io", "limit io 1", "limit io 2 1", "limit io none 1 ", "limit io 1 2 3",
		"limit io none 1kb/s", "limit io 18446744073709551616 none", "limit i/o 1 2",
		"limit io none -1", "io none 1", "limit IO 1 2", "limit io 1\t2",
	};
	struct hx_node_args args = { .node = node(), .var = { "a" }, .n_vars = 1 };
	char bytes[2048];
	struct hx_text_buf buf;
	struct hx_res_io io;

	assert_non_null(args.node);
	for (unsigned i = 0; i < HX_ARRAY_LEN(wrong); i++) {
		hx_text_buf_init(&buf, bytes, sizeof(bytes));
		assert_int_equal(args.node->take(wrong[i], &buf.text, &args), -HX_EINVAL);
		assert_true(strncmp(bytes, "detail=", 7) == 0);
	}
	assert_true(a.accounts[IO].hard == HX_RES_NONE);
	assert_int_equal(args.node->take("limit io 32k 64k", &buf.text, &args), 0);
	assert_int_equal(a.accounts[IO].soft, 32768);
	assert_int_equal(a.accounts[IO].hard, RATE);
	assert_int_equal(hx_res_io_promise(&a, &io, hx_thread_self(), 0), 0);
	assert_int_equal(move(RATE), 0);
	assert_int_equal(move(1), 0);
	hx_res_io_end(&io);
	hx_text_buf_init(&buf, bytes, sizeof(bytes));
	assert_int_equal(args.node->show(&buf.text, &args), 0);
	assert_non_null(strstr(bytes, "kind=io charged=0 used=0 reserved=0 soft=32768 hard=65536 "
			       "peak=0 over=1 refused=0\n"));
	assert_non_null(strstr(bytes, "io moved_bytes=65537 waits=1 waited_ns="));
	assert_non_null(strstr(bytes, " again=0\n"));
}

#define TEST(f)	cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_rate_is_kept),
		TEST(who_was_idle_may_be_fast_for_a_moment),
		TEST(requests_are_cut_to_a_second_and_not_below_a_page),
		TEST(who_may_not_sleep_is_refused),
		TEST(what_cannot_be_refused_waits_so_long_and_no_longer),
		TEST(io_inside_of_io_is_charged_once),
		TEST(a_terminal_is_slower_and_loses_nothing),
		TEST(all_below_share_what_the_one_above_has),
		TEST(a_promise_is_kept_whatever_others_want),
		TEST(a_promise_counts_for_who_is_below),
		TEST(promises_are_whole_or_none_and_never_more_than_there_is),
		TEST(the_holders_end_lets_go_who_waits),
		TEST(a_soft_limit_is_told_once_until_the_rate_was_below),
		TEST(the_node_shows_and_takes_io),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
