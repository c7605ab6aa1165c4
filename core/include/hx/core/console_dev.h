/* SPDX-License-Identifier: MIT */
/*
 * The device kind "console": bytes in and out of a person's (or a script's) terminal. Drivers
 * register one; the console room reads lines from the active one. Without any, the polled early
 * console serves.
 */
#ifndef HX_CORE_CONSOLE_DEV_H
#define HX_CORE_CONSOLE_DEV_H

#include <hx/base.h>
#include <hx/core/resources_io.h>

#define HX_CONSOLE_DEV_NAME_MAX	16	/* bytes of a device's name with the NUL */

/* Field keys: c constant while registered, d the driver's own lock, r registry. */
struct hx_console_dev {
	const char *name;	/* c "serial0" */
	void *priv;		/* c */
	/* Write all n bytes; '\n' is sent as it is. Any context but NMI: where the caller may sleep
	 * it waits for queue space, elsewhere (interrupts off, the log) it polls the device. */
	void (*write)(struct hx_console_dev *d, const char *bytes, size_t n);
	/* Wait for input. How many bytes were read (>= 1), or -HX_ETIMEDOUT. Thread context. */
	hx_ssize_t (*read)(struct hx_console_dev *d, char *bytes, size_t n, hx_ns_t timeout_ns);
	/* Send what is queued, polled: before poweroff and panic. Any context, whatever is held. */
	void (*flush)(struct hx_console_dev *d);
	uint64_t n_in, n_out, n_dropped_in;	/* d bytes; dropped: no room for them */
	struct hx_console_dev *next;		/* r */
};

/**
 * hx_console_dev_register() - offer a device.
 * @d: filled up to the functions
 *
 * It becomes active if helix.console= names it, or if it is the first one and helix.console= is not
 * there or names a device that never came. The log's console lines follow the active device.
 *
 * Returns: 0; -HX_EEXIST the name is taken; -HX_EINVAL a function is missing.
 * Context: boot or thread.
 * Locks:   the registry's (rank HX_RANK_DEVICE).
 * Owner:   @d stays the caller's, until hx_console_dev_unregister().
 * Cost:    O(devices).
 * Source:  -
 */
HX_MUST_CHECK int hx_console_dev_register(struct hx_console_dev *d);

/**
 * hx_console_dev_unregister() - take a device away; the next one, or the early console, takes over.
 * @d: registered
 *
 * Returns: nothing. The caller makes sure that nobody is inside its functions.
 * Context: boot or thread.
 * Locks:   the registry's.
 * Owner:   @d is the caller's again.
 * Cost:    O(devices).
 * Source:  -
 */
void hx_console_dev_unregister(struct hx_console_dev *d);

/**
 * hx_console_dev_active() - the device in use.
 * hx_console_dev_missing() - the one that helix.console= names and that never came.
 *
 * Returns: active: never NULL, the early console at least. missing: the name in helix.console= if
 *          no device has it, else NULL.
 * Context: any.
 * Locks:   none: the active device is one pointer, replaced whole.
 * Owner:   the driver's device; a constant string.
 * Cost:    a load; a comparison of names.
 * Source:  -
 */
struct hx_console_dev *hx_console_dev_active(void);
const char *hx_console_dev_missing(void);

/**
 * hx_console_dev_write() - write to a device for the calling thread.
 * hx_console_dev_read() - wait for input for it.
 * @d:          the device
 * @bytes:      what is written, or receives what is read
 * @n:          bytes of it
 * @timeout_ns: how long to wait
 *
 * As the device's functions, and a thread that pays for a holder (hx/core/resources_io.h) waits
 * until its bandwidth allows them: before it writes, after it has read. Nothing is refused. What
 * the log writes, whoever logs, is the kernel's and is not charged.
 *
 * Returns: read: how many bytes, at least 1; -HX_ETIMEDOUT.
 * Context: as the device's functions.
 * Locks:   the device's; before or after them those of hx_res_io_pay().
 * Owner:   -
 * Cost:    the device's.
 * Source:  -
 */
static inline void hx_console_dev_write(struct hx_console_dev *d, const char *bytes, size_t n)
{
	if (hx_res_io_is_metered())
		hx_res_io_pay(n);
	d->write(d, bytes, n);
}

static inline hx_ssize_t hx_console_dev_read(struct hx_console_dev *d, char *bytes, size_t n,
					     hx_ns_t timeout_ns)
{
	hx_ssize_t got = d->read(d, bytes, n, timeout_ns);

	if (hx_res_io_is_metered() && got > 0)
		hx_res_io_pay((size_t)got);
	return got;
}

/**
 * hx_console_dev_set_log_hook() - be told around each line of the log that goes to the console.
 * @hook: called with true before it and with false after it, in the context of who logs; NULL: no
 *
 * Returns: nothing. Without CONFIG_CONSOLE_EDITING the hook is not called.
 * Context: boot, one caller.
 * Locks:   the registry's.
 * Owner:   -
 * Cost:    a call per line.
 * Source:  -
 */
void hx_console_dev_set_log_hook(void (*hook)(bool before));

/**
 * hx_console_dev_write_text() - write to the active device, LF sent as CR LF.
 * @bytes: text
 * @n:     its bytes
 *
 * Returns: nothing.
 * Context: any but NMI, as the device's write().
 * Locks:   the device's.
 * Owner:   -
 * Cost:    the device's.
 * Source:  -
 */
void hx_console_dev_write_text(const char *bytes, size_t n);

#endif
