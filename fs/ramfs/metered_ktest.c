// SPDX-License-Identifier: MIT
/*
 * Files in the booted kernel, for threads whose holder has so many bytes a second. No more than
 * that passes in any time, by the kernel's own clock; how much less, on a host that is slow, is
 * nobody's fault. Who has no limit never waits.
 */
#include <hx/core/ktest.h>
#include <hx/core/resources_io.h>
#include <hx/core/string.h>
#include <hx/fs/vfs.h>
#include <hx/hal/timer.h>

#define TEAM	4u
#define RATE	65536u
#define DEPTH	6553u		/* a tenth of a second's: the bucket begins full */
#define PIECE	4096u
#define PIECES	10u

static struct hx_res_holder disk, slow, quick;

struct writer {
	struct hx_res_holder *h;
	struct hx_res_io io;
	char path[16];
	uint64_t n_bytes;
	uint32_t n_wrong;
	hx_ns_t began, ended;		/* ended: atomic */
};

static struct writer writers[TEAM];
static uint32_t may_go;		/* atomic */

static int write_all(struct writer *w)
{
	static const uint8_t piece[PIECE] = { 1, 2, 3 };
	struct hx_file f;
	int err = hx_vfs_open(&f, w->path, HX_OPEN_WRITE | HX_OPEN_CREATE, 0600);

	if (err != 0)
		return err;
	w->began = hx_now_ns();
	for (unsigned i = 0; i < PIECES; i++) {
		hx_ssize_t n = hx_vfs_write(&f, piece, sizeof(piece));

		w->n_wrong += n != sizeof(piece);
		w->n_bytes += n > 0 ? (uint64_t)n : 0;
	}
	hx_vfs_close(&f);
	__atomic_store_n(&w->ended, hx_now_ns(), __ATOMIC_RELEASE);
	return 0;
}

static int writer_fn(void *arg)
{
	struct writer *w = arg;

	while (__atomic_load_n(&may_go, __ATOMIC_ACQUIRE) == 0)
		hx_sleep_ns(HX_NS_PER_MS);
	return write_all(w);
}

/* So much may pass in that time, and not a byte more: what is lent is the last request. */
static uint64_t most(uint64_t rate, hx_ns_t ns)
{
	return DEPTH + PIECE + rate * (ns / HX_NS_PER_MS + 1) / 1000;
}

static void start(struct hx_ktest_run *t, unsigned i, struct hx_res_holder *h, uint64_t promise,
		  struct hx_thread **out)
{
	struct writer *w = &writers[i];
	const struct hx_thread_params p = {
		.name = "writer", .fn = writer_fn, .arg = w, .prio = HX_PRIO_DEFAULT,
	};

	*w = (struct writer){ .h = h };
	hx_strlcpy(w->path, "/kt.io0", sizeof(w->path));
	w->path[6] = (char)('0' + i);
	hx_require(t, hx_thread_create(&p, out) == 0);
	hx_require(t, hx_res_io_promise(h, &w->io, *out, promise) == 0);
}

static void finish(struct hx_ktest_run *t, struct hx_thread *thread, struct writer *w)
{
	int result = -1;

	/* Not joined before its part in the holder ends. */
	for (unsigned i = 0; i < 6000 && __atomic_load_n(&w->ended, __ATOMIC_ACQUIRE) == 0; i++)
		hx_sleep_ns(10 * HX_NS_PER_MS);
	hx_res_io_end(&w->io);
	hx_expect(t, hx_thread_join(thread, HX_FOREVER, &result) == 0 && result == 0);
	hx_expect(t, w->n_wrong == 0 && w->n_bytes == PIECES * PIECE);
	hx_expect(t, hx_vfs_unlink(w->path) == 0);
}

