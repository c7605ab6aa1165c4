// SPDX-License-Identifier: MIT
/* Lines of a dump: whole ones, the last one, a number of bytes, errors. */
#include "hx_test.h"

#include <hx/core/console.h>
#include <hx/core/names.h>
#include <hx/core/text.h>

static int show_bytes(struct hx_text *out, const struct hx_node_args *args)
{
	for (int i = 0; i < 20; i++) {
		char c = (char)(i == 19 ? 0xff : 'a' + i);

		hx_text_write(out, &c, 1);
	}
	return 0;
}

static const struct hx_node bytes_node = { .path = "/t/bytes", .help = "20 bytes",
					   .rights = HX_NODE_READ, .max_bytes = 20,
					   .show = show_bytes };
HX_NODE(bytes_node);

static void expect(const char *line, const char *answer)
{
	char text[512];
	struct hx_text_buf out;

	hx_text_buf_init(&out, text, sizeof(text));
	(void)hx_console_execute(line, strlen(line), &out.text);
	assert_string_equal(text, answer);
}

#define FIRST	"00000000  61 62 63 64 65 66 67 68  69 6a 6b 6c 6d 6e 6f 70  |abcdefghijklmnop|\n"

static void lines_have_sixteen_bytes(void **state)
{
	expect("hexdump /t/bytes", "OK HEXDUMP path=/t/bytes\n" FIRST
	       "00000010  71 72 73 ff                                       |qrs.|\nEND\n");
	expect("hexdump /t/bytes 16", "OK HEXDUMP path=/t/bytes\n" FIRST "END\n");
	expect("hexdump /t/bytes 1", "OK HEXDUMP path=/t/bytes\n"
	       "00000000  61                                                |a|\nEND\n");
	expect("hexdump /t/bytes 0", "OK HEXDUMP path=/t/bytes\nEND\n");
}

static void errors_are_answered(void **state)
{
	expect("hexdump /t/none", "ERR HEXDUMP reason=cut detail=ENOENT\n");
	expect("hexdump /t/bytes x", "ERR HEXDUMP reason=policy detail=number\n");
	expect("hexdump", "ERR HEXDUMP reason=policy detail=usage\n");
}

static int start(void **state)
{
	hx_test_machine_with(&(struct hx_host_params){ .mem_bytes = 32 * HX_MIB });
	hx_test_start("names");
	return 0;
}

static int end(void **state)
{
	hx_test_machine_end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_have_sixteen_bytes),
		cmocka_unit_test(errors_are_answered),
	};

	return cmocka_run_group_tests(tests, start, end);
}
