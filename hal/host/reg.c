/* SPDX-License-Identifier: MIT */
/*
 * Device registers: an access goes to the fake device that is plugged in there. With none, a port
 * reads as all ones, as on a PC's empty bus, and a memory window is just memory.
 */
#include "host_priv.h"

static struct hx_host_device *devices;
static struct { struct hx_reg_window window; uint32_t line; } uarts[HX_HOST_UARTS_MAX];
static unsigned n_uarts;

static struct hx_host_device *device_at(const struct hx_reg_window *w, unsigned offset)
{
	struct hx_host_device *d = devices;

	while (d != NULL && (d->is_port != w->is_port || w->base + offset < d->base ||
			     w->base + offset - d->base >= d->size))
		d = d->next;
	return d;
}

static uint32_t read_any(const struct hx_reg_window *w, unsigned offset, unsigned width)
{
	struct hx_host_device *d = device_at(w, offset);

	if (d != NULL)
		return d->read(d, (unsigned)(w->base + offset - d->base), width);
	if (w->is_port)
		return UINT32_MAX;
	return width == 8 ? *(volatile uint8_t *)(w->base + offset) :
			    *(volatile uint32_t *)(w->base + offset);
}

static void write_any(const struct hx_reg_window *w, unsigned offset, uint32_t value,
		      unsigned width)
{
	struct hx_host_device *d = device_at(w, offset);

	if (d != NULL)
		d->write(d, (unsigned)(w->base + offset - d->base), value, width);
	else if (!w->is_port && width == 8)
		*(volatile uint8_t *)(w->base + offset) = (uint8_t)value;
	else if (!w->is_port)
		*(volatile uint32_t *)(w->base + offset) = value;
}

uint8_t hx_reg_read8(const struct hx_reg_window *w, unsigned offset)
{
	return (uint8_t)read_any(w, offset, 8);
}

void hx_reg_write8(const struct hx_reg_window *w, unsigned offset, uint8_t value)
{
	write_any(w, offset, value, 8);
}

uint32_t hx_reg_read32(const struct hx_reg_window *w, unsigned offset)
{
	return read_any(w, offset, 32);
}

void hx_reg_write32(const struct hx_reg_window *w, unsigned offset, uint32_t value)
{
	write_any(w, offset, value, 32);
}

int hx_host_plug(struct hx_host_device *d)
{
	for (struct hx_host_device *o = devices; o != NULL; o = o->next)
		if (o->is_port == d->is_port && d->base < o->base + o->size &&
		    o->base < d->base + d->size)
			return -HX_EBUSY;
	d->next = devices;
	devices = d;
	return 0;
}

void hx_host_unplug(struct hx_host_device *d)
{
	struct hx_host_device **at = &devices;

	while (*at != NULL && *at != d)
		at = &(*at)->next;
	if (*at != NULL)
		*at = d->next;
}

int hx_host_add_uart(const struct hx_reg_window *w, uint32_t line)
{
	if (n_uarts == HX_HOST_UARTS_MAX)
		return -HX_ENFILE;
	uarts[n_uarts].window = *w;
	uarts[n_uarts++].line = line;
	return 0;
}

int hx_platform_uart(unsigned idx, struct hx_reg_window *w, uint32_t *line)
{
	if (idx >= n_uarts)
		return -HX_ENODEV;
	*w = uarts[idx].window;
	*line = uarts[idx].line;
	return 0;
}

/* None: what a test plugs in is for the drivers that it tests. */
int hx_platform_ports(unsigned idx, uint32_t *first, uint32_t *n, const char **name)
{
	return -HX_ENODEV;
}

void host_reg_reset(void)
{
	devices = NULL;
	n_uarts = 0;
}
