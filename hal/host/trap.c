/* SPDX-License-Identifier: MIT */
/*
 * Exceptions in a process: the signals of the CPU's faults, with the vector and error code that the
 * system passes on. They arrive on a stack of their own, so that a stack overflow can be reported.
 *
 * What differs from the machine: a stack that runs into its guard page is a double fault there (the
 * CPU finds no stack to push on); here it is told by the fault address being next to the stack
 * pointer, and reported as the same vector 8.
 */
#define _GNU_SOURCE
#include "host_priv.h"
#include <hx/hal/trap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#define TRAP_STACK_BYTES	((size_t)256 << 10)
#define VECTOR_BREAKPOINT	3
#define VECTOR_DOUBLE_FAULT	8
#define VECTOR_PAGE		14
#define ERROR_PRESENT		1u
#define ERROR_WRITE		2u
#define ERROR_FETCH		16u

static const int signals[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };
static struct sigaction before[HX_ARRAY_LEN(signals)];
static stack_t stack_before;
static void *trap_stack;
static hx_trap_upcall_t upcall;

static const struct { const char *name; int greg; } registers[] = {
	{ "rax", REG_RAX }, { "rbx", REG_RBX }, { "rcx", REG_RCX }, { "rdx", REG_RDX },
	{ "rsi", REG_RSI }, { "rdi", REG_RDI }, { "rbp", REG_RBP }, { "rsp", REG_RSP },
	{ "r8", REG_R8 }, { "r9", REG_R9 }, { "r10", REG_R10 }, { "r11", REG_R11 },
	{ "r12", REG_R12 }, { "r13", REG_R13 }, { "r14", REG_R14 }, { "r15", REG_R15 },
	{ "rip", REG_RIP }, { "rflags", REG_EFL },
};

/* Names as in the Intel SDM, volume 3, table 6-1. */
static const char *const names[] = {
	[0] = "divide error (#DE)", [1] = "debug (#DB)", [3] = "breakpoint (#BP)",
	[4] = "overflow (#OF)", [5] = "bound range (#BR)", [6] = "invalid opcode (#UD)",
	[7] = "device not available (#NM)", [8] = "double fault (#DF)",
	[12] = "stack fault (#SS)", [13] = "general protection (#GP)", [14] = "page fault (#PF)",
	[16] = "x87 error (#MF)", [17] = "alignment (#AC)", [19] = "SIMD error (#XM)",
};

void host_frame_from_signal(struct hx_trap_frame *f, ucontext_t *uc, uintptr_t fault_address)
{
	const greg_t *r = uc->uc_mcontext.gregs;

	*f = (struct hx_trap_frame){
		.vector = (unsigned)r[REG_TRAPNO], .error = (uint64_t)r[REG_ERR],
		.fault_address = fault_address, .uc = uc,
		.pc = (uintptr_t)r[REG_RIP], .sp = (uintptr_t)r[REG_RSP],
		.fp = (uintptr_t)r[REG_RBP],
	};
}

/* Who handled it before us (a sanitizer, or the system) shall have it: they report, or end us. */
static void pass_on(unsigned idx, int signo, siginfo_t *info, void *uc)
{
	if (before[idx].sa_flags & SA_SIGINFO) {
		before[idx].sa_sigaction(signo, info, uc);
		return;
	}
	signal(signo, SIG_DFL);
	raise(signo);
}

static void on_signal(int signo, siginfo_t *info, void *uc)
{
	struct hx_trap_frame f;
	uint32_t irq_on = hx_host_cpu.irq_on;
	bool handled;

	host_frame_from_signal(&f, uc, 0);
	if (f.vector == VECTOR_PAGE) {
		f.fault_address = (uintptr_t)info->si_addr;
		if (f.fault_address - (f.sp - HX_PAGE_SIZE) < 2 * HX_PAGE_SIZE &&
		    !(f.error & ERROR_PRESENT))
			f.vector = VECTOR_DOUBLE_FAULT;
	}
	hx_irq_disable();	/* as behind an interrupt gate */
	handled = upcall != NULL && upcall(&f);
	hx_host_cpu.irq_on = irq_on;
	for (unsigned i = 0; !handled && i < HX_ARRAY_LEN(signals); i++)
		if (signals[i] == signo)
			pass_on(i, signo, info, uc);
}

void hx_host_take_signals(void)
{
	struct sigaction act = { .sa_sigaction = on_signal,
				 .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK };
	struct sigaction old;

	sigemptyset(&act.sa_mask);
	for (unsigned i = 0; i < HX_ARRAY_LEN(signals); i++) {
		sigaction(signals[i], &act, &old);
		if (old.sa_sigaction != on_signal)
			before[i] = old;
	}
}

