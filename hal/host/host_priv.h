/* SPDX-License-Identifier: MIT */
/*
 * What the files of hal/host share.
 */
#ifndef HX_HOST_PRIV_H
#define HX_HOST_PRIV_H

#include <hx/hal/cpu.h>
#include <hx/hal/host.h>
#include <ucontext.h>

/* Where things lie in the process. Any place would do; fixed ones make runs alike. AddressSanitizer
 * keeps its shadow below 0x100000000000 on this machine, the program and libraries lie above
 * 0x500000000000. */
#define HOST_HHDM_BASE		((uintptr_t)0x200000000000)
#define HOST_HEAP_BASE		((uintptr_t)0x300000000000)
#define HOST_DEVICE_BASE	((uintptr_t)0x310000000000)
#define HOST_MODULES_BASE	((uintptr_t)0x320000000000)
#define HOST_STACKS_BASE	((uintptr_t)0x330000000000)
#define HOST_AREA_BYTES		((uintptr_t)64 << 30)
/* Physical addresses reach this far: RAM and, behind it, whatever a device window is mapped to. */
#define HOST_PHYS_BYTES		((uint64_t)1 << 40)

/* One exception or interrupt. uc is NULL when no signal brought it: an interrupt raised by code. */
struct hx_trap_frame {
	unsigned vector;
	uint64_t error;
	uintptr_t fault_address;
	uintptr_t pc, sp, fp;		/* of the interrupted code */
	ucontext_t *uc;
};

/* Sanitizer entry points; NULL in a build without them. */
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size)
	__attribute__((weak));
void __sanitizer_finish_switch_fiber(void *saved, const void **old_bottom, size_t *old_size)
	__attribute__((weak));
void __asan_unpoison_memory_region(void const volatile *p, size_t n) __attribute__((weak));
void __asan_get_shadow_mapping(size_t *scale, size_t *offset) __attribute__((weak));

/* Of the linker: the first byte of the program. */
extern const char __executable_start;

/* memory.c */
int host_memory_init(const struct hx_host_params *p);
void host_memory_fini(void);
int host_memory_fd(void);
const struct hx_boot_info *host_memory_info(void);
bool host_memory_is_ram(uint32_t type);	/* an enum hx_mem_type that the direct map shows */
void host_memory_visit(void (*visit)(void *arg, uintptr_t start, uintptr_t end, size_t page_bytes,
				     unsigned flags), void *arg);
/* The range that mmu.c takes table pages from until frames exist. */
void host_memory_reserve(hx_paddr_t *start, hx_paddr_t *end);
/* No byte of a range that is going away may stay poisoned for its next user. */
void host_shadow_forget(uintptr_t start, size_t size_bytes);

/* mmu.c */
int host_mmu_init(void);
void host_mmu_fini(void);

/* user.c */
void host_user_reset(void);

/* irq.c: an interrupt arrived from outside (a signal); frame tells what it interrupted. */
void host_irq_signal(uint32_t line, struct hx_trap_frame *frame);
void host_irq_reset(void);

/* timer.c */
void host_timer_init(void);
void host_timer_fini(void);
bool host_timer_skip_to_next(void);	/* virtual time: fire the next event; false: none is set */

/* The rest: back to the state at power-on. */
void host_trap_init(void);
void host_trap_fini(void);
void host_frame_from_signal(struct hx_trap_frame *f, ucontext_t *uc, uintptr_t fault_address);
void host_reg_reset(void);
void host_console_reset(void);
void host_entropy_seed(uint64_t seed);
void host_context_recover(void);
void host_context_reset(void);

/* switch.S */
void host_switch(void **from_sp, void *to_sp);
void host_flow_start(void);
/* context.c, called from switch.S: the first thing in a new flow. */
void host_flow_entered(void);
HX_NORETURN void host_flow_returned(void);

#endif
