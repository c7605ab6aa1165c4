// SPDX-License-Identifier: MIT
/*
 * What this boot is: the boot information, and when each step on the way to the prompt ended.
 *
 * The steps are marks in one table: a name and the counter at the END of the step. The cost of a
 * step is the distance to the mark before it. The prompt has its own word, because it is taken only
 * when the prompt has really been handed to the console's device.
 */
#include <hx/base.h>
#include <hx/core/init.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/cpu.h>

#include "boot_priv.h"

/* All written by the boot flow alone, before anybody else can run. */
static const struct hx_boot_info *boot_info;
static struct boot_mark marks[BOOT_MARKS_MAX];
static uint32_t n_marks;	/* also those that found no room */
static struct hx_boot_times times;
static void (*on_prompt)(void);

const struct hx_boot_info *hx_boot_info(void)
{
	return boot_info;
}

void hx_boot_start(const struct hx_boot_info *info)
{
	boot_info = info;
	times = (struct hx_boot_times){ .entry = info->entry_cycles, .main = hx_cycles() };
	marks[0] = (struct boot_mark){ "main", times.main };
	n_marks = 1;
}

void hx_boot_mark(const char *what)
{
	if (n_marks < BOOT_MARKS_MAX)
		marks[n_marks] = (struct boot_mark){ what, hx_cycles() };
	n_marks++;
}

void hx_boot_waited(uint64_t cycles)
{
	times.waited += cycles;
}

void hx_boot_on_prompt(void (*fn)(void))
{
	on_prompt = fn;
}

void hx_boot_prompt_reached(void)
{
	if (times.prompt != 0)
		return;
	times.prompt = hx_cycles();
	if (on_prompt != NULL)
		on_prompt();
}

void hx_boot_times(struct hx_boot_times *out)
{
	*out = times;
}

uint32_t boot_marks(const struct boot_mark **first)
{
	*first = marks;
	return n_marks;
}
