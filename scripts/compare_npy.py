#!/usr/bin/env python3
"""Compares two float32 .npy files: compare_npy.py A B LIMIT. LIMIT 0 asks for the same bytes, else for no difference
above it. Needs nothing but Python. Exit 1 when they differ."""
import ast
import struct
import sys


def read(path):
  data = open(path, "rb").read()
  length = struct.unpack_from("<H", data, 8)[0]
  header = ast.literal_eval(data[10:10 + length].decode("latin1"))
  if header["descr"] != "<f4":
    sys.exit(f"{path}: type {header['descr']}, expected <f4")
  body = data[10 + length:]
  return header["shape"], struct.unpack(f"<{len(body) // 4}f", body), body


a, b, limit = read(sys.argv[1]), read(sys.argv[2]), float(sys.argv[3])
if a[0] != b[0]:
  sys.exit(f"shapes differ: {a[0]} and {b[0]}")
largest = max((abs(x - y) for x, y in zip(a[1], b[1])), default=0.0)
if limit == 0 and a[2] != b[2]:
  sys.exit(f"bytes differ, by up to {largest}")
if not largest <= limit:
  sys.exit(f"largest difference {largest}, allowed {limit}")