void host_trap_init(void)
{
	stack_t stack = { .ss_size = TRAP_STACK_BYTES };

	trap_stack = stack.ss_sp = malloc(TRAP_STACK_BYTES);
	if (trap_stack == NULL || sigaltstack(&stack, &stack_before) != 0)
		hx_host_violation("no stack for exceptions");
	hx_host_take_signals();
}

void host_trap_fini(void)
{
	struct sigaction now;

	if (trap_stack == NULL)
		return;
	for (unsigned i = 0; i < HX_ARRAY_LEN(signals); i++) {
		sigaction(signals[i], NULL, &now);
		if (now.sa_sigaction == on_signal)
			sigaction(signals[i], &before[i], NULL);
	}
	sigaltstack(&stack_before, NULL);
	free(trap_stack);
	trap_stack = NULL;
	upcall = NULL;
}

hx_trap_upcall_t hx_trap_set_upcall(hx_trap_upcall_t up)
{
	hx_trap_upcall_t was = upcall;

	upcall = up;
	if (up != NULL && trap_stack != NULL)
		hx_host_take_signals();
	return was;
}

unsigned hx_trap_vector(const struct hx_trap_frame *f)
{
	return f->vector;
}

const char *hx_trap_name(const struct hx_trap_frame *f)
{
	if (f->vector >= HX_ARRAY_LEN(names) || names[f->vector] == NULL)
		return f->vector >= 32 ? "interrupt" : "exception";
	return names[f->vector];
}

void hx_trap_describe(const struct hx_trap_frame *f, char *buf, size_t size)
{
	const char *what = f->error & ERROR_FETCH ? "execution" :
			   f->error & ERROR_WRITE ? "write" : "read";

	if (f->vector == VECTOR_PAGE)
		snprintf(buf, size, "%s at %#zx, which %s", what, (size_t)f->fault_address,
			 f->error & ERROR_PRESENT ? "its mapping forbids" : "is not mapped");
	else if (f->vector == VECTOR_DOUBLE_FAULT)
		snprintf(buf, size, "stack overflow: %s at %#zx, below the stack", what,
			 (size_t)f->fault_address);
	else
		snprintf(buf, size, "error code %#llx", (unsigned long long)f->error);
}

bool hx_trap_register(const struct hx_trap_frame *f, unsigned idx, const char **name,
		      uint64_t *value)
{
	if (f->uc == NULL || idx >= HX_ARRAY_LEN(registers))
		return false;
	*name = registers[idx].name;
	*value = (uint64_t)f->uc->uc_mcontext.gregs[registers[idx].greg];
	return true;
}

uintptr_t hx_trap_pc(const struct hx_trap_frame *f)
{
	return f->pc;
}

uintptr_t hx_trap_sp(const struct hx_trap_frame *f)
{
	return f->sp;
}

uintptr_t hx_trap_fault_address(const struct hx_trap_frame *f)
{
	return f->fault_address;
}

void hx_trap_set_pc(struct hx_trap_frame *f, uintptr_t pc)
{
	f->pc = pc;
	if (f->uc != NULL)
		f->uc->uc_mcontext.gregs[REG_RIP] = (greg_t)pc;
}

/* Copy from an address that may not be mapped: the system checks it, so nothing faults. */
static bool peek(uintptr_t address, void *out, size_t n)
{
	struct iovec to = { .iov_base = out, .iov_len = n };
	struct iovec from = { .iov_base = (void *)address, .iov_len = n };

	return process_vm_readv(getpid(), &to, 1, &from, 1, 0) == (ssize_t)n;
}

size_t hx_backtrace(const struct hx_trap_frame *f, uintptr_t *pcs, size_t max, bool *exact)
{
	uintptr_t fp = f != NULL ? f->fp : (uintptr_t)__builtin_frame_address(0);
	struct { uintptr_t next, ret; } frame;
	size_t n = 0;

	*exact = true;
	while (n < max && fp != 0 && fp % sizeof(uintptr_t) == 0) {
		if (!peek(fp, &frame, sizeof(frame)) || frame.ret == 0)
			break;
		pcs[n++] = frame.ret;
		if (frame.next <= fp)
			break;	/* stacks grow down: callers lie above, or it is no frame */
		fp = frame.next;
	}
	return n;
}

/* int3 is behind itself when it traps; the other instructions in trap.S are two bytes long. */
uintptr_t hx_trap_resume_pc(const struct hx_trap_frame *f)
{
	return f->pc + (f->vector == VECTOR_BREAKPOINT ? 0 : 2);
}
