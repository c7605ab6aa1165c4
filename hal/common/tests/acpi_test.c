/* SPDX-License-Identifier: MIT */
/*
 * The ACPI reader: both revisions are read; a wrong signature, checksum or length in a table that
 * matters is refused with the table's name; noise does no harm.
 */
#include "memory_view.h"

#define RSDP	0u
#define ROOT	0x40u
#define MADT	0x100u
#define FADT	0x200u
#define HPET	0x300u
#define OTHER	0x380u
#define BYTES	0x400u
#define MADT_BYTES	(44u + 8 + 8 + 12 + 10 + 12 + 16)

static struct hx_acpi acpi;
static char why[80];

static void checksum(size_t from, size_t n, size_t where)
{
	uint8_t sum = 0;

	view_bytes[where] = 0;
	for (size_t i = 0; i < n; i++)
		sum += view_bytes[from + i];
	view_bytes[where] = (uint8_t)-sum;
}

static void head(size_t at, const char *name, uint32_t len)
{
	memcpy(view_bytes + at, name, 4);
	put32(at + 4, len);
}

static void build_madt(void)
{
	size_t e = MADT + 44;

	head(MADT, "APIC", MADT_BYTES);
	put32(MADT + 36, 0xfee00000);
	memcpy(view_bytes + e, "\x00\x08\x00\x00\x01\x00\x00\x00", 8);	/* CPU 0, enabled */
	e += 8;
	memcpy(view_bytes + e, "\x00\x08\x01\x01\x00\x00\x00\x00", 8);	/* CPU 1, unusable */
	e += 8;
	memcpy(view_bytes + e, "\x01\x0c\x00\x00\x00\x00\xc0\xfe\x00\x00\x00\x00", 12);
	e += 12;
	memcpy(view_bytes + e, "\x02\x0a\x00\x00\x02\x00\x00\x00\x0d\x00", 10);	/* IRQ 0 -> GSI 2 */
	e += 10;
	memcpy(view_bytes + e, "\x05\x0c\x00\x00\x00\x00\xe0\xfe\x01\x00\x00\x00", 12);
	e += 12;
	memcpy(view_bytes + e, "\x09\x10\x00\x00\x02\x00\x00\x00\x01\x00\x00\x00", 12);
	checksum(MADT, MADT_BYTES, MADT + 9);
}

static void build_rest(void)
{
	head(FADT, "FACP", 132);
	put32(FADT + 112, 1u << 10);
	view_bytes[FADT + 116] = 1;
	put64(FADT + 120, 0xcf9);
	view_bytes[FADT + 128] = 0x0f;
	checksum(FADT, 132, FADT + 9);
	head(HPET, "HPET", 56);
	put64(HPET + 44, 0xfed00000);
	checksum(HPET, 56, HPET + 9);
	head(OTHER, "WAET", 0);		/* not ours: never looked into */
}

static void build(unsigned revision)
{
	static const uint32_t tables[] = { OTHER, FADT, MADT, HPET };
	uint32_t width = revision >= 2 ? 8 : 4;

	view_start(BYTES);
	memcpy(view_bytes + RSDP, "RSD PTR ", 8);
	view_bytes[RSDP + 15] = (uint8_t)revision;
	put32(RSDP + 16, VIEW_BASE + ROOT);
	checksum(RSDP, 20, RSDP + 8);
	if (revision >= 2) {
		put32(RSDP + 16, 0xffffffff);	/* must not be followed */
		checksum(RSDP, 20, RSDP + 8);
		put32(RSDP + 20, 36);
		put64(RSDP + 24, VIEW_BASE + ROOT);
		checksum(RSDP, 36, RSDP + 32);
	}
	head(ROOT, width == 8 ? "XSDT" : "RSDT", 36 + 4 * width);
	for (unsigned i = 0; i < 4; i++)
		put32(ROOT + 36 + i * width, VIEW_BASE + tables[i]);
	checksum(ROOT, 36 + 4 * width, ROOT + 9);
	build_madt();
	build_rest();
}

