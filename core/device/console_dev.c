// SPDX-License-Identifier: MIT
/*
 * The registry of console devices and which of them is in use.
 *
 * The list is short and changes at boot only; the active device is one pointer, replaced whole, so
 * that the log may read it in any context without a lock.
 */
#include <hx/base.h>
#include <hx/config/core_console.h>
#include <hx/core/cmdline.h>
#include <hx/core/init.h>
#include <hx/core/lock.h>
#include <hx/core/log.h>
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/text.h>

#include "device_priv.h"

static struct hx_spinlock lock = HX_SPINLOCK_INIT("consoles", HX_RANK_DEVICE);
static struct hx_console_dev *devices = &device_early;		/* lock; never NULL */
static struct hx_console_dev *volatile active = &device_early;
static char wanted[HX_CONSOLE_DEV_NAME_MAX];	/* constant after init; "": whoever comes first */

static void (*log_hook)(bool before);		/* constant after init */

HX_WORD(console, "helix.console", "<device>: \"serial0\", \"early\"");

static struct hx_console_dev *find(const char *name)
{
	struct hx_console_dev *d = devices;

	while (d != NULL && hx_strcmp(d->name, name) != 0)
		d = d->next;
	return d;
}

static void log_to_device(const char *bytes, size_t n)
{
	if (HX_ENABLED(CONSOLE_EDITING) && log_hook != NULL)
		log_hook(true);
	hx_console_dev_write_text(bytes, n);
	if (HX_ENABLED(CONSOLE_EDITING) && log_hook != NULL)
		log_hook(false);
}

/* The wanted device if it is there, else the one that registered first. Lock held. */
static void choose(void)
{
	struct hx_console_dev *d = find(wanted);

	active = d != NULL ? d : devices;
	hx_log_set_console(active == &device_early && (!HX_ENABLED(CONSOLE_EDITING) ||
			   log_hook == NULL) ? NULL : log_to_device);
}

int hx_console_dev_register(struct hx_console_dev *d)
{
	struct hx_console_dev **at = &devices;
	int err = 0;

	if (d->write == NULL || d->read == NULL || d->flush == NULL)
		return -HX_EINVAL;
	hx_spin_lock(&lock);
	if (find(d->name) != NULL) {
		err = -HX_EEXIST;
	} else {
		/* In the order they came, the early console last. */
		while (*at != &device_early)
			at = &(*at)->next;
		d->next = *at;
		*at = d;
		choose();
	}
	hx_spin_unlock(&lock);
	return err;
}

void hx_console_dev_unregister(struct hx_console_dev *d)
{
	struct hx_console_dev **at = &devices;

	hx_spin_lock(&lock);
	while (*at != NULL && *at != d)
		at = &(*at)->next;
	if (*at == d) {
		*at = d->next;
		choose();
	}
	hx_spin_unlock(&lock);
}

void hx_console_dev_set_log_hook(void (*hook)(bool before))
{
	hx_spin_lock(&lock);
	log_hook = hook;
	choose();
	hx_spin_unlock(&lock);
}

struct hx_console_dev *hx_console_dev_active(void)
{
	return active;
}

const char *hx_console_dev_missing(void)
{
	return wanted[0] != '\0' && hx_strcmp(active->name, wanted) != 0 ? wanted : NULL;
}

/* A line of usual length is one piece for the device, which keeps pieces whole. */
void hx_console_dev_write_text(const char *bytes, size_t n)
{
	struct hx_console_dev *d = active;
	char piece[PIECE_BYTES];
	size_t used = 0;

	for (size_t i = 0; i < n; i++) {
		if (bytes[i] == '\n')
			piece[used++] = '\r';
		piece[used++] = bytes[i];
		if (bytes[i] != '\n' && used < sizeof(piece) - 1)
			continue;
		d->write(d, piece, used);
		used = 0;
	}
	if (used > 0)
		d->write(d, piece, used);
}

static int devices_init(void)
{
	wanted[0] = '\0';
	if (hx_cmdline_get("helix.console", wanted, sizeof(wanted)) == -HX_ENAMETOOLONG)
		hx_warn("devices", "helix.console=%s… is too long for a name", wanted);
	return 0;
}

static void devices_shutdown(void)
{
	active->flush(active);
}

HX_COMPONENT(devices) = {
	.name = "devices", .phase = HX_PHASE_LATE, .version = 1,
	.needs = "cmdline log",
	.init = devices_init, .shutdown = devices_shutdown,
};

static int consoles_show(struct hx_text *out, const struct hx_node_args *args)
{
	const struct hx_console_dev *d;

	/* Devices come and go at boot only; the sink may sleep, so no lock is held here. */
	for (d = devices; d != NULL; d = d->next) {
		hx_text_printf(out, "name=%s active=%d in_bytes=%llu out_bytes=%llu "
			       "dropped_in_bytes=%llu\n", d->name, d == active,
			       (unsigned long long)d->n_in, (unsigned long long)d->n_out,
			       (unsigned long long)d->n_dropped_in);
	}
	return 0;
}

static const struct hx_node consoles_node = {
	.path = "/proc/consoles", .help = "console devices: the active one, bytes in, out, lost",
	.rights = HX_NODE_READ, .max_bytes = 1024, .show = consoles_show,
};
HX_NODE(consoles_node);
