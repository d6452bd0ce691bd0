"""Safetensors files: in each of them one thing is a lie."""

import json
import struct


def framed(header, data=b"", length=None):
    header = header if isinstance(header, bytes) else header.encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def one(dtype='"BF16"', shape="[2, 2]", offsets="[0, 8]", name='"w"', more="", data=bytes(8)):
    return framed(f'{{{name}: {{"dtype": {dtype}, "shape": {shape}, "data_offsets": {offsets}{more}}}}}', data)


def two(first, second, data=bytes(16)):
    entry = '"{}": {{"dtype": "BF16", "shape": [2, 2], "data_offsets": {}}}'
    return framed("{" + entry.format("a", first) + ", " + entry.format("b", second) + "}", data)


def files():
    deep = "[" * 50000 + "]" * 50000
    return {
        "empty": b"",
        "seven-bytes": b"\x02\0\0\0\0\0\0",
        "length-2to63": framed("{}", length=1 << 63),
        "length-all-ones": framed("{}", length=(1 << 64) - 1),
        "length-past-the-end": framed("{}", length=3),
        "length-wraps": framed("{}", length=(1 << 64) - 8),
        "not-json": framed("{]"),
        "not-an-object": framed("[]"),
        "json-in-json": framed('{"w": "a string"}'),
        "text-after-the-header": framed("{} {}"),
        "cut-off": framed('{"w": {"dtype": "BF16"'),
        "overlap": two("[0, 8]", "[4, 12]", bytes(12)),
        "same-place": two("[0, 8]", "[0, 8]", bytes(8)),
        "hole": two("[0, 8]", "[12, 20]", bytes(20)),
        "bytes-before": two("[4, 12]", "[12, 20]", bytes(20)),
        "bytes-after": one(data=bytes(9)),
        "bytes-missing": one(data=bytes(7)),
        "offsets-past-the-end": one(offsets="[0, 9223372036854775807]", shape="[4611686018427387903]"),
        "offsets-wrap": one(offsets="[0, 18446744073709551615]"),
        "offsets-negative": one(offsets="[-8, 0]"),
        "offsets-reversed": one(offsets="[8, 0]"),
        "offsets-three": one(offsets="[0, 4, 8]"),
        "offsets-not-of-the-shape": one(shape="[2, 3]"),
        "shape-overflows": one(shape="[4294967296, 4294967296, 4294967296]"),
        "shape-wraps-to-its-size": one(shape="[4611686018427387908, 4, 1]"),
        "shape-negative": one(shape="[-2, -2]"),
        "shape-beyond-64-bits": one(shape="[18446744073709551616]"),
        "shape-not-whole": one(shape="[2.0, 2]"),
        "shape-a-number": one(shape="4"),
        "shape-of-50000-axes": one(shape="[" + "1, " * 49999 + "4]"),
        "dtype-unknown": one(dtype='"F16X"'),
        "dtype-no-text": one(dtype="16"),
        "dtype-missing": framed('{"w": {"shape": [2, 2], "data_offsets": [0, 8]}}', bytes(8)),
        "name-twice": framed('{"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "w": {"dtype": "U8", "shape": [1], '
                             '"data_offsets": [1, 2]}}', bytes(2)),
        "name-twice-escaped": framed('{"w": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}, "\\u0077": {"dtype": "U8", '
                                     '"shape": [1], "data_offsets": [1, 2]}}', bytes(2)),
        "field-twice": one(more=', "shape": [4]'),
        "metadata-twice": framed('{"__metadata__": {}, "__metadata__": {}}'),
        "metadata-no-text": framed('{"__metadata__": {"format": ["pt"]}}'),
        "deep": framed('{"w": {"dtype": "BF16", "more": ' + deep + "}}"),
        "deep-shape": one(shape=deep),
        "name-of-60000-bytes": one(dtype='"F16X"', name='"' + "w" * 60000 + '"'),
        "name-paints-the-terminal": one(dtype='"F16X"', name='"\\u001b[2J\\u001b]0;owned\\u0007\\r\\nweighbridge: all is well"'),
        "name-is-not-utf8": framed(b'{"w\xff\xfe": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}', bytes(8)),
        "name-with-zero": one(dtype='"F16X"', name='"w\\u0000x"'),
        "spaces-for-all-the-header": framed("{" + " " * 4000),
        "entries-without-an-end": framed("{" + '"w":{"shape":[' * 3000),
    }
