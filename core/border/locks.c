// SPDX-License-Identifier: MIT
/*
 * Locks as code of modules takes them: here, in the kernel, so that a lock which is taken is noted.
 * Code that loses the right to be executed ends between any two of its own instructions, and a lock
 * that is taken and not noted would never be free again.
 */
#include <hx/core/border.h>
#include <hx/core/lock.h>
#include <hx/core/rwlock.h>

void hx_border_acquire(void *lock, enum hx_border_lock kind)
{
	if (kind == HX_BORDER_SPIN)
		hx_spin_acquire_(lock);
	else if (kind == HX_BORDER_READ)
		hx_rw_read_acquire_(lock);
	else
		hx_rw_write_acquire_(lock);
	hx_border_took(lock, kind);
}

bool hx_border_try(struct hx_spinlock *lock)
{
	if (!hx_spin_try_(lock))
		return false;
	if (HX_ENABLED(DEBUG_LOCKS))
		hx_lock_debug_acquire(lock);
	hx_border_took(lock, HX_BORDER_SPIN);
	return true;
}

void hx_border_release(void *lock, enum hx_border_lock kind)
{
	hx_border_gave(lock);
	if (kind == HX_BORDER_SPIN)
		hx_spin_release_(lock);
	else if (kind == HX_BORDER_READ)
		hx_rw_read_release_(lock);
	else
		hx_rw_write_release_(lock);
}
