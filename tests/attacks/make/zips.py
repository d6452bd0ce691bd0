"""What torch.save writes, a zip archive of stored records, with lies in its directory."""

import struct
import zlib

import pickles

STATE = pickles.pickled({"w": 1})
RECORDS = [("archive/data.pkl", STATE), ("archive/version", b"3\n")]


def local(name, data, crc, method=0, size=None):
    return struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, method, 0, 0, crc, len(data), len(data) if size is None else size, len(name), 0) + name + data


def central(name, size, offset, crc, method=0, flags=0, stored=None, extra=b""):
    return struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, flags, method, 0, 0, crc, size if stored is None else stored, size, len(name),
                       len(extra), 0, 0, 0, 0, offset) + name + extra


def end(count, size, offset, comment=b"", disk=0):
    return struct.pack("<IHHHHIIH", 0x06054B50, disk, disk, count, count, size, offset, len(comment)) + comment


def end64(count, size, offset):
    return struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, count, count, size, offset)


def locator(offset, disks=1):
    return struct.pack("<IIQI", 0x07064B50, 0, offset, disks)


def archive(records=None, change=None, last=None):
    """`change` alters the keyword arguments of a record's entry; `last` makes what follows the directory."""
    body, entries = b"", b""
    for number, (name, data) in enumerate(records or RECORDS):
        fields = {"name": name.encode(), "size": len(data), "offset": len(body), "crc": zlib.crc32(data), "local_crc": zlib.crc32(data),
                  "method": 0, "local_method": 0, "local_size": None, "data": data, "local_name": name.encode()}
        if change:
            change(number, fields)
        body += local(fields.pop("local_name"), fields.pop("data"), fields.pop("local_crc"), fields.pop("local_method"), fields.pop("local_size"))
        entries += central(**fields)
    count = len(records or RECORDS)
    return body + entries + (last(count, len(entries), len(body)) if last else end(count, len(entries), len(body)))


def first(**changed):
    def change(number, fields):
        if number == 0:
            fields.update(changed)
    return archive(change=change)


def files():
    squeezed = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = squeezed.compress(bytes(16 << 20)) + squeezed.flush()
    zip64 = struct.pack("<HHQQQ", 1, 24, 1 << 60, 1 << 60, 0)
    return {
        "empty-archive": end(0, 0, 0),
        "end-missing": archive()[:-1],
        "end-twice": archive(last=lambda n, s, o: end(n, s, o, end(n, s, o))),
        "end-says-another-disk": archive(last=lambda n, s, o: end(n, s, o, disk=1)),
        "directory-past-the-end": archive(last=lambda n, s, o: end(n, s, o + 1000)),
        "directory-longer-than-the-file": archive(last=lambda n, s, o: end(n, 0xFFFFFFF0, o)),
        "more-records-than-listed": archive(last=lambda n, s, o: end(n + 1, s, o)),
        "60000-records-of-nothing": archive(last=lambda n, s, o: end(60000, s, o)),
        "zip64-record-elsewhere": archive(last=lambda n, s, o: locator(1 << 62) + end(n, s, o)),
        "zip64-record-wraps": archive(last=lambda n, s, o: locator((1 << 64) - 8) + end(n, s, o)),
        "zip64-record-is-none": archive(last=lambda n, s, o: locator(0) + end(n, s, o)),
        "zip64-record-disagrees": archive(last=lambda n, s, o: end64(n + 1, s, o) + locator(o + s) + end(n, s, o)),
        "zip64-2to60-records": archive(last=lambda n, s, o: end64(1 << 60, s, o) + locator(o + s) + end(0xFFFF, s, o)),
        "zip64-directory-of-2to60-bytes": archive(last=lambda n, s, o: end64(n, 1 << 60, o) + locator(o + s) + end(n, 0xFFFFFFFF, o)),
        "zip64-size-2to60": first(size=0xFFFFFFFF, offset=0xFFFFFFFF, extra=zip64),
        "zip64-block-missing": first(size=0xFFFFFFFF),
        "zip64-block-too-short": first(size=0xFFFFFFFF, extra=struct.pack("<HHI", 1, 4, 0)),
        "zip64-block-longer-than-its-place": first(size=0xFFFFFFFF, extra=struct.pack("<HHQ", 1, 60000, 5)),
        "record-outside": first(offset=1 << 30),
        "record-in-the-directory": first(offset=200),
        "record-longer-than-the-file": first(size=1 << 30, stored=1 << 30, local_size=0),
        "record-overlaps": archive(RECORDS + [("archive/x", b"12345678")], change=lambda i, f: i == 2 and f.update(offset=0)),
        "record-twice": archive(RECORDS + [("archive/data.pkl", pickles.OS_SYSTEM)]),
        "record-leads-out": archive([("../data.pkl", STATE), ("../version", b"3\n")]),
        "record-leads-out-below": archive(RECORDS + [("archive/../../../etc/cron.d/x", b"")]),
        "record-is-absolute": archive([("/etc/data.pkl", STATE), ("/etc/version", b"3\n")]),
        "record-without-name": archive([("", STATE), ("archive/version", b"3\n")]),
        "record-named-otherwise-at-its-place": first(local_name=b"archive/DATA.pkl"),
        "record-compressed": archive([("archive/data.pkl", bomb)] + RECORDS[1:], change=lambda i, f: i == 0 and f.update(method=8, local_method=8, size=16 << 20, stored=len(bomb))),
        "record-compressed-in-secret": first(local_method=8),
        "record-encrypted": first(flags=1),
        "record-has-another-size-at-its-place": first(local_size=5),
        "record-checksum": first(crc=0x12345678, local_crc=0x12345678),
        "version-missing": archive([("archive/data.pkl", STATE)]),
        "version-2to40": archive([RECORDS[0], ("archive/version", str(1 << 40).encode())]),
        "version-long": archive([RECORDS[0], ("archive/version", b"3" * 5000)]),
        "pickle-missing": archive([("archive/version", b"3\n")]),
        "pickle-empty": archive([("archive/data.pkl", b""), RECORDS[1]]),
        "byteorder-unknown": archive(RECORDS + [("archive/byteorder", b"middle")]),
        "torchscript": archive(RECORDS + [("archive/constants.pkl", STATE)]),
    }
