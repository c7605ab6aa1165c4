/* SPDX-License-Identifier: MIT */
/*
 * What the files of this room share: instructions C cannot say, register bits, and the calls
 * between boot, mmu, traps and interrupts.
 */
#ifndef HX_X86_PRIV_H
#define HX_X86_PRIV_H

#include <hx/config/hal_common.h>
#include <hx/config/hal_paging.h>
#include <hx/config/hal_x86_64.h>
#include <hx/hal/boot_info.h>
#include <hx/hal/cpu.h>
#include <hx/hal/parse.h>
#include <hx/hal/percpu.h>

#pragma GCC visibility push(hidden)	/* no detour through a GOT */

/* Image addresses minus physical ones at slide 0; link.ld says the same. */
#define HX_IMAGE_OFFSET		0xffffffff80000000ull
#define HX_IMAGE_WINDOW		HX_GIB			/* KASLR slides inside it */
#define HX_STACKS_START		0xffffffffc0000000ull

#define HX_CR0_ON		0x80010033u	/* PG WP NE ET MP PE */
#define HX_CR4_PAE		(1u << 5)
#define HX_CR4_PGE		(1u << 7)
#define HX_CR4_UMIP		(1u << 11)
#define HX_CR4_LA57		(1u << 12)
#define HX_CR4_SMEP		(1u << 20)
#define HX_CR4_SMAP		(1u << 21)
#define HX_MSR_APIC_BASE	0x1bu
#define HX_MSR_EFER		0xc0000080u

/* Vectors from 32 on are lines; the last ones have no device. */
#define HX_VECTOR_BASE		32u
#define HX_LINES_DEVICE		(HX_ENABLED(SMP) ? HX_LINE_IPI : HX_LINE_SOFT)
#define HX_LINE_IPI		60u
#define HX_LINE_SOFT		61u
#define HX_LINE_TIMER		62u
#define HX_LINE_SPURIOUS	63u	/* vector 0x5f: old APICs want the low four bits set */

/* GDT selectors. */
#define HX_SEL_CODE		0x08
#define HX_SEL_DATA		0x10
#define HX_SEL_TSS		0x18
#define HX_SEL_USER_DATA	0x28	/* code behind data, as SYSRET wants them */
#define HX_SEL_USER_CODE	0x30

struct hx_cpuid {
	uint32_t a, b, c, d;
};

static inline struct hx_cpuid hx_cpuid(uint32_t leaf, uint32_t sub)
{
	struct hx_cpuid r;

	__asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d)
			 : "a"(leaf), "c"(sub));
	return r;
}

static inline uint64_t hx_rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return (uint64_t)hi << 32 | lo;
}

static inline void hx_wrmsr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32))
			 : "memory");
}

static inline uint64_t hx_cr4(void)
{
	uint64_t v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	return v;
}

