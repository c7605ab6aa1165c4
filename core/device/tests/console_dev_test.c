/* SPDX-License-Identifier: MIT */
/*
 * The registry of console devices: who is active, what the early console does as a device, and
 * where the log's lines go.
 */
#include "hx_test.h"

#include <hx/core/console_dev.h>
#include <hx/core/init.h>
#include <hx/core/log.h>
#include <hx/core/names.h>

#include "../device_priv.h"

#define RX_TEXT	"typed"

static char got_a[256], got_b[256];
static unsigned n_pieces;

static void write_a(struct hx_console_dev *d, const char *bytes, size_t n)
{
	strncat(got_a, bytes, n);
	n_pieces++;
}

static void write_b(struct hx_console_dev *d, const char *bytes, size_t n)
{
	strncat(got_b, bytes, n);
}

static hx_ssize_t read_none(struct hx_console_dev *d, char *bytes, size_t n, hx_ns_t timeout_ns)
{
	return -HX_ETIMEDOUT;
}

static void flush_none(struct hx_console_dev *d)
{
}

static struct hx_console_dev a = { .name = "serial0", .write = write_a, .read = read_none,
				   .flush = flush_none };
static struct hx_console_dev b = { .name = "screen", .write = write_b, .read = read_none,
				   .flush = flush_none };

static void boot(const char *line)
{
	const struct hx_host_params params = {
		.mem_bytes = 64 * HX_MIB, .cmdline = line, .seed = 1,
	};

	got_a[0] = got_b[0] = '\0';
	hx_test_machine_with(&params);
	hx_test_start("devices");
	hx_test_console_capture();
	hx_test_console_clear();
}

static void halt(void)
{
	hx_console_dev_unregister(&a);
	hx_console_dev_unregister(&b);
	hx_test_machine_end();
}

static void early_console_is_there_without_any(void **state)
{
	struct hx_console_dev *d;
	char buf[16];

	boot("");
	d = hx_console_dev_active();
	assert_string_equal(d->name, "early");
	assert_null(hx_console_dev_missing());
	/* It adds CR itself, so the one that is sent is left out. */
	d->write(d, "a\r\nb\rc\n\r\n", 9);
	assert_string_equal(hx_test_console_text(), "a\nb\rc\n\n");
	hx_test_console_clear();
	d->write(d, "\r", 1);
	d->write(d, "x", 1);
	d->write(d, "", 0);
	assert_string_equal(hx_test_console_text(), "\rx");
	hx_test_console_type(RX_TEXT);
	assert_int_equal(d->read(d, buf, 3, HX_FOREVER), 3);
	assert_memory_equal(buf, "typ", 3);
	assert_int_equal(d->read(d, buf, sizeof(buf), HX_FOREVER), 2);
	assert_int_equal(d->read(d, buf, sizeof(buf), 5 * HX_NS_PER_MS), -HX_ETIMEDOUT);
	assert_int_equal(d->read(d, buf, sizeof(buf), 0), -HX_ETIMEDOUT);
	d->flush(d);
	halt();
}

static void first_one_becomes_active(void **state)
{
	boot("");
	assert_int_equal(hx_console_dev_register(&b), 0);
	assert_ptr_equal(hx_console_dev_active(), &b);
	assert_int_equal(hx_console_dev_register(&a), 0);
	assert_ptr_equal(hx_console_dev_active(), &b);
	assert_int_equal(hx_console_dev_register(&a), -HX_EEXIST);
	hx_console_dev_unregister(&b);
	assert_ptr_equal(hx_console_dev_active(), &a);
	hx_console_dev_unregister(&a);
	assert_string_equal(hx_console_dev_active()->name, "early");
	hx_console_dev_unregister(&a);
	halt();
}

