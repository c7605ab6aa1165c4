/* SPDX-License-Identifier: MIT */
/*
 * Error numbers, equal to Linux's on x86_64 and arm64, so that neither the 9P server nor the host
 * tests translate. Functions return 0 or the negative of one of these.
 * Source: Linux include/uapi/asm-generic/errno-base.h and errno.h (numbers only).
 */
#ifndef HX_ERRNO_H
#define HX_ERRNO_H

enum hx_errno {
	HX_EPERM = 1,		/* not permitted */
	HX_ENOENT = 2,		/* no such node, file, provider */
	HX_EINTR = 4,		/* interrupted */
	HX_EIO = 5,		/* device failed */
	HX_E2BIG = 7,		/* argument too long */
	HX_EBADF = 9,		/* not an open handle */
	HX_EAGAIN = 11,		/* try again */
	HX_ENOMEM = 12,		/* no memory */
	HX_EACCES = 13,		/* no right */
	HX_EFAULT = 14,		/* bad address */
	HX_EBUSY = 16,		/* in use */
	HX_EEXIST = 17,		/* exists already */
	HX_EXDEV = 18,		/* crosses a mount */
	HX_ENODEV = 19,		/* no such device */
	HX_ENOTDIR = 20,	/* not a directory */
	HX_EISDIR = 21,		/* is a directory */
	HX_EINVAL = 22,		/* bad argument */
	HX_ENFILE = 23,		/* table full */
	HX_EFBIG = 27,		/* file too large */
	HX_ENOSPC = 28,		/* no space */
	HX_EROFS = 30,		/* read-only */
	HX_EPIPE = 32,		/* the other end is gone */
	HX_ERANGE = 34,		/* out of range */
	HX_EDEADLK = 35,	/* would deadlock */
	HX_ENAMETOOLONG = 36,	/* name too long */
	HX_ENOSYS = 38,		/* no such operation */
	HX_ENOTEMPTY = 39,	/* directory not empty */
	HX_ELOOP = 40,		/* too many links */
	HX_EPROTO = 71,		/* malformed message */
	HX_EBADMSG = 74,	/* checksum or format wrong */
	HX_EOVERFLOW = 75,	/* value too large */
	HX_ENOTSUP = 95,	/* not supported */
	HX_ETIMEDOUT = 110,	/* time ran out */
	HX_ECANCELED = 125,	/* cancelled */
};

#endif
