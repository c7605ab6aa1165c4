/* SPDX-License-Identifier: MIT */
/* Files of a thread that pays for a holder: later and shorter, but never wrong. */
#include "hx_test.h"

#include <hx/core/resources_io.h>
#include <hx/fs/vfs.h>

#define RATE	8192u

static struct hx_res_holder holder;
static struct hx_res_io io;
static struct hx_file f;

static int up(void **state)
{
	hx_test_machine_usual(32 * HX_MIB);
	hx_test_start("threads");
	hx_test_start("resources");
	hx_test_start("vfs");
	assert_int_equal(hx_vfs_mount("ramfs", NULL, "/", 0, NULL), 0);
	assert_int_equal(hx_vfs_open(&f, "/f", HX_OPEN_READ | HX_OPEN_WRITE | HX_OPEN_CREATE,
				     0644), 0);
	assert_int_equal(hx_res_holder_init(&holder, "files", NULL), 0);
	assert_int_equal(hx_res_limit(&holder, HX_RES_IO, HX_RES_NONE, RATE), 0);
	return hx_res_io_promise(&holder, &io, hx_thread_self(), 0);
}

static int down(void **state)
{
	int err;

	assert_int_equal(hx_res_holder_end(&holder), 0);
	hx_vfs_close(&f);
	err = hx_vfs_unmount("/");
	hx_test_machine_end();
	return err;
}

static void what_is_moved_is_charged_and_waited_for(void **state)
{
	char out[1024], in[1024];
	hx_ns_t began = hx_now_ns();

	memset(out, 'x', sizeof(out));
	for (unsigned i = 0; i < 40; i++) {
		out[0] = (char)i;
		assert_int_equal(hx_vfs_write(&f, out, sizeof(out)), sizeof(out));
	}
	/* 40 KiB less the last one, which is lent, and the page that it began with. */
	assert_in_range(hx_now_ns() - began, 35 * HX_NS_PER_S / 8, 5 * HX_NS_PER_S);
	assert_int_equal(hx_vfs_seek(&f, 0), 0);
	began = hx_now_ns();
	for (unsigned i = 0; i < 40; i++) {
		assert_int_equal(hx_vfs_read(&f, in, sizeof(in)), sizeof(in));
		assert_true(in[0] == (char)i && in[1023] == 'x');
	}
	assert_in_range(hx_now_ns() - began, 39 * HX_NS_PER_S / 8, 6 * HX_NS_PER_S);
	assert_int_equal(holder.meter.n_bytes, 80 * 1024);
	/* The end of the file costs nothing. */
	assert_int_equal(hx_vfs_read(&f, in, sizeof(in)), 0);
	assert_int_equal(hx_vfs_pread(&f, in, sizeof(in), UINT64_MAX), -HX_EINVAL);
	assert_int_equal(holder.meter.n_bytes, 80 * 1024);
}

static void large_requests_come_back_short(void **state)
{
	static uint8_t out[5 * RATE], in[5 * RATE];
	size_t done = 0;

	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (uint8_t)(i * 7 + i / 256);
	while (done < sizeof(out)) {
		hx_ssize_t n = hx_vfs_write(&f, out + done, sizeof(out) - done);

		assert_int_equal(n, RATE);
		done += (size_t)n;
	}
	assert_int_equal(hx_vfs_pread(&f, in, sizeof(in), 0), RATE);
	assert_int_equal(hx_vfs_pwrite(&f, out, sizeof(out), RATE), RATE);
	hx_res_io_end(&io);
	assert_int_equal(hx_vfs_pread(&f, in, sizeof(in), 0), sizeof(in));
	assert_memory_equal(in, out, RATE);
	assert_memory_equal(in + RATE, out, RATE);
	assert_memory_equal(in + 2 * RATE, out + 2 * RATE, 3 * RATE);
	assert_int_equal(holder.meter.n_bytes, 7 * RATE);
	assert_int_equal(hx_res_io_promise(&holder, &io, hx_thread_self(), 0), 0);
}

static void a_limit_of_nothing_refuses_and_moves_nothing(void **state)
{
	struct hx_fs_stat st;
	char c = 'x';

	assert_int_equal(hx_res_limit(&holder, HX_RES_IO, HX_RES_NONE, 0), 0);
	assert_int_equal(hx_vfs_write(&f, &c, 1), -HX_EAGAIN);
	assert_int_equal(hx_vfs_read(&f, &c, 1), -HX_EAGAIN);
	assert_int_equal(f.pos, 0);
	assert_int_equal(hx_vfs_stat("/f", &st), 0);
	assert_int_equal(st.size_bytes, 0);
	assert_int_equal(holder.meter.n_again, 2);
}

#define TEST(fn)	cmocka_unit_test_setup_teardown(fn, up, down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_moved_is_charged_and_waited_for),
		TEST(large_requests_come_back_short),
		TEST(a_limit_of_nothing_refuses_and_moves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
