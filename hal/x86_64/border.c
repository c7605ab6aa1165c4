/* SPDX-License-Identifier: MIT */
/*
 * Gates as this machine runs them:
 *
 *	movabs	$gate, %r10
 *	movabs	$target, %r11		or where it is, and then
 *	mov	(%r11), %r11
 *	mov	$refused, %rax
 *	jmp	*1f(%rip)
 *	.balign	8
 * 1:	.quad	hx_x86_border_enter
 */
#include <hx/hal/border.h>
#include <hx/hal/mem.h>
#include <hx/hal/percpu.h>

#include "x86_priv.h"

#define RFLAGS_IF	0x200u
#define RFLAGS_FIXED	2u

_Static_assert(offsetof(struct hx_border, gate) == 64, "border.S: GATE");
_Static_assert(offsetof(struct hx_border, machine) == 96, "border.S: FLAGS");
_Static_assert(offsetof(struct hx_border_gate, link_at) == 4, "border.S: LINK_AT");
_Static_assert(offsetof(struct hx_border_gate, landed) == 8, "border.S: LANDED");
_Static_assert(sizeof(struct hx_border) == 160, "border.S");
_Static_assert(offsetof(struct hx_percpu, preempt_off) == 0, "border.S");
_Static_assert(offsetof(struct hx_percpu, irq_depth) == 4, "border.S");
_Static_assert(offsetof(struct hx_percpu, current) == 8, "border.S: CURRENT");

void hx_x86_border_enter(void);
void hx_x86_border_unwind(void);

static uint8_t *put(uint8_t *at, uint16_t opcode, const void *value, size_t n)
{
	*at++ = (uint8_t)opcode;
	*at++ = (uint8_t)(opcode >> 8);
	if (n > 0)
		memcpy(at, value, n);
	return at + n;
}

static void write_gate(uint8_t *start, struct hx_border_gate *gate, uintptr_t value, bool is_place,
		       int32_t refused)
{
	void (*const enter)(void) = hx_x86_border_enter;
	uint8_t *p = start;
	int32_t to_slot;

	memset(start, 0xcc, HX_BORDER_GATE_BYTES);
	p = put(p, 0xba49, &gate, sizeof(gate));
	p = put(p, 0xbb49, &value, sizeof(value));
	if (is_place) {
		*p++ = 0x4d;
		p = put(p, 0x1b8b, NULL, 0);
	}
	*p++ = 0x48;
	p = put(p, 0xc0c7, &refused, sizeof(refused));
	to_slot = (int32_t)(start + HX_BORDER_GATE_BYTES - 8 - (p + 6));
	(void)put(p, 0x25ff, &to_slot, sizeof(to_slot));
	memcpy(start + HX_BORDER_GATE_BYTES - 8, &enter, sizeof(enter));
}

void hx_border_gate_write(void *at, struct hx_border_gate *gate, uintptr_t target, int32_t refused)
{
	write_gate(at, gate, target, false, refused);
}

void hx_border_gate_write_to(void *at, struct hx_border_gate *gate, const uintptr_t *target,
			     int32_t refused)
{
	write_gate(at, gate, (uintptr_t)target, true, refused);
}

void hx_border_unwind(struct hx_trap_frame *f, struct hx_border *b)
{
	f->rip = (uintptr_t)hx_x86_border_unwind;
	f->rsp = (uintptr_t)b;
	f->rflags = RFLAGS_FIXED | (b->machine[0] & RFLAGS_IF);
}
