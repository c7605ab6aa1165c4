// SPDX-License-Identifier: MIT
/* Error names: each number has the name that the host's own library gives it. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include <hx/core/init.h>

static void strerror_agrees_with_the_host(void **state)
{
	static const int all[] = {
		HX_EPERM, HX_ENOENT, HX_EINTR, HX_EIO, HX_E2BIG, HX_EBADF, HX_EAGAIN, HX_ENOMEM,
		HX_EACCES, HX_EFAULT, HX_EBUSY, HX_EEXIST, HX_EXDEV, HX_ENODEV, HX_ENOTDIR,
		HX_EISDIR, HX_EINVAL, HX_ENFILE, HX_EFBIG, HX_ENOSPC, HX_EROFS, HX_EPIPE,
		HX_ERANGE, HX_EDEADLK, HX_ENAMETOOLONG, HX_ENOSYS, HX_ENOTEMPTY, HX_ELOOP,
		HX_EPROTO, HX_EBADMSG, HX_EOVERFLOW, HX_ENOTSUP, HX_ETIMEDOUT, HX_ECANCELED,
	};

	for (size_t i = 0; i < HX_ARRAY_LEN(all); i++) {
		const char *host = all[i] == HX_ENOTSUP ? "ENOTSUP" : strerrorname_np(all[i]);

		assert_string_equal(hx_strerror(all[i]), host);
		assert_string_equal(hx_strerror(-all[i]), host);
	}
}

static void strerror_of_no_error(void **state)
{
	assert_string_equal(hx_strerror(0), "OK");
}

static void strerror_of_unknown_numbers(void **state)
{
	assert_string_equal(hx_strerror(3), "E?");
	assert_string_equal(hx_strerror(-256 - HX_ENOMEM), "E?");
	assert_string_equal(hx_strerror(INT32_MIN), "E?");
	assert_string_equal(hx_strerror(INT32_MAX), "E?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strerror_agrees_with_the_host),
		cmocka_unit_test(strerror_of_no_error),
		cmocka_unit_test(strerror_of_unknown_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
