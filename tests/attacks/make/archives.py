"""Archives of `weighbridge pack` whose index or pieces are wrong."""

import struct
import zlib

MAGIC, END = b"\x89WBZ\r\n\x1a\n", b"WBZ-END\n"


def frame(content=b"", size=None, runs=0, window=None):
    """A zstd frame of raw bytes, or of `runs` blocks of 128 KiB zeros, that says that it holds `size` bytes."""
    blocks = [(1, 131072, b"\0")] * runs + ([(0, len(content), content)] if content or not runs else [])
    size = 131072 * runs + len(content) if size is None else size
    if window is None:
        head = b"\xa0" + struct.pack("<I", size)
    else:
        head = bytes([0x80, window]) + struct.pack("<I", size)
    body = b""
    for number, (kind, length, data) in enumerate(blocks):
        body += struct.pack("<I", length << 3 | kind << 1 | (number == len(blocks) - 1))[:3] + data
    return b"\x28\xb5\x2f\xfd" + head + body


def piece(content=b"text", made=None, size=None, crc=None, width=1, stored=None):
    made = frame(content) if made is None else made
    return {"frame": made, "stored": len(made) if stored is None else stored, "size": len(content) if size is None else size,
            "crc": zlib.crc32(content) if crc is None else crc, "width": width}


def archive(names=(b"config.json",), folders=(), pieces=None, sizes=None, counts=None, version=1, flags=0, gap=b"", index_size=None, crc=0, end=END, per_file=1, name_size=None):
    pieces = [piece() for _ in names] if pieces is None else pieces
    head = MAGIC + struct.pack("<II", version, flags)
    index = struct.pack("<QQQ", *(counts or (len(folders), len(names), len(pieces))))
    for folder in folders:
        index += struct.pack("<I", len(folder)) + folder
    for number, name in enumerate(names):
        index += struct.pack("<I", len(name) if name_size is None else name_size) + name + struct.pack("<QQ", sizes[number] if sizes else pieces[number]["size"], per_file)
    for one in pieces:
        index += struct.pack("<IIIB", one["stored"], one["size"], one["crc"], one["width"])
    tail = struct.pack("<QI", len(index) if index_size is None else index_size, zlib.crc32(index) ^ crc) + end
    return head + b"".join(one["frame"] for one in pieces) + gap + index + tail


def of(one):
    return archive(pieces=[one])


def files():
    zeros = zlib.crc32(bytes(4 << 20))
    return {
        "empty": b"",
        "not-an-archive": b"PK\x03\x04" + bytes(100),
        "cut-off": archive()[:-1],
        "version-2": archive(version=2),
        "flags": archive(flags=1),
        "index-of-2to63-bytes": archive(index_size=1 << 63),
        "index-of-no-bytes": archive(index_size=0),
        "index-checksum": archive(crc=1),
        "index-2to60-files": archive(counts=(0, 1 << 60, 1)),
        "index-2to60-pieces": archive(counts=(0, 1, 1 << 60)),
        "index-2to60-folders": archive(counts=(1 << 60, 1, 1)),
        "index-more-pieces-than-files-have": archive(counts=(0, 1, 2)),
        "file-of-2to60-pieces": archive(per_file=1 << 60),
        "file-of-2to60-bytes": archive(sizes=[1 << 60]),
        "file-of-no-pieces": archive(per_file=0),
        "bytes-between": archive(gap=b"hidden"),
        "name-leads-out": archive(names=[b"../evil"]),
        "name-leads-out-below": archive(names=[b"a/../../evil"], folders=[b"a"]),
        "name-is-absolute": archive(names=[b"/etc/cron.d/evil"]),
        "name-with-backslash": archive(names=[b"..\\evil"]),
        "name-with-zero": archive(names=[b"config.json\0.txt"]),
        "name-empty": archive(names=[b""]),
        "name-is-a-dot": archive(names=[b"."]),
        "name-ends-with-a-slash": archive(names=[b"a/"], folders=[b"a"]),
        "name-paints-the-terminal": archive(names=[b"\x1b[2J"]),
        "name-of-5000-bytes": archive(names=[b"x" * 5000]),
        "name-of-2to32-bytes": archive(name_size=0xFFFFFFFF),
        "name-twice": archive(names=[b"a", b"a"]),
        "names-out-of-order": archive(names=[b"b", b"a"]),
        "file-and-folder": archive(names=[b"a"], folders=[b"a"]),
        "file-below-a-file": archive(names=[b"a", b"a/b"]),
        "folder-leads-out": archive(folders=[b".."]),
        "folder-not-listed": archive(names=[b"a/b"]),
        "piece-of-no-bytes": of(piece(b"", frame(b""))),
        "piece-of-2to32-bytes": of(piece(size=0xFFFFFFFF)),
        "piece-past-the-index": of(piece(stored=1000)),
        "piece-of-words-of-3-bytes": of(piece(width=3)),
        "piece-of-half-a-word": of(piece(b"abc", width=2)),
        "piece-is-no-frame": of(piece(made=b"not a frame")),
        "piece-checksum": of(piece(crc=1)),
        "piece-bomb": of(piece(made=frame(runs=8000), size=4 << 20, crc=zeros)),
        "piece-bomb-that-says-little": of(piece(made=frame(runs=8000, size=4 << 20), size=4 << 20, crc=zeros)),
        "piece-smaller-than-it-says": of(piece(made=frame(b"ab", size=4))),
        "piece-wants-a-window-of-2to41": of(piece(made=frame(b"text", window=0xFF))),
        "piece-in-two-frames": of(piece(made=frame(b"te", size=4) + frame(b"xt"))),
    }