static void word_names_the_device(void **state)
{
	boot("helix.console=serial0");
	assert_string_equal(hx_console_dev_missing(), "serial0");
	assert_int_equal(hx_console_dev_register(&b), 0);
	assert_ptr_equal(hx_console_dev_active(), &b);
	assert_string_equal(hx_console_dev_missing(), "serial0");
	assert_int_equal(hx_console_dev_register(&a), 0);
	assert_ptr_equal(hx_console_dev_active(), &a);
	assert_null(hx_console_dev_missing());
	hx_console_dev_unregister(&a);
	assert_ptr_equal(hx_console_dev_active(), &b);
	halt();
	boot("helix.console=early");
	assert_int_equal(hx_console_dev_register(&a), 0);
	assert_string_equal(hx_console_dev_active()->name, "early");
	assert_null(hx_console_dev_missing());
	halt();
}

static void incomplete_devices_are_refused(void **state)
{
	struct hx_console_dev d = a;

	boot("");
	d.read = NULL;
	assert_int_equal(hx_console_dev_register(&d), -HX_EINVAL);
	d = a;
	d.flush = NULL;
	assert_int_equal(hx_console_dev_register(&d), -HX_EINVAL);
	d = a;
	d.write = NULL;
	assert_int_equal(hx_console_dev_register(&d), -HX_EINVAL);
	d = a;
	d.name = "early";
	assert_int_equal(hx_console_dev_register(&d), -HX_EEXIST);
	assert_string_equal(hx_console_dev_active()->name, "early");
	halt();
}

static void log_follows_the_active_device(void **state)
{
	boot("");
	hx_log(HX_LOG_ERROR, "t", "one");
	assert_int_equal(hx_console_dev_register(&a), 0);
	hx_log(HX_LOG_ERROR, "t", "two");
	hx_console_dev_unregister(&a);
	hx_log(HX_LOG_ERROR, "t", "three");
	assert_string_equal(hx_test_console_text(), "error t: one\nerror t: three\n");
	assert_string_equal(got_a, "error t: two\r\n");
	halt();
}

/* A device writes pieces whole: nobody's text comes between a line and its end. */
static void lines_are_one_piece(void **state)
{
	char line[PIECE_BYTES + 8];

	boot("");
	assert_int_equal(hx_console_dev_register(&a), 0);
	n_pieces = 0;
	hx_console_dev_write_text("one\ntwo", 7);
	assert_int_equal(n_pieces, 2);
	assert_string_equal(got_a, "one\r\ntwo");
	for (size_t n = PIECE_BYTES - 8; n < sizeof(line); n++) {
		memset(line, 'x', n);
		line[n - 1] = '\n';
		got_a[0] = '\0';
		n_pieces = 0;
		hx_console_dev_write_text(line, n);
		assert_int_equal(n_pieces, n < PIECE_BYTES ? 1 : 2);
		assert_int_equal(strlen(got_a), n + 1);
		assert_int_equal(strncmp(got_a, line, n - 1), 0);
		assert_string_equal(got_a + n - 1, "\r\n");
	}
	halt();
}

static void node_shows_them(void **state)
{
	char text[512];
	struct hx_text_buf t;

	boot("");
	a.n_in = 7;
	a.n_dropped_in = 2;
	assert_int_equal(hx_console_dev_register(&a), 0);
	hx_text_buf_init(&t, text, sizeof(text));
	assert_int_equal(hx_names_show("/proc/consoles", &t.text), 0);
	assert_int_equal(strncmp(text, "name=serial0 active=1 in_bytes=7 out_bytes=0 "
				 "dropped_in_bytes=2\nname=early active=0 ", 60), 0);
	halt();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(early_console_is_there_without_any),
		cmocka_unit_test(first_one_becomes_active),
		cmocka_unit_test(word_names_the_device),
		cmocka_unit_test(incomplete_devices_are_refused),
		cmocka_unit_test(log_follows_the_active_device),
		cmocka_unit_test(lines_are_one_piece),
		cmocka_unit_test(node_shows_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
