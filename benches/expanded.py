#!/usr/bin/env python3
"""Reads what `git cat-file --batch` writes and expands the gzip files in it with zlib: what a history costs that is handed out
and unpacked, with nobody looking at it."""
import sys
import zlib

out = sys.stdin.buffer
files = packed = expanded = 0
while header := out.readline():
    size = int(header.split()[2])
    content = out.read(size)
    out.read(1)
    if content.startswith(b"\x1f\x8b\x08"):
        files += 1
        packed += size
        expanded += len(zlib.decompress(content, 31))
print(f"{files} gzip files of {packed} bytes hold {expanded}", file=sys.stderr)
