// SPDX-License-Identifier: MIT
/*
 * A driver of the 16550 that follows a pointer that was never one: in the operation and after the
 * number of calls that the node /test/broken_serial was told ("put 20"; at first: none). get and
 * put break in the middle: some bytes have moved, and are counted.
 */
#include <hx/core/names.h>
#include <hx/core/string.h>
#include <hx/core/text.h>
#include <hx/drivers/uart16550.h>

enum op { OP_LOAD, OP_GET, OP_PUT, OP_WANT, OP_PENDING, OPS };

static const char op_names[OPS][8] = { "load", "get", "put", "want", "pending" };
static volatile uint32_t broken_op = OPS, n_left;

static bool is_time(enum op op)
{
	return broken_op == op && (n_left == 0 || --n_left == 0);
}

static void may_break(enum op op)
{
	if (is_time(op))
		*(volatile uint64_t *)0x5a5a5a5a5a5a0000 = op;
}

static int broken_load(struct hx_serial_chip *c, const struct hx_serial_state *st)
{
	may_break(OP_LOAD);
	return uart_load(c, st);
}

static int broken_get(struct hx_serial_chip *c, uint8_t *bytes, unsigned n)
{
	if (is_time(OP_GET)) {
		(void)uart_take(c, bytes, n > 3 ? 3 : n);
		*(volatile uint64_t *)0x5a5a5a5a5a5a0000 = OP_GET;
	}
	return uart_take(c, bytes, n);
}

static int broken_put(struct hx_serial_chip *c, const uint8_t *bytes, unsigned n)
{
	if (is_time(OP_PUT)) {
		(void)uart_give(c, bytes, n > 3 ? 3 : n);
		*(volatile uint64_t *)0x5a5a5a5a5a5a0000 = OP_PUT;
	}
	return uart_give(c, bytes, n);
}

static int broken_want(struct hx_serial_chip *c, unsigned bits)
{
	may_break(OP_WANT);
	c->wants = bits;
	uart_put(c, UART_IER, (bits & HX_SERIAL_IN ? IER_RX | IER_LINE : 0) |
			      (bits & HX_SERIAL_ROOM ? IER_TX : 0));
	return 0;
}

static int broken_pending(struct hx_serial_chip *c)
{
	may_break(OP_PENDING);
	return (uart_get(c, UART_IIR) & IIR_NONE) == 0;
}

static int broken_rearm(struct hx_serial_chip *c)
{
	uart_put(c, UART_IER, 0);
	return broken_want(c, c->wants);
}

static const struct hx_serial_ops broken_serial_ops = {
	.abi = HX_SERIAL_ABI, .name = "broken", .present = uart_present, .load = broken_load,
	.save = uart_save, .look = uart_look, .get = broken_get, .put = broken_put,
	.want = broken_want, .pending = broken_pending, .rearm = broken_rearm,
};
HX_SERIAL_CLASS(broken_serial_ops);

/* "put 20" */
static int broken_take(const char *line, struct hx_text *ack, const struct hx_node_args *args)
{
	for (uint32_t op = 0; op < OPS; op++) {
		size_t n = hx_strlen(op_names[op]);
		uint64_t calls;

		if (hx_strncmp(line, op_names[op], n) != 0 || line[n] != ' ' ||
		    hx_parse_u64(line + n + 1, UINT32_MAX, &calls) != 0)
			continue;
		n_left = (uint32_t)calls;
		broken_op = op;
		return 0;
	}
	return -HX_EINVAL;
}

static const struct hx_node broken_node = {
	.path = "/test/broken_serial", .help = "takes an operation, and after how many calls",
	.rights = HX_NODE_APPEND, .take = broken_take,
};
HX_NODE(broken_node);
