// SPDX-License-Identifier: MIT
/*
 * Names of the error numbers, as one text without pointers: in a position-independent image each
 * pointer in a table would cost a relocation beside itself.
 */
#include <hx/base.h>
#include <hx/core/init.h>
#include <hx/core/string.h>

static const uint8_t numbers[] = {
	HX_EPERM, HX_ENOENT, HX_EINTR, HX_EIO, HX_E2BIG, HX_EBADF, HX_EAGAIN, HX_ENOMEM, HX_EACCES,
	HX_EFAULT, HX_EBUSY, HX_EEXIST, HX_EXDEV, HX_ENODEV, HX_ENOTDIR, HX_EISDIR, HX_EINVAL,
	HX_ENFILE, HX_EFBIG, HX_ENOSPC, HX_EROFS, HX_EPIPE, HX_ERANGE, HX_EDEADLK, HX_ENAMETOOLONG,
	HX_ENOSYS, HX_ENOTEMPTY, HX_ELOOP, HX_EPROTO, HX_EBADMSG, HX_EOVERFLOW, HX_ENOTSUP,
	HX_ETIMEDOUT, HX_ECANCELED,
};

/* In the order of numbers[]. */
static const char names[] =
	"EPERM\0ENOENT\0EINTR\0EIO\0E2BIG\0EBADF\0EAGAIN\0ENOMEM\0EACCES\0"
	"EFAULT\0EBUSY\0EEXIST\0EXDEV\0ENODEV\0ENOTDIR\0EISDIR\0EINVAL\0"
	"ENFILE\0EFBIG\0ENOSPC\0EROFS\0EPIPE\0ERANGE\0EDEADLK\0ENAMETOOLONG\0"
	"ENOSYS\0ENOTEMPTY\0ELOOP\0EPROTO\0EBADMSG\0EOVERFLOW\0ENOTSUP\0"
	"ETIMEDOUT\0ECANCELED";

const char *hx_strerror(int err)
{
	unsigned nr = err < 0 ? 0u - (unsigned)err : (unsigned)err;
	const char *name = names;

	if (nr == 0)
		return "OK";
	for (size_t i = 0; i < HX_ARRAY_LEN(numbers); i++) {
		if (numbers[i] == nr)
			return name;
		name += hx_strlen(name) + 1;
	}
	return "E?";
}