static inline void hx_outb(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t hx_inb(uint16_t port)
{
	uint8_t value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline void hx_outl(uint16_t port, uint32_t value)
{
	__asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint32_t hx_inl(uint16_t port)
{
	uint32_t value;

	__asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
	return value;
}

static inline volatile uint32_t *hx_mmio(uintptr_t base, unsigned offset)
{
	return (volatile uint32_t *)(base + offset);
}

static inline size_t hx_x86_strlen(const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	return n;
}

/* ---- boot.c: the handover, and where the image lies */
extern struct hx_boot_info hx_x86_boot;
extern char hx_image_start[], hx_text_end[], hx_rodata_start[], hx_rodata_end[], hx_data_start[],
	hx_data_end[], hx_bss_start[], hx_clear_start[], hx_bss_end[], hx_symtab_start[],
	hx_image_end[];
extern const uint64_t hx_relr_start[], hx_relr_end[];
HX_NORETURN void hx_x86_boot_early(uint32_t magic, uint32_t info_pa, uint64_t entry_cycles);
HX_NORETURN void hx_x86_boot_final(uint64_t slide);
HX_NORETURN void hx_x86_refuse(const char *why);

/* ---- boot.S: load CR3, take the new stack and go to entry(arg), through the identity map */
HX_NORETURN void hx_x86_boot_switch(hx_paddr_t root, uintptr_t stack_top, uintptr_t entry,
				    uint64_t arg);

/* ---- mmu.c, mmu_boot.c, tables.c */
#define HX_BOOT_TABLES		16	/* pages; the first ones are boot.S's */
#define HX_EARLY_TABLES		(3 + CONFIG_LA57)
#define HX_IST_BYTES		8192	/* the panic report must fit */
enum hx_ist { HX_IST_DOUBLE_FAULT = 1, HX_IST_NMI, HX_IST_MACHINE_CHECK, HX_IST_COUNT };

/* Pages of the image that are not mapped at their image address (link.ld: .boot_pages). */
struct hx_boot_pages {
	uint8_t tables[HX_BOOT_TABLES][4096];
	uint8_t ist[HX_IST_COUNT - 1][HX_IST_BYTES];	/* boot.S's stack follows */
};
extern struct hx_boot_pages hx_boot_pages;
extern char hx_boot_pages_end[];

const void *hx_x86_early_map(hx_paddr_t pa, size_t size);
HX_MUST_CHECK int hx_x86_mmu_build(uint64_t slide, hx_paddr_t *root_out);
HX_MUST_CHECK int hx_x86_mmu_live(void);
uintptr_t hx_x86_ist_top(enum hx_ist ist);
uintptr_t hx_x86_boot_stack_top(void);
/* See RAM or firmware tables for a moment: valid until the next call; NULL if it cannot be. */
const void *hx_x86_window(hx_paddr_t pa, size_t size);

/* ---- cpu.c */
/* Words of CPUID that tell features: leaf and register. */
enum hx_x86_word { W_1C, W_1D, W_7B, W_7C, W_81D, W_87D };
bool hx_x86_has(enum hx_x86_word word, unsigned bit);
void hx_x86_cpu_enable(void);

/* ---- trap.c, trap.S */
struct hx_trap_frame;
bool hx_x86_user_fault(struct hx_trap_frame *f);	/* fault.c; true: dealt with */
struct hx_trap_frame {
	uint64_t cr2;
	uint64_t r15, r14, r13, r12, rbx;	/* garbage in an interrupt's frame */
	uint64_t rbp, r11, r10, r9, r8, rdi, rsi, rdx, rcx, rax;
	uint32_t error;				/* error code; the line in an interrupt's frame */
	uint32_t vector;			/* HX_FRAME_EXCEPTION | vector; interrupt: 0 */
	uint64_t rip, cs, rflags, rsp, ss;
};
#define HX_FRAME_EXCEPTION	0x100u
#define HX_N_EXCEPTIONS		32u
#define HX_VECTOR_DF		8u
#define HX_VECTOR_PF		14u

static inline bool hx_x86_is_exception(const struct hx_trap_frame *f)
{
	return (f->vector & HX_FRAME_EXCEPTION) != 0;
}

/* A page fault that was somebody's to resolve, and is dealt with (fault.c). */
static inline bool hx_x86_is_resolved(struct hx_trap_frame *f)
{
	return HX_ENABLED(MMU_SPACES) && f->vector == (HX_FRAME_EXCEPTION | HX_VECTOR_PF) &&
	       hx_x86_user_fault(f);
}

extern const char hx_x86_exception_stubs[][4], hx_x86_irq_stubs_low[][7],
	hx_x86_irq_stubs_high[][4], hx_x86_spurious_stub[];
void hx_x86_context_start(void);
void hx_x86_trap_init(void);
/* For another CPU, on itself: ist_top[] has HX_IST_COUNT - 1 stacks. */
void hx_x86_trap_init_cpu(unsigned cpu, const uintptr_t ist_top[]);
void hx_x86_trap_dispatch(struct hx_trap_frame *f);

/* ---- umode.c, umode.S, with CONFIG_USER_MODE */
struct hx_user_start;
HX_NORETURN void hx_x86_user_enter(const struct hx_user_start *start);
void hx_x86_umode_init_cpu(void);
/* Does not return if f is of user mode and somebody ends its thread. err 0: by the vector. */
void hx_x86_user_trap(struct hx_trap_frame *f, int err);

/* ---- fault.c, with CONFIG_MMU_SPACES */
struct hx_x86_fixup {
	int32_t access, go_on;		/* from the address of each field */
};
struct hx_x86_smap_site {
	int32_t at;			/* from the address of this field */
	uint32_t bytes;			/* the instruction, three bytes */
};
extern const struct hx_x86_fixup __start_hx_fixups[], __stop_hx_fixups[];
extern const struct hx_x86_smap_site __start_hx_smap_sites[], __stop_hx_smap_sites[];
/* user.S; 0 or -HX_EFAULT, strncpy also the length */
int hx_x86_user_copy(void *dst, const void *src, size_t n);
int hx_x86_user_clear(void *dst, size_t n);
hx_ssize_t hx_x86_user_strncpy(char *dst, const char *src, size_t n);
void hx_x86_smap_patch(void);		/* while text is writable: before the final tables */

/* ---- irq.c */
extern uintptr_t hx_x86_lapic;		/* where its registers are mapped; 0: not yet */
extern void (*hx_x86_irq_upcall)(uint32_t line, struct hx_trap_frame *frame);
extern void (*hx_x86_irq_exit_upcall)(void);
HX_MUST_CHECK int hx_x86_lapic_start(void);
void hx_x86_lapic_enable(void);		/* another CPU's own */
uint8_t hx_x86_apic_id(void);		/* of the boot CPU */
HX_MUST_CHECK int hx_x86_acpi(const struct hx_acpi **out);
#define HX_REDIR_LEVEL	(1u << 15)
extern uint16_t hx_x86_redirection[];	/* of each line */
extern struct hx_x86_ioapic {
	uintptr_t base;
	uint32_t first, end;		/* lines */
} hx_x86_ioapics[HX_ACPI_IOAPICS_MAX];

/* Which I/O APIC a line ends at; -1: none, e.g. the timer's. */
static inline int hx_x86_ioapic_of(uint32_t line)
{
	for (unsigned i = 0; i < HX_ACPI_IOAPICS_MAX; i++)
		if (line >= hx_x86_ioapics[i].first && line < hx_x86_ioapics[i].end)
			return (int)i;
	return -1;
}

/* ---- irq_control.c (CONFIG_LINE_CONTROL) */
uint32_t hx_x86_line_apic(uint32_t line);	/* that takes it, in the upper byte */
extern uint64_t hx_x86_n_spurious;		/* a trap.S counts */

/* ---- timer.c */
void hx_x86_timer_start_cpu(void);

/* ---- backtrace_modules.c (CONFIG_BACKTRACE_MODULES): is it code that was loaded? */
bool hx_x86_in_module(uintptr_t pc);

/* ---- smp.c, ap.S */
extern const char hx_x86_ap_page[], hx_x86_ap_page_end[];
void hx_x86_ap_reserve(void);
uint8_t hx_x86_apic_of(unsigned cpu);	/* of a CPU that was started, or the boot CPU */
void hx_x86_ipi(unsigned cpu, uint32_t command);	/* the command register, lower half */
HX_NORETURN void hx_x86_ap_main(unsigned cpu);

/* ---- keep.c (CONFIG_KEPT_RAM) */
void hx_x86_keep_reserve(void);

/* ---- screen.c (CONFIG_SCREEN) */
void hx_x86_screen_map(void);
/* What is taken next of the device area, so many bytes, must not meet the screen's part of it. */
void hx_x86_screen_pass(uintptr_t *device_used, size_t bytes);

/* ---- platform.c */
void hx_x86_earlycon_init(void);

#pragma GCC visibility pop

#endif
