/* SPDX-License-Identifier: MIT */
/*
 * The few facts of the ACPI tables that a kernel needs before it can read AML: processors and
 * interrupt controllers (MADT), HPET, and the reset register (FADT). Every byte may be wrong.
 *
 *	RSDP -> RSDT (32-bit pointers) or XSDT (64-bit) -> tables: {signature, length, …, checksum}
 *
 * A table that we use must have the right checksum and a length that holds its fields.
 */
#include <hx/config/hal_common.h>
#include <hx/hal/mem.h>
#include <hx/hal/parse.h>

#define HEADER_BYTES	36u
#define TABLE_MAX	(64u * 1024)
#define ROOT_ENTRIES	64u

struct reader {
	hx_phys_view_t view;
	struct hx_acpi *out;
	char *why;
	size_t why_size;
};

static int refuse(struct reader *r, const char *table, const char *what)
{
	size_t used = 0;

	hx_text_put(r->why, r->why_size, &used, table);
	hx_text_put(r->why, r->why_size, &used, what);
	return -HX_EBADMSG;
}

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n-- != 0)
		s += *p++;
	return s;
}

bool hx_acpi_rsdp_ok(const void *p)
{
	const uint8_t *b = p;

	if (memcmp(b, "RSD PTR ", 8) != 0 || sum(b, 20) != 0)
		return false;
	return b[15] < 2 || sum(b, 36) == 0;
}

/* A whole table that has a right checksum. */
static const uint8_t *table(struct reader *r, hx_paddr_t pa, const char *name, uint32_t *len)
{
	const uint8_t *t = r->view(pa, HEADER_BYTES);

	if (t == NULL) {
		refuse(r, name, " cannot be read");
		return NULL;
	}
	*len = hx_le32(t + 4);
	if (memcmp(t, name, 4) != 0 || *len < HEADER_BYTES || *len > TABLE_MAX) {
		refuse(r, name, " has a wrong signature or length");
		return NULL;
	}
	t = r->view(pa, *len);
	if (t == NULL || hx_le32(t + 4) != *len || sum(t, *len) != 0) {
		refuse(r, name, " has a wrong checksum");
		return NULL;
	}
	return t;
}

#define APIC_ID_ALL	0xffu		/* means every CPU, so it is none's number */

/* Firmware that lists a CPU as both kinds of entry means one CPU. */
static bool is_listed(const struct hx_acpi *out, uint32_t id)
{
	for (uint32_t i = 0; i < out->n_apic_ids; i++)
		if (out->apic_id[i] == id)
			return true;
	return false;
}

/* Enabled now; one that may only be switched on later does not answer a start-up interrupt. */
static void add_cpu(struct hx_acpi *out, uint32_t id, uint32_t flags)
{
	if (!HX_ENABLED(ONE_CPU) && is_listed(out, id))
		return;
	out->n_cpus += (flags & 3) != 0;
	if (!HX_ENABLED(ONE_CPU) && (flags & 1) != 0 && id < APIC_ID_ALL &&
	    out->n_apic_ids < HX_ACPI_CPUS_MAX)
		out->apic_id[out->n_apic_ids++] = (uint8_t)id;
}

static void madt_entry(const uint8_t *e, struct hx_acpi *out)
{
	switch (e[0]) {
	case 0:		/* local APIC: enabled, or may be switched on */
		add_cpu(out, e[3], e[4]);
		break;
	case 9:		/* local x2APIC */
		add_cpu(out, hx_le32(e + 4), e[8]);
		break;
	case 1:
		if (out->n_ioapics < HX_ACPI_IOAPICS_MAX) {
			out->ioapic[out->n_ioapics].address = hx_le32(e + 4);
			out->ioapic[out->n_ioapics++].gsi_base = hx_le32(e + 8);
		}
		break;
	case 2:		/* an ISA interrupt that is wired elsewhere or otherwise */
		if (e[3] < HX_ACPI_ISA_IRQS) {
			out->isa[e[3]].gsi = hx_le32(e + 4);
			out->isa[e[3]].flags = hx_le16(e + 8);
		}
		break;
	case 5:
		out->lapic = hx_le64(e + 4);
		break;
	}
}

