/* SPDX-License-Identifier: MIT */
/* The screen of a process: there is none, until a test plugs one in. */
#include <hx/hal/host.h>
#include <hx/hal/screen.h>

static const struct hx_screen *screen;

void hx_host_set_screen(const struct hx_screen *s)
{
	screen = s;
}

const struct hx_screen *hx_hal_screen(void)
{
	return screen;
}
