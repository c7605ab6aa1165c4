/* SPDX-License-Identifier: MIT */
/*
 * The processor as the floors above may know it: cycle counter, idle, interrupt mask, feature
 * words to print, entropy. The cheap ones are inline in the machine's own <hx/hal/arch/cpu.h>.
 */
#ifndef HX_HAL_CPU_H
#define HX_HAL_CPU_H

#include <hx/base.h>
#include <hx/hal/arch/cpu.h>

/*
 * From <hx/hal/arch/cpu.h> (same names on every machine, all inline, any context):
 *   hx_irqflags_t                     opaque saved interrupt mask
 *   hx_irqflags_t hx_irq_save(void)   mask interrupts, return the old state
 *   void hx_irq_restore(hx_irqflags_t)
 *   void hx_irq_enable(void), hx_irq_disable(void)
 *   bool hx_irq_are_enabled(void)
 *   uint64_t hx_cycles(void)          free-running counter, hx_cycles_hz() per second
 *   void hx_cpu_relax(void)           a hint inside a spin loop
 *   void hx_cpu_idle(void)            enable interrupts and wait for one, atomically; returns with
 *                                     interrupts enabled
 *   size_t hx_bit_highest(size_t x)   which is the highest one that is set; x is not 0
 *   void hx_bit_set_atomic(uint64_t *map, size_t bit)      in one step, also against other CPUs
 *   bool hx_bit_clear_atomic(uint64_t *map, size_t bit)    the same; what it was
 *   void hx_bit_set32(uint32_t *map, uint32_t bit)         in a map that one CPU changes at a time;
 *   void hx_bit_clear32(uint32_t *map, uint32_t bit)       bit is below 2^31
 *   bool hx_put_if_null(void **slot, void *p, uintptr_t *was)   the same; true: it was NULL, and is
 *                                     p now. was receives what was there, for whoever wants a 0
 * hx_percpu() is in <hx/hal/percpu.h>.
 */

/* One feature of the CPU for /proc/cpus: "nx", "smep", … and whether it is there / switched on. */
struct hx_cpu_feature {
	const char *name;
	bool present, enabled;
};

/* What the boot CPU is. */
struct hx_cpu_info {
	char vendor[16], model[64];
	uint32_t family, model_nr, stepping;
	uint32_t phys_bits, virt_bits;
	uint32_t n_features;
	const struct hx_cpu_feature *features;
};

/**
 * hx_cpu_info() - what the boot CPU is, found out at the first call.
 *
 * Returns: the record; never NULL. Strings are NUL-terminated.
 * Context: any but NMI.
 * Locks:   none; the first call is made before there are several flows.
 * Owner:   the hal; constant.
 * Cost:    first call some 100 CPUID instructions, then one load.
 * Source:  Intel SDM vol. 2, CPUID; AMD APM vol. 3, appendix E.
 */
const struct hx_cpu_info *hx_cpu_info(void);

#define HX_CPUS_MAX 64

/**
 * hx_cpus_present() - how many CPUs firmware reports; only the boot CPU runs.
 *
 * Returns: 1..HX_CPUS_MAX; 1 also if firmware says nothing usable.
 * Context: boot or thread.
 * Locks:   none.
 * Owner:   -
 * Cost:    first call reads the firmware's tables.
 * Source:  ACPI 6.4, 5.2.12.
 */
unsigned hx_cpus_present(void);

/**
 * hx_cpu_entropy() - random bytes from the CPU's generator.
 * @buf: filled; partly filled on error
 * @n:   bytes wanted
 *
 * Returns: 0; -HX_ENODEV there is no generator, or it stopped giving.
 * Context: any.
 * Locks:   none.
 * Owner:   the caller keeps @buf.
 * Cost:    one RDRAND for 8 bytes, at most ten tries each.
 * Source:  Intel SDM vol. 1, 7.3.17 (RDRAND).
 */
HX_MUST_CHECK int hx_cpu_entropy(void *buf, size_t n);

#endif