static int read_madt(struct reader *r, hx_paddr_t pa)
{
	/* The shortest length of the entries that madt_entry() reads. */
	static const uint8_t min[10] = { [0] = 8, [1] = 12, [2] = 10, [5] = 12, [9] = 16 };
	uint32_t len, at = 44;
	const uint8_t *t = table(r, pa, "APIC", &len);

	if (t == NULL)
		return -HX_EBADMSG;
	if (len < 44)
		return refuse(r, "APIC", " is too short");
	r->out->lapic = hx_le32(t + 36);
	while (at < len) {
		const uint8_t *e = t + at;

		if (len - at < 2 || e[1] < 2 || e[1] > len - at ||
		    (e[0] < sizeof(min) && e[1] < min[e[0]]))
			return refuse(r, "APIC", " has a malformed entry");
		madt_entry(e, r->out);
		at += e[1];
	}
	return 0;
}

static int read_fadt(struct reader *r, hx_paddr_t pa)
{
	uint32_t len;
	const uint8_t *t = table(r, pa, "FACP", &len);

	if (t == NULL)
		return -HX_EBADMSG;
	/* Flag 10: the reset register is there; only memory and ports are of use to us. */
	if (len >= 129 && (hx_le32(t + 112) & 1u << 10) != 0 && t[116] <= 1) {
		r->out->reset_space = t[116];
		r->out->reset_address = hx_le64(t + 120);
		r->out->reset_value = t[128];
	}
	return 0;
}

static int read_hpet(struct reader *r, hx_paddr_t pa)
{
	uint32_t len;
	const uint8_t *t = table(r, pa, "HPET", &len);

	if (t == NULL)
		return -HX_EBADMSG;
	if (len < 56 || t[40] != 0)
		return refuse(r, "HPET", " is not in memory");
	r->out->hpet = hx_le64(t + 44);
	return 0;
}

static int read_table(struct reader *r, hx_paddr_t pa)
{
	const uint8_t *t = r->view(pa, HEADER_BYTES);

	if (t == NULL)
		return refuse(r, "a table", " cannot be read");
	if (memcmp(t, "APIC", 4) == 0)
		return read_madt(r, pa);
	if (memcmp(t, "FACP", 4) == 0)
		return read_fadt(r, pa);
	if (memcmp(t, "HPET", 4) == 0)
		return read_hpet(r, pa);
	return 0;
}

int hx_acpi_parse(hx_paddr_t rsdp, hx_phys_view_t view, struct hx_acpi *out, char *why,
		  size_t why_size)
{
	struct reader r = { view, out, why, why_size };
	const uint8_t *t = view(rsdp, HEADER_BYTES);
	hx_paddr_t root, entries[ROOT_ENTRIES];
	uint32_t len, n, width;
	int err = 0;

	if (t == NULL || !hx_acpi_rsdp_ok(t))
		return refuse(&r, "RSDP", " has a wrong signature or checksum");
	memset(out, 0, sizeof(*out));
	for (unsigned i = 0; i < HX_ACPI_ISA_IRQS; i++)
		out->isa[i].gsi = i;
	width = t[15] >= 2 && hx_le64(t + 24) != 0 ? 8 : 4;
	root = width == 8 ? hx_le64(t + 24) : hx_le32(t + 16);
	t = table(&r, root, width == 8 ? "XSDT" : "RSDT", &len);
	if (t == NULL)
		return -HX_EBADMSG;
	n = (uint32_t)hx_min_u64((len - HEADER_BYTES) / width, ROOT_ENTRIES);
	for (uint32_t i = 0; i < n; i++) {	/* copied: the next view hides this one */
		const uint8_t *e = t + HEADER_BYTES + i * width;

		entries[i] = width == 8 ? hx_le64(e) : hx_le32(e);
	}
	for (uint32_t i = 0; i < n && err == 0; i++)
		err = read_table(&r, entries[i]);
	return err;
}
