// SPDX-License-Identifier: MIT
/*
 * Reads and writes of threads that pay for a holder of resources: charged and delayed before the
 * file's lock is taken, so that nobody waits behind them, and perhaps cut. In between the thread is
 * not metered, and calls the same functions again.
 */
#include "vfs_priv.h"

hx_ssize_t vfs_metered_pread(struct hx_file *f, void *buf, size_t size, uint64_t off)
{
	struct hx_res_io_pass p;
	hx_ssize_t got = hx_res_io_begin(&p, &size);

	if (got != 0)
		return got;
	got = hx_vfs_pread(f, buf, size, off);
	hx_res_io_settle(&p, got);
	return got;
}

hx_ssize_t vfs_metered_write_at(struct hx_file *f, const void *buf, size_t size, uint64_t *off)
{
	struct hx_res_io_pass p;
	hx_ssize_t put = hx_res_io_begin(&p, &size);

	if (put != 0)
		return put;
	put = vfs_write_at(f, buf, size, off);
	hx_res_io_settle(&p, put);
	return put;
}
