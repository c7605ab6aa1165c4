/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in words.
 * Source: Intel SDM vol. 3, 6.13 (error codes), 6.15 (exceptions), 4.7 (#PF).
 */
#include <hx/hal/trap.h>

#include "x86_priv.h"

#define VECTOR_TS	10u
#define VECTOR_GP	13u

const char *hx_trap_name(const struct hx_trap_frame *f)
{
	static const char *const names[HX_N_EXCEPTIONS] = {
		"divide error (#DE)", "debug (#DB)", "non-maskable interrupt", "breakpoint (#BP)",
		"overflow (#OF)", "bound range (#BR)", "invalid opcode (#UD)", "no FPU (#NM)",
		"double fault (#DF)", "FPU segment overrun", "invalid TSS (#TS)",
		"segment not present (#NP)", "stack fault (#SS)", "general protection (#GP)",
		"page fault (#PF)", "exception 15", "FPU error (#MF)", "alignment check (#AC)",
		"machine check (#MC)", "SIMD error (#XM)", "virtualization (#VE)",
		"control protection (#CP)", "exception 22", "exception 23", "exception 24",
		"exception 25", "exception 26", "exception 27", "hypervisor injection (#HV)",
		"VMM communication (#VC)", "security (#SX)", "exception 31",
	};

	return hx_x86_is_exception(f) ? names[hx_trap_vector(f) % HX_N_EXCEPTIONS] : "interrupt";
}

static void describe_page_fault(const struct hx_trap_frame *f, char *buf, size_t size)
{
	size_t n = 0;
	uint32_t e = f->error;

	hx_text_put(buf, size, &n, e & 16 ? "execution of " : e & 2 ? "write to " : "read of ");
	hx_text_put_hex(buf, size, &n, f->cr2);
	hx_text_put(buf, size, &n, e & 8 ? ", reserved bit set in a table" :
		    e & 32 ? ", protection key" : e & 1 ? ", not allowed by the page's rights" :
		    f->cr2 < HX_PAGE_SIZE ? ", null pointer" : ", page not present");
	hx_text_put(buf, size, &n, e & 4 ? ", from user mode" : ", from kernel mode");
}

static void describe_selector(uint32_t e, char *buf, size_t size)
{
	size_t n = 0;

	hx_text_put(buf, size, &n,
		    e & 2 ? "IDT vector " : e & 4 ? "LDT selector " : "GDT selector ");
	hx_text_put_hex(buf, size, &n, e & 2 ? e >> 3 : e & 0xfff8);
	hx_text_put(buf, size, &n, e & 1 ? ", during an external event" : "");
}

void hx_trap_describe(const struct hx_trap_frame *f, char *buf, size_t size)
{
	unsigned v = hx_x86_is_exception(f) ? hx_trap_vector(f) : 0;
	size_t n = 0;

	if (v == HX_VECTOR_PF) {
		describe_page_fault(f, buf, size);
	} else if (v >= VECTOR_TS && v <= VECTOR_GP && f->error != 0) {
		describe_selector(f->error, buf, size);
	} else if (v == HX_VECTOR_DF && hx_trap_fault_address(f) != 0) {
		hx_text_put(buf, size, &n, "stack overflow, no page at ");
		hx_text_put_hex(buf, size, &n, f->cr2);
	} else {
		hx_text_put(buf, size, &n, "error code ");
		hx_text_put_hex(buf, size, &n, hx_x86_is_exception(f) ? f->error : 0);
	}
}