HX_KTEST(vfs_io_of_a_limited_holder_takes_its_time)
{
	struct hx_thread *threads[2];
	hx_ns_t ns;

	may_go = 0;
	hx_require(t, hx_res_holder_init(&slow, "slow", NULL) == 0);
	hx_require(t, hx_res_holder_init(&quick, "quick", NULL) == 0);
	hx_require(t, hx_res_limit(&slow, HX_RES_IO, HX_RES_NONE, RATE) == 0);
	start(t, 0, &slow, 0, &threads[0]);
	start(t, 1, &quick, 0, &threads[1]);
	__atomic_store_n(&may_go, 1, __ATOMIC_RELEASE);
	finish(t, threads[0], &writers[0]);
	finish(t, threads[1], &writers[1]);
	ns = writers[0].ended - writers[0].began;
	hx_expect(t, PIECES * PIECE <= most(RATE, ns));
	hx_expect(t, ns >= (PIECES - 1) * PIECE * 1000ull / RATE * HX_NS_PER_MS - HX_NS_PER_S / 9);
	hx_expect(t, slow.meter.n_waits >= PIECES - 3 && slow.meter.n_bytes == PIECES * PIECE);
	hx_expect(t, quick.meter.n_waits == 0 && quick.meter.n_bytes == PIECES * PIECE);
	hx_expect(t, hx_res_holder_end(&slow) == 0 && hx_res_holder_end(&quick) == 0);
}

HX_KTEST(vfs_io_of_all_cpus_is_within_one_limit)
{
	struct hx_thread *threads[TEAM];
	hx_ns_t began, ended = 0;

	may_go = 0;
	hx_require(t, hx_res_holder_init(&disk, "disk", NULL) == 0);
	hx_require(t, hx_res_limit(&disk, HX_RES_IO, HX_RES_NONE, 4 * RATE) == 0);
	hx_require(t, hx_res_holder_init(&slow, "slow", &disk) == 0);
	hx_require(t, hx_res_holder_init(&quick, "quick", &disk) == 0);
	start(t, 0, &quick, 3 * RATE, &threads[0]);
	for (unsigned i = 1; i < TEAM; i++)
		start(t, i, &slow, 0, &threads[i]);
	hx_expect(t, disk.accounts[HX_RES_IO].charged == 3 * RATE && hx_res_check() == 0);
	began = hx_now_ns();
	__atomic_store_n(&may_go, 1, __ATOMIC_RELEASE);
	for (unsigned i = TEAM; i-- != 0;) {
		finish(t, threads[i], &writers[i]);
		ended = writers[i].ended > ended ? writers[i].ended : ended;
	}
	/* Three writers had what the promise left, whether the fourth used it or not. */
	hx_expect(t, (TEAM - 1) * PIECES * PIECE <= most(RATE, ended - began));
	hx_expect(t, disk.meter.n_bytes == TEAM * PIECES * PIECE);
	hx_expect(t, slow.meter.n_bytes == (TEAM - 1) * PIECES * PIECE);
	hx_expect(t, slow.meter.n_again + quick.meter.n_again == 0);
	hx_expect(t, hx_res_holder_end(&slow) == 0 && hx_res_holder_end(&quick) == 0);
	hx_expect(t, disk.accounts[HX_RES_IO].charged == 0 && hx_res_holder_end(&disk) == 0);
}

HX_KTEST(vfs_io_goes_on_when_its_holder_ends)
{
	struct hx_thread *threads[TEAM];
	int result;

	may_go = 0;
	hx_require(t, hx_res_holder_init(&slow, "slow", NULL) == 0);
	/* For each some seconds: too long for a test, but they need not wait. */
	hx_require(t, hx_res_limit(&slow, HX_RES_IO, HX_RES_NONE, PIECE) == 0);
	for (unsigned i = 0; i < TEAM; i++)
		start(t, i, &slow, 0, &threads[i]);
	__atomic_store_n(&may_go, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; i < 1000; i++) {
		struct hx_res_io *io = &writers[i % TEAM].io;

		if (__atomic_load_n(&slow.meter.n_waits, __ATOMIC_RELAXED) >= TEAM - 1)
			break;
		hx_expect(t, !io->is_ended);
		hx_sleep_ns(HX_NS_PER_MS);
	}
	hx_expect(t, hx_res_holder_end(&slow) == 0);
	for (unsigned i = 0; i < TEAM; i++) {
		hx_expect(t, !writers[i].io.is_inside && threads[i]->io == NULL);
		hx_expect(t, hx_thread_join(threads[i], HX_FOREVER, &result) == 0 && result == 0);
		hx_expect(t, writers[i].n_wrong == 0 && hx_vfs_unlink(writers[i].path) == 0);
	}
}
