/* SPDX-License-Identifier: MIT */
/*
 * The kernel as a program: its arguments are what a loader would pass, its terminal is the console.
 * Its status is the code given to hx_hal_exit(); 2 for a command line that makes no machine.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <hx/hal/host.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#define STATUS_USAGE	2
#define HOLES_MAX	16
#define ARCHIVE_NAME	"boot.cpio"	/* beside the program: loaded unless --module is given */

static struct hx_mem_range holes[HOLES_MAX];
static struct hx_host_module modules[HX_BOOT_MODULES_MAX];
static struct hx_host_params params = {
	.mem_bytes = (uint64_t)256 << 20, .holes = holes, .modules = modules,
};

static const char usage[] =
	"usage: helix-kernel [--mem SIZE] [--append WORDS] [--module FILE]...\n"
	"                    [--hole START-END]... [--seed N] [--reboot]\n"
	"  --mem SIZE        RAM, with suffix K, M or G (256M)\n"
	"  --append WORDS    kernel words, e.g. \"helix.tests=all helix.poweroff\"\n"
	"  --module FILE     a boot module; without any, " ARCHIVE_NAME " beside the program\n"
	"  --hole START-END  physical range that is not RAM\n"
	"  --seed N          reproducible entropy\n"
	"  --reboot          a reboot starts again instead of ending the program\n"
	"Exit status: 16 success, 17 tests failed, 18 panic, 19 init failed, 2 usage.\n";

HX_NORETURN static void fail(const char *what, const char *arg)
{
	fprintf(stderr, "helix-kernel: %s%s%s\n", what, arg != NULL ? ": " : "",
		arg != NULL ? arg : "");
	exit(STATUS_USAGE);
}

/* A number with an optional suffix; *end is left behind it. */
static uint64_t number(const char *text, char **end)
{
	uint64_t n;
	const char *suffix;

	errno = 0;
	n = strtoull(text, end, 0);
	if (*end == text || errno != 0 || *text == '-')
		fail("not a number", text);
	suffix = **end != '\0' ? strchr("KkMmGg", **end) : NULL;
	if (suffix == NULL)
		return n;
	(*end)++;
	for (long i = (suffix - "KkMmGg") / 2; i >= 0; i--)
		if (__builtin_mul_overflow(n, (uint64_t)1024, &n))
			fail("too large", text);
	return n;
}

static uint64_t whole_number(const char *text)
{
	char *end;
	uint64_t n = number(text, &end);

	if (*end != '\0')
		fail("not a number", text);
	return n;
}

static void add_hole(const char *text)
{
	struct hx_mem_range *h = &holes[params.n_holes];
	char *end;

	if (params.n_holes == HOLES_MAX)
		fail("too many holes", NULL);
	h->start = number(text, &end);
	if (*end != '-')
		fail("a hole is START-END", text);
	h->end = whole_number(end + 1);
	h->type = HX_MEM_RESERVED;
	params.n_holes++;
}

/* Map a file as the next module; an empty one has 0 bytes. False if it cannot be read. */
static bool add_module(const char *path)
{
	struct hx_host_module *m = &modules[params.n_modules];
	const char *slash = strrchr(path, '/');
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return false;
	if (params.n_modules == HX_BOOT_MODULES_MAX)
		fail("too many modules", path);
	m->name = slash != NULL ? slash + 1 : path;
	m->size_bytes = (size_t)st.st_size;
	m->bytes = NULL;
	if (m->size_bytes > 0)
		m->bytes = mmap(NULL, m->size_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
	close(fd);
	params.n_modules++;
	return m->bytes != MAP_FAILED;
}

static void add_archive_beside(void)
{
	static char path[4096];
	ssize_t n = readlink("/proc/self/exe", path, sizeof(path) - sizeof(ARCHIVE_NAME));
	char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;

	if (slash == NULL)
		return;
	strcpy(slash + 1, ARCHIVE_NAME);
	add_module(path);
}

static bool parse(int argc, char **argv)
{
	static const struct option options[] = {
		{ "mem", required_argument, NULL, 'm' },
		{ "append", required_argument, NULL, 'a' },
		{ "module", required_argument, NULL, 'f' },
		{ "hole", required_argument, NULL, 'h' },
		{ "seed", required_argument, NULL, 's' },
		{ "reboot", no_argument, NULL, 'r' },
		{ "help", no_argument, NULL, '?' },
		{ NULL, 0, NULL, 0 },
	};
	bool reboot = false;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'm')
			params.mem_bytes = hx_align_down(whole_number(optarg), HX_PAGE_SIZE);
		else if (c == 'a')
			params.cmdline = optarg;
		else if (c == 'h')
			add_hole(optarg);
		else if (c == 's')
			params.seed = whole_number(optarg);
		else if (c == 'r')
			reboot = true;
		else if (c != 'f')
			fail(usage, NULL);
		else if (!add_module(optarg))
			fail("cannot read the module", optarg);
	}
	if (optind < argc)
		fail("what is this?", argv[optind]);
	return reboot;
}

static const char *why(int err)
{
	switch (err) {
	case -HX_EINVAL:
		return "RAM must be 1280K to 256G, and a hole a range with start before end";
	case -HX_E2BIG:
		return "the kernel words are longer than 1023 bytes";
	case -HX_ENFILE:
		return "too many holes or modules";
	default:
		return "the modules do not fit into RAM, or the system gives no memory";
	}
}

int main(int argc, char **argv)
{
	const struct hx_boot_info *info;
	int err;

	if (parse(argc, argv))
		hx_host_set_reboot_argv(argv);
	if (params.n_modules == 0)
		add_archive_beside();
	err = hx_host_start(&params, &info);
	if (err != 0)
		fail(why(err), NULL);
	hx_host_console_raw();
	hx_main(info);
}
