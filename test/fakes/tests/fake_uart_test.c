/* SPDX-License-Identifier: MIT */
/*
 * The fake UART against the data sheet of the 16550, register by register.
 */
#include "hx_test.h"
#include "fake_uart.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR };
#define FCR	IIR
#define PORT	0x3f8
#define LINE	4u

static struct fake_uart u;
static struct hx_reg_window w = { .base = PORT, .is_port = true };
static unsigned n_interrupts;

static void upcall(uint32_t line, struct hx_trap_frame *frame)
{
	n_interrupts += line == LINE;
}

static void exit_upcall(void)
{
}

static int set_up(void **state)
{
	const struct hx_boot_info *info;

	n_interrupts = 0;
	if (hx_host_start(&(struct hx_host_params){ .mem_bytes = 4 << 20 }, &info) != 0 ||
	    hx_hal_irq_init(upcall, exit_upcall) != 0 || fake_uart_init(&u, PORT, LINE) != 0)
		return -1;
	hx_irq_line_unmask(LINE);
	hx_irq_enable();
	return 0;
}

static int tear_down(void **state)
{
	hx_host_stop();
	return 0;
}

static uint8_t in(unsigned reg)
{
	return hx_reg_read8(&w, reg);
}

static void out(unsigned reg, uint8_t value)
{
	hx_reg_write8(&w, reg, value);
}

static void bytes_written_are_sent(void **state)
{
	out(DATA, 'h');
	out(DATA, 'x');
	assert_string_equal(u.sent, "hx");
	assert_int_equal(in(LSR), 0x60);
	assert_int_equal(u.n_lost, 0);
}

static void divisor_hides_behind_dlab(void **state)
{
	out(LCR, 0x83);
	out(DATA, 1);
	out(IER, 2);
	assert_int_equal(in(DATA), 1);
	out(LCR, 0x03);
	assert_int_equal(fake_uart_divisor(&u), 0x201);
	assert_string_equal(u.sent, "");
	assert_int_equal(in(IER), 0);
	assert_int_equal(in(LCR), 0x03);
}

static void received_bytes_are_read_in_order(void **state)
{
	out(FCR, 0x01);
	fake_uart_receive(&u, "abc", 3);
	assert_int_equal(in(LSR) & 1, 1);
	assert_int_equal(in(DATA), 'a');
	assert_int_equal(in(DATA), 'b');
	assert_int_equal(in(DATA), 'c');
	assert_int_equal(in(LSR) & 1, 0);
	assert_int_equal(u.n_read_empty, 0);
	in(DATA);
	assert_int_equal(u.n_read_empty, 1);
}

static void seventeenth_byte_overruns(void **state)
{
	out(FCR, 0x01);
	fake_uart_receive(&u, "0123456789abcdefX", 17);
	assert_int_equal(in(LSR) & 2, 2);
	assert_int_equal(in(LSR) & 2, 0);	/* reading tells it once */
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(in(DATA), "0123456789abcdef"[i]);
}

static void without_fifo_the_second_byte_overruns(void **state)
{
	fake_uart_receive(&u, "ab", 2);
	assert_int_equal(in(LSR) & 2, 2);
	assert_int_equal(in(DATA), 'a');
	assert_int_equal(in(IIR) & 0xc0, 0);
}

static void receive_interrupt_stands_until_all_is_read(void **state)
{
	out(FCR, 0x01);
	out(MCR, 0x08);
	out(IER, 0x01);
	fake_uart_receive(&u, "ab", 2);
	assert_int_equal(n_interrupts, 1);	/* one edge */
	assert_int_equal(in(IIR), 0xc4);
	in(DATA);
	assert_int_equal(in(IIR), 0xc4);
	in(DATA);
	assert_int_equal(in(IIR), 0xc1);
	fake_uart_receive(&u, "c", 1);
	assert_int_equal(n_interrupts, 2);
}

static void interrupts_stay_inside_without_out2(void **state)
{
	out(IER, 0x01);
	fake_uart_receive(&u, "a", 1);
	assert_int_equal(n_interrupts, 0);
	out(MCR, 0x08);
	assert_int_equal(n_interrupts, 1);
}

static void transmit_interrupt_comes_when_enabled_and_when_empty(void **state)
{
	out(FCR, 0x01);
	out(MCR, 0x08);
	out(IER, 0x02);
	assert_int_equal(n_interrupts, 1);
	assert_int_equal(in(IIR), 0xc2);
	assert_int_equal(in(IIR), 0xc1);	/* reading the cause takes it back */
	u.held = true;
	out(DATA, 'a');
	out(DATA, 'b');
	assert_int_equal(n_interrupts, 1);
	fake_uart_drain(&u, 1);
	assert_int_equal(n_interrupts, 1);
	assert_int_equal(in(LSR) & 0x20, 0);
	fake_uart_drain(&u, 1);
	assert_int_equal(n_interrupts, 2);
	assert_string_equal(u.sent, "ab");
}

static void writing_into_a_full_fifo_is_counted_as_lost(void **state)
{
	out(FCR, 0x01);
	u.held = true;
	for (unsigned i = 0; i < 17; i++)
		out(DATA, (uint8_t)('a' + i));
	assert_int_equal(u.n_lost, 1);
	fake_uart_drain(&u, 100);
	assert_string_equal(u.sent, "abcdefghijklmnop");
}

static void loopback_returns_what_is_sent(void **state)
{
	out(MCR, 0x10 | 0x0f);
	out(DATA, 0xae);
	assert_int_equal(in(DATA), 0xae);
	assert_string_equal(u.sent, "");
	assert_int_equal(in(MSR), 0xf0);	/* DTR RTS OUT1 OUT2 -> DSR CTS RI DCD */
}

static void scratch_keeps_its_byte(void **state)
{
	out(SCR, 0x5a);
	assert_int_equal(in(SCR), 0x5a);
}

static void fifo_reset_empties_it(void **state)
{
	out(FCR, 0x01);
	fake_uart_receive(&u, "ab", 2);
	out(FCR, 0x03);
	assert_int_equal(in(LSR) & 1, 0);
}

#define CASE(fn)	cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(bytes_written_are_sent),
		CASE(divisor_hides_behind_dlab),
		CASE(received_bytes_are_read_in_order),
		CASE(seventeenth_byte_overruns),
		CASE(without_fifo_the_second_byte_overruns),
		CASE(receive_interrupt_stands_until_all_is_read),
		CASE(interrupts_stay_inside_without_out2),
		CASE(transmit_interrupt_comes_when_enabled_and_when_empty),
		CASE(writing_into_a_full_fifo_is_counted_as_lost),
		CASE(loopback_returns_what_is_sent),
		CASE(scratch_keeps_its_byte),
		CASE(fifo_reset_empties_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
