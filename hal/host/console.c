/* SPDX-License-Identifier: MIT */
/*
 * The early console on standard output and input. On a terminal the input is raw, as from a serial
 * line, and Ctrl-A is the escape to the machine itself: Ctrl-A x leaves, Ctrl-A Ctrl-A sends one.
 * At the end of the input "poweroff" is typed, since nobody else can do it any more: what came
 * before is answered first.
 */
#include "host_priv.h"
#include <errno.h>
#include <hx/hal/earlycon.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE	1	/* Ctrl-A */

static const struct hx_host_console *redirected;
static struct termios before;
static bool is_raw;
static bool escaped;	/* the last byte was Ctrl-A */
static const char *last_words;	/* still to be typed after the end of the input; NULL: before it */

static void write_all(const char *bytes, size_t n)
{
	struct pollfd ready = { .fd = STDOUT_FILENO, .events = POLLOUT };

	while (n > 0) {
		ssize_t done = write(STDOUT_FILENO, bytes, n);

		if (done > 0) {
			bytes += done;
			n -= (size_t)done;
		} else if (errno == EAGAIN) {
			poll(&ready, 1, -1);
		} else if (errno != EINTR) {
			return;		/* nobody listens; the machine goes on */
		}
	}
}

void hx_earlycon_write(const char *bytes, size_t n)
{
	if (redirected != NULL) {
		redirected->write(bytes, n);
		return;
	}
	while (n > 0) {
		const char *nl = memchr(bytes, '\n', n);
		size_t len = nl != NULL ? (size_t)(nl - bytes) : n;

		write_all(bytes, len);
		if (nl == NULL)
			return;
		write_all("\r\n", 2);
		bytes = nl + 1;
		n -= len + 1;
	}
}

static int at_end(void)
{
	if (last_words == NULL)
		last_words = "\npoweroff\n";
	return *last_words != '\0' ? *last_words++ : -HX_EAGAIN;
}

int hx_earlycon_getc(void)
{
	struct pollfd ready = { .fd = STDIN_FILENO, .events = POLLIN };
	unsigned char byte;
	ssize_t n;

	if (redirected != NULL)
		return redirected->getc != NULL ? redirected->getc() : -HX_EAGAIN;
	if (last_words != NULL)
		return at_end();
	if (poll(&ready, 1, 0) <= 0)
		return -HX_EAGAIN;
	n = read(STDIN_FILENO, &byte, 1);
	if (n == 0 || (n < 0 && errno == EIO))
		return at_end();
	if (n != 1)
		return -HX_EAGAIN;
	if (!is_raw || (byte != ESCAPE && !escaped))
		return byte;
	if (!escaped) {
		escaped = true;
		return -HX_EAGAIN;
	}
	escaped = false;
	if (byte == 'x' || byte == 'X')
		hx_hal_exit(HX_EXIT_OK);
	return byte;
}

void hx_host_set_console(const struct hx_host_console *c)
{
	redirected = c;
}

static void put_back(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &before);
	is_raw = false;
}

static void on_end(int signo)
{
	put_back();
	signal(signo, SIG_DFL);
	raise(signo);
}

void hx_host_console_raw(void)
{
	static const int ends[] = { SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGABRT };
	struct termios raw;

	if (is_raw || !isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before) != 0)
		return;
	raw = before;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
		return;
	is_raw = true;
	atexit(put_back);
	for (unsigned i = 0; i < HX_ARRAY_LEN(ends); i++)
		signal(ends[i], on_end);
}

void host_console_reset(void)
{
	redirected = NULL;
	escaped = false;
	last_words = NULL;
}