static int parse(void)
{
	int err;

	why[0] = '\0';
	err = hx_acpi_parse(VIEW_BASE + RSDP, view, &acpi, why, sizeof(why));
	if (err != 0) {
		assert_int_equal(err, -HX_EBADMSG);
		assert_true(strlen(why) > 4);
	}
	return err;
}

static void assert_refused(const char *words)
{
	assert_int_equal(parse(), -HX_EBADMSG);
	assert_string_equal(why, words);
}

static void both_revisions_are_read(void **state)
{
	for (unsigned revision = 0; revision <= 2; revision += 2) {
		build(revision);
		assert_int_equal(parse(), 0);
		assert_int_equal(acpi.n_cpus, 2);
		assert_int_equal(acpi.n_ioapics, 1);
		assert_int_equal(acpi.ioapic[0].address, 0xfec00000);
		assert_int_equal(acpi.lapic, 0x1fee00000);
		assert_int_equal(acpi.isa[0].gsi, 2);
		assert_int_equal(acpi.isa[0].flags, 0xd);
		assert_int_equal(acpi.isa[1].gsi, 1);
		assert_int_equal(acpi.hpet, 0xfed00000);
		assert_int_equal(acpi.reset_address, 0xcf9);
		assert_int_equal(acpi.reset_space, 1);
		assert_int_equal(acpi.reset_value, 0x0f);
	}
}

static void wrong_root_pointer_is_refused(void **state)
{
	build(0);
	view_bytes[RSDP + 8] ^= 1;
	assert_refused("RSDP has a wrong signature or checksum");
	build(2);
	view_bytes[RSDP + 32] ^= 1;
	assert_refused("RSDP has a wrong signature or checksum");
	assert_int_equal(hx_acpi_parse(0, view, &acpi, why, sizeof(why)), -HX_EBADMSG);
}

static void each_used_table_is_checked(void **state)
{
	static const struct { uint32_t at; const char *words; } cases[] = {
		{ ROOT, "XSDT has a wrong checksum" }, { MADT, "APIC has a wrong checksum" },
		{ FADT, "FACP has a wrong checksum" }, { HPET, "HPET has a wrong checksum" },
	};

	for (unsigned i = 0; i < HX_ARRAY_LEN(cases); i++) {
		build(2);
		view_bytes[cases[i].at + 10] ^= 0x40;
		assert_refused(cases[i].words);
	}
}

static void lying_lengths_are_refused(void **state)
{
	static const uint32_t lies[] = { 0, 35, 0x10001, UINT32_MAX };

	for (unsigned i = 0; i < HX_ARRAY_LEN(lies); i++) {
		build(0);
		put32(MADT + 4, lies[i]);
		assert_refused("APIC has a wrong signature or length");
	}
	build(0);
	put32(MADT + 4, 0x1000);	/* more than can be seen */
	assert_refused("APIC has a wrong checksum");
	build(0);
	head(MADT, "APIC", 40);
	checksum(MADT, 40, MADT + 9);
	assert_refused("APIC is too short");
}

static void malformed_madt_entries_are_refused(void **state)
{
	static const uint8_t lengths[] = { 0, 1, 7, 200 };

	for (unsigned i = 0; i < HX_ARRAY_LEN(lengths); i++) {
		build(0);
		view_bytes[MADT + 45] = lengths[i];
		checksum(MADT, MADT_BYTES, MADT + 9);
		assert_refused("APIC has a malformed entry");
	}
	/* An entry of an unknown type with no length: not skipped for ever. */
	build(0);
	view_bytes[MADT + 44] = 0x7f;
	view_bytes[MADT + 45] = 0;
	checksum(MADT, MADT_BYTES, MADT + 9);
	assert_refused("APIC has a malformed entry");
}

