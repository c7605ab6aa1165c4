/* SPDX-License-Identifier: MIT */
/* Memory that goes with a message: written in one space, read in another, copied nowhere. */
#include "hx_test.h"
#include <hx/core/frames.h>
#include <hx/hal/user.h>
#include <hx/vm/message.h>

#include "vm_priv.h"

#define SIZE	(300 * HX_PAGE_SIZE)	/* far more than a message carries */
#define BOTH	(HX_CHAN_SEND | HX_CHAN_RECV)

static struct hx_vm_space *from, *to;
static struct hx_chan *chan;

static int set_up(void **state)
{
	const struct hx_test_machine m = { .mem_bytes = 64 << 20, .components = "vm",
					   .cmdline = "helix.slot.heap=slab "
						      "helix.slot.frames=buddy" };
	const struct hx_chan_params p = { .name = "test", .capacity = 1 };

	return hx_test_machine_start(&m) != 0 || hx_vm_create(0, &from) != 0 ||
	       hx_vm_create(0, &to) != 0 || hx_chan_create(&p, &chan) != 0 ? -1 : 0;
}

static int tear_down(void **state)
{
	hx_vm_attach(NULL);
	hx_vm_put(from);
	hx_vm_put(to);
	return vm_n_spaces == 0 ? hx_test_machine_stop() : -1;
}

static uintptr_t map(struct hx_vm_space *s, struct hx_vm_object *o)
{
	const struct hx_vm_params p = { .size_bytes = SIZE, .object = o,
					.prot = HX_VM_READ | HX_VM_WRITE };
	uintptr_t va = 0;

	assert_int_equal(hx_vm_map(s, &p, &va), 0);
	hx_vm_attach(s);
	return va;
}

static void written_here_read_there(void **state)
{
	uint64_t n_free = hx_frames_n_free(), word = 0;
	struct hx_msg m = { .tag = 1 }, got;
	struct hx_vm_object *o;
	uintptr_t va;

	assert_int_equal(hx_vm_object_create(SIZE, &o), 0);
	va = map(from, o);
	for (uint64_t at = 0; at < SIZE; at += HX_PAGE_SIZE)
		assert_int_equal(hx_copy_to_user(va + at, &at, sizeof(at)), 0);
	assert_int_equal(hx_vm_unmap(from, va, SIZE), 0);
	m.parts[m.n_parts++] = hx_part_of_object(o);
	assert_int_equal(hx_chan_send(chan, &m, 0), 0);

	assert_int_equal(hx_chan_recv(chan, &got, 0), 0);
	assert_ptr_equal(hx_object_of_part(&got.parts[0]), o);
	got.parts[1] = (struct hx_part){ .kind = &hx_part_frames };
	assert_null(hx_object_of_part(&got.parts[1]));
	va = map(to, o);
	for (uint64_t at = 0; at < SIZE; at += HX_PAGE_SIZE) {
		assert_int_equal(hx_copy_from_user(&word, va + at, sizeof(word)), 0);
		assert_int_equal(word, at);
	}
	assert_int_equal(hx_vm_unmap(to, va, SIZE), 0);
	hx_vm_object_put(o);
	assert_true(n_free - hx_frames_n_free() < SIZE / HX_PAGE_SIZE);	/* the object's are back */
	hx_chan_close(chan, BOTH);
}

static void never_received_is_given_back(void **state)
{
	struct hx_msg m = { .tag = 1 };
	struct hx_vm_object *o;

	assert_int_equal(hx_vm_object_create(SIZE, &o), 0);
	m.parts[m.n_parts++] = hx_part_of_object(hx_vm_object_get(o));
	assert_int_equal(hx_chan_send(chan, &m, 0), 0);
	assert_int_equal(o->n_refs, 2);
	hx_chan_close(chan, BOTH);
	assert_int_equal(o->n_refs, 1);
	hx_vm_object_put(o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(written_here_read_there, set_up, tear_down),
		cmocka_unit_test_setup_teardown(never_received_is_given_back, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
