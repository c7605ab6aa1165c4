/* SPDX-License-Identifier: MIT */
/*
 * Switching the machine on and off, the ways out of it, and what happens to a kernel that breaks
 * its rules.
 */
#include "host_priv.h"
#include <hx/config/hal_paging.h>
#include <hx/hal/timer.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define REPORT_BYTES	512

static bool is_on;
static void (*exit_hook)(enum hx_exit_code code);
static void (*violation_hook)(const char *what);
static char **reboot_argv;

int hx_host_start(const struct hx_host_params *params, const struct hx_boot_info **info)
{
	int err;

	if (is_on)
		return -HX_EBUSY;
	host_irq_reset();
	host_timer_init();
	host_entropy_seed(params->seed);
	err = host_memory_init(params);
	if (err != 0)
		return err;
	err = host_mmu_init();
	if (err != 0) {
		host_mmu_fini();
		host_memory_fini();
		return err;
	}
	host_trap_init();
	if (HX_ENABLED(MMU_SPACES))
		host_user_reset();
	is_on = true;
	*info = host_memory_info();
	return 0;
}

void hx_host_stop(void)
{
	if (!is_on)
		return;
	host_timer_fini();
	host_irq_reset();
	host_context_reset();
	host_trap_fini();
	host_mmu_fini();
	host_memory_fini();
	host_reg_reset();
	host_console_reset();
	exit_hook = NULL;
	violation_hook = NULL;
	is_on = false;
}

void hx_host_snapshot(struct hx_host_snapshot *out)
{
	out->cpu = hx_host_cpu;
	out->percpu = hx_percpu_boot;
}

void hx_host_recover(const struct hx_host_snapshot *s)
{
	uint32_t attention = hx_host_cpu.attention;

	hx_host_cpu = s->cpu;
	hx_host_cpu.attention |= attention;
	hx_percpu_boot = s->percpu;
	host_context_recover();
}

void hx_host_set_exit_hook(void (*hook)(enum hx_exit_code code))
{
	exit_hook = hook;
}

void hx_host_set_violation_hook(void (*hook)(const char *what))
{
	violation_hook = hook;
}

void hx_host_set_reboot_argv(char **argv)
{
	reboot_argv = argv;
}

void hx_host_violation(const char *fmt, ...)
{
	char what[REPORT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	if (violation_hook != NULL)
		violation_hook(what);
	fprintf(stderr, "host machine: the kernel broke a rule: %s\n", what);
	abort();
}

void hx_hal_exit(enum hx_exit_code code)
{
	hx_irq_disable();
	hx_timer_stop();
	if (exit_hook != NULL)
		exit_hook(code);
	exit((int)code);
}

void hx_hal_reboot(void)
{
	hx_irq_disable();
	hx_timer_stop();
	if (exit_hook != NULL)
		exit_hook(HX_HOST_REBOOT);
	if (reboot_argv != NULL)
		execv("/proc/self/exe", reboot_argv);
	exit((int)HX_EXIT_OK);
}
