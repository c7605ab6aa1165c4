#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Known answers as a C header: vectors.py OUT.

NIST's files (CAVP: FIPS 180-4, FIPS 186-3) and those of RFC 4231, from Debian's
python3-cryptography-vectors; read at build time, nothing of it is in the tree.
"""
import os
import sys

FOLDER = "/usr/lib/python3/dist-packages/cryptography_vectors"


def records(path, section=None):
    """Runs of "key = value" between blank lines, of one [section] or of all."""
    found, current, here = [], {}, section is None
    with open(os.path.join(FOLDER, path)) as f:
        for line in list(f) + ["\n"]:
            line = line.strip()
            if line.startswith("["):
                here = section is None or line == f"[{section}]"
            elif "=" in line and here and not line.startswith("#"):
                key, value = line.split("=", 1)
                current[key.strip()] = value.strip()
            elif not line and current:
                found.append(current)
                current = {}
    return [r for r in found if len(r) > 1 or "Seed" in r]


def c_bytes(data):
    return '"' + "".join(f"\\{b:03o}" for b in data) + '"'


def table(kind, name, rows):
    print(f"static const struct {kind} {name}[] = {{")
    for row in rows:
        print("\t{ " + ", ".join(c_bytes(v) if isinstance(v, bytes) else str(v) for v in row) + " },")
    print("};\n")


def message(r):
    """A message of no bits is written as 00."""
    data = bytes.fromhex(r["Msg"])
    return data[:int(r["Len"]) // 8] if "Len" in r else data


def number(text):
    return bytes.fromhex(text.rjust(64, "0"))


def hashes():
    rows = []
    for path in ("hashes/SHA2/SHA256ShortMsg.rsp", "hashes/SHA2/SHA256LongMsg.rsp"):
        for r in records(path):
            if "Msg" in r:
                data = message(r)
                rows.append((data, len(data), bytes.fromhex(r["MD"])))
    table("crypto_hash_vector", "crypto_hash_vectors", rows)
    seed, *monte = records("hashes/SHA2/SHA256Monte.rsp")[-101:]
    table("crypto_monte_vector", "crypto_monte_vectors",
          [(bytes.fromhex(seed["Seed"]),)] + [(bytes.fromhex(r["MD"]),) for r in monte])
    return len(rows), len(monte)


def macs():
    rows = []
    for r in records("HMAC/rfc-4231-sha256.txt"):
        key, data = bytes.fromhex(r["Key"]), message(r)
        rows.append((key, len(key), data, len(data), bytes.fromhex(r["MD"])))
    table("crypto_mac_vector", "crypto_mac_vectors", rows)
    return len(rows)


def signatures():
    rows = []
    for name, good in (("SigVer", None), ("SigGen", True)):
        for r in records(f"asymmetric/ECDSA/FIPS_186-3/{name}.rsp", "P-256,SHA-256"):
            data = message(r)
            rows.append((data, len(data), b"\x04" + number(r["Qx"]) + number(r["Qy"]),
                         number(r["R"]) + number(r["S"]),
                         int(r["Result"].startswith("P") if good is None else good)))
    table("crypto_signature_vector", "crypto_signature_vectors", rows)
    return len(rows), sum(r[-1] for r in rows)


def main(out):
    sys.stdout = open(out, "w")
    print("/* Generated from python3-cryptography-vectors. */")
    print("#ifndef HX_CRYPTO_VECTORS_H\n#define HX_CRYPTO_VECTORS_H\n")
    counts = (*hashes(), macs(), *signatures())
    print("#endif")
    sys.stdout.close()
    # Another edition of the package may have more, never so few.
    if counts[0] < 129 or counts[1] != 100 or counts[2] < 6 or counts[3] < 30 or \
            not 15 <= counts[4] < counts[3]:
        sys.exit(f"vectors.py: found {counts} vectors")


if __name__ == "__main__":
    if not os.path.isdir(FOLDER):
        sys.exit("vectors.py: python3-cryptography-vectors is not installed: run make setup")
    main(sys.argv[1])
