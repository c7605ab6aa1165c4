// SPDX-License-Identifier: MIT
/*
 * The boot's own figures, from the marks that core/boot took while it happened: one sample each.
 */
#include <hx/base.h>
#include <hx/core/bench.h>
#include <hx/core/init.h>

HX_BENCH(boot_to_main, "boot.to_main", "from the kernel's first instruction to hx_main()")
{
	struct hx_boot_times t;

	hx_boot_times(&t);
	hx_bench_value(b, t.main - t.entry);
	return 0;
}

HX_BENCH(boot_to_prompt, "boot.to_prompt",
	 "from the first instruction until the prompt was handed to the console's device, without "
	 "boot.calibration")
{
	struct hx_boot_times t;

	hx_boot_times(&t);
	if (t.prompt == 0)
		return -HX_ENOTSUP;
	hx_bench_value(b, t.prompt - t.entry - t.waited);
	return 0;
}

HX_BENCH(boot_calibration, "boot.calibration", "waiting for a reference clock during the boot")
{
	struct hx_boot_times t;

	hx_boot_times(&t);
	hx_bench_value(b, t.waited);
	return 0;
}