/* Only eight bits reach a start-up interrupt, and 255 means everybody. */
static void cpus_with_long_apic_ids_count_and_cannot_be_started(void **state)
{
	static const uint32_t ids[] = { 0xfe, 0xff, 0x100, 0x102, UINT32_MAX };
	uint32_t bytes = 44;

	build(0);
	memset(view_bytes + MADT + 44, 0, FADT - MADT - 44);
	for (unsigned i = 0; i < HX_ARRAY_LEN(ids); i++, bytes += 16) {
		view_bytes[MADT + bytes] = 9;
		view_bytes[MADT + bytes + 1] = 16;
		put32(MADT + bytes + 4, ids[i]);
		put32(MADT + bytes + 8, 1);
	}
	memcpy(view_bytes + MADT + bytes, "\x00\x08\x01\x02\x01\x00\x00\x00", 8);
	bytes += 8;
	put32(MADT + 4, bytes);
	checksum(MADT, bytes, MADT + 9);
	assert_int_equal(parse(), 0);
	assert_int_equal(acpi.n_cpus, HX_ARRAY_LEN(ids) + 1);
	assert_int_equal(acpi.n_apic_ids, 2);
	assert_int_equal(acpi.apic_id[0], 0xfe);
	assert_int_equal(acpi.apic_id[1], 2);
}

/* Started twice, one CPU would be waited for as two. */
static void a_cpu_that_is_listed_twice_is_one(void **state)
{
	build(0);
	/* The last entry is an x2APIC's with number 2; now number 0, as the first one. */
	put32(MADT + MADT_BYTES - 8, 0);
	checksum(MADT, MADT_BYTES, MADT + 9);
	assert_int_equal(parse(), 0);
	assert_int_equal(acpi.n_cpus, 1);
	assert_int_equal(acpi.n_apic_ids, 1);
}

static void tables_out_of_sight_are_refused(void **state)
{
	build(0);
	put32(ROOT + 36, 0xfffffff0);
	checksum(ROOT, 52, ROOT + 9);
	assert_refused("a table cannot be read");
	build(0);
	put32(RSDP + 16, 0xfffffff0);
	checksum(RSDP, 20, RSDP + 8);
	assert_refused("RSDT cannot be read");
}

static void hpet_behind_ports_is_refused(void **state)
{
	build(0);
	view_bytes[HPET + 40] = 1;
	checksum(HPET, 56, HPET + 9);
	assert_refused("HPET is not in memory");
}

static void fadt_without_a_reset_register_has_none(void **state)
{
	build(0);
	put32(FADT + 112, 0);
	checksum(FADT, 132, FADT + 9);
	assert_int_equal(parse(), 0);
	assert_int_equal(acpi.reset_address, 0);
}

static void noise_is_survived(void **state)
{
	static const uint32_t tables[] = { ROOT, MADT, FADT, HPET };
	uint64_t seed = 5;
	unsigned accepted = 0;

	for (unsigned i = 0; i < 20000; i++) {
		build(0);
		for (unsigned k = noise(&seed) % 4; k-- != 0; ) {
			uint64_t x = noise(&seed);

			view_bytes[x % BYTES] = (uint8_t)(x >> 32);
		}
		/* Right checksums, so that the noise gets past them. */
		for (unsigned t = 0; t < 4; t++) {
			uint32_t len = hx_le32(view_bytes + tables[t] + 4);

			if (len >= 36 && len <= BYTES - tables[t])
				checksum(tables[t], len, tables[t] + 9);
		}
		accepted += parse() == 0;
	}
	assert_in_range(accepted, 1, 19999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_revisions_are_read),
		cmocka_unit_test(wrong_root_pointer_is_refused),
		cmocka_unit_test(each_used_table_is_checked),
		cmocka_unit_test(lying_lengths_are_refused),
		cmocka_unit_test(malformed_madt_entries_are_refused),
		cmocka_unit_test(cpus_with_long_apic_ids_count_and_cannot_be_started),
		cmocka_unit_test(a_cpu_that_is_listed_twice_is_one),
		cmocka_unit_test(tables_out_of_sight_are_refused),
		cmocka_unit_test(hpet_behind_ports_is_refused),
		cmocka_unit_test(fadt_without_a_reset_register_has_none),
		cmocka_unit_test(noise_is_survived),
	};

	return cmocka_run_group_tests(tests, NULL, view_end);
}
