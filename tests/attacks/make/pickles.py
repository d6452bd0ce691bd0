"""Pickles that would run programs, or that are meant to break whoever reads them. Each is the data.pkl of a torch file."""

import struct


class Global:
    def __init__(self, module, name):
        self.module, self.name = module, name


class Call:
    """callable(*args)"""
    def __init__(self, function, *args):
        self.function, self.args = function, args


class Instance:
    """An object of a class whose state is set."""
    def __init__(self, cls, state):
        self.cls, self.state = cls, state


class Raw:
    """Opcodes that leave one value."""
    def __init__(self, code):
        self.code = code


def code(value):
    """The opcodes that make a value; nothing is memoised."""
    if value is None:
        return b"N"
    if isinstance(value, bool):
        return b"\x88" if value else b"\x89"
    if isinstance(value, int):
        size = (value.bit_length() + 8) // 8
        return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)
    if isinstance(value, str):
        text = value.encode("utf-8", "surrogatepass")
        return b"X" + struct.pack("<I", len(text)) + text
    if isinstance(value, tuple):
        return b"(" + b"".join(map(code, value)) + b"t"
    if isinstance(value, list):
        return b"](" + b"".join(map(code, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(code(k) + code(v) for k, v in value.items()) + b"u"
    if isinstance(value, Global):
        return b"c" + value.module.encode() + b"\n" + value.name.encode() + b"\n"
    if isinstance(value, Call):
        return code(value.function) + code(value.args) + b"R"
    if isinstance(value, Instance):
        return code(value.cls) + b")\x81" + code(value.state) + b"b"
    return value.code


def pickled(value):
    return b"\x80\x04" + code(value) + b"."


OS_SYSTEM = pickled(Call(Global("os", "system"), "touch hacked"))


def torch_file(pickle):
    import zips  # which needs this module
    return zips.archive([("archive/data.pkl", pickle), ("archive/version", b"3\n")])


def state(value):
    return pickled({"w": value})


def raw(opcodes):
    return state(Raw(opcodes))


def storage(*parts):
    return Raw(code(parts) + b"Q")


def tensor(place, offset=0, size=(2, 2), stride=(2, 1), function="_rebuild_tensor_v2"):
    return state(Call(Global("torch._utils", function), place, offset, size, stride, False, Call(Global("collections", "OrderedDict"))))


FLOATS = Global("torch", "FloatStorage")


def running():
    def call(module, name, *args):
        return state(Call(Global(module, name), *args))
    return {
        "global-os-system": OS_SYSTEM,
        "global-posix-system": call("posix", "system", "touch hacked"),
        "global-nt-system": call("nt", "system", "touch hacked"),
        "global-subprocess-popen": call("subprocess", "Popen", ("touch", "hacked")),
        "global-builtins-eval": call("builtins", "eval", "1"),
        "global-builtins-exec-of-python2": call("__builtin__", "execfile", "x.py"),
        "global-builtins-getattr": call("builtins", "getattr", Global("torch", "Size"), "mro"),
        "global-builtins-open": call("builtins", "open", "hacked", "w"),
        "global-through-another": call("argparse", "_sys.modules"),
        "global-through-torch": call("torch", "os.system", "touch hacked"),
        "global-pickle-loads": call("_pickle", "loads", "x"),
        "global-operator-attrgetter": call("operator", "attrgetter", "x"),
        "global-runpy": call("runpy", "run_path", "x.py"),
        "global-importlib": call("importlib", "import_module", "x"),
        "global-torch-load": call("torch", "load", "x"),
        "global-unknown": call("torch.hub", "load", "x"),
        "global-only-named": state(Global("os", "system")),
        "global-name-of-70000-bytes": state(Global("torch", "x" * 70000)),
        "global-paints-the-terminal": state(Global("torch", "\x1b[2Jx")),
        "stack-global": raw(code("os") + code("system") + b"\x93" + code(("touch hacked",)) + b"R"),
        "stack-global-of-numbers": raw(code(1) + code(2) + b"\x93"),
        "inst": raw(b"(" + code("touch hacked") + b"ios\nsystem\n"),
        "obj": raw(b"(" + code(Global("os", "system")) + code("touch hacked") + b"o"),
        "obj-without-class": raw(b"(o"),
        "newobj": raw(code(Global("subprocess", "Popen")) + code((("touch", "hacked"),)) + b"\x81"),
        "newobj-ex": raw(code(Global("subprocess", "Popen")) + code((("touch", "hacked"),)) + code({}) + b"\x92"),
        "build-of-a-module": raw(code(Global("sys", "modules")) + code({"__setstate__": 1}) + b"b"),
        "build-of-a-number": raw(code(1) + code({}) + b"b"),
        "reduce-of-text": raw(code("os.system") + code(("touch hacked",)) + b"R"),
        "reduce-without-tuple": raw(code(Global("torch", "Size")) + code([1]) + b"R"),
        "ext1": raw(b"\x82\x01"),
        "ext2": raw(b"\x83\x01\x00"),
        "ext4": raw(b"\x84\x01\x00\x00\x00"),
    }


def breaking():
    many = 60000
    layers = b"".join(b"h" + bytes([i]) + b"h" + bytes([i]) + b"\x86q" + bytes([i + 1]) for i in range(60))
    return {
        "deep-lists": raw(b"]" * many + b"a" * (many - 1)),
        "deep-tuples": raw(b")" + b"\x85" * many),
        "deep-marks": raw(b"(" * many),
        "deep-persistent-ids": raw(b"N" + b"Q" * many),
        "contains-itself": raw(b"]q\0h\0a"),
        "contains-itself-through-an-object": raw(code(Global("collections", "Counter")) + b")Rq\0(" + code("x") + b"h\0u"),
        "memo-bomb": raw(code(1) + b"q\x00" + layers),
        "memo-index-2to32": raw(b"Nr\xff\xff\xff\xff"),
        "memo-index-2to63": raw(b"Np9223372036854775807\n"),
        "memo-index-negative": raw(b"Np-1\n"),
        "memo-entry-unset": raw(b"j\x00\x00\x01\x00"),
        "list-appends-itself-to-death": raw(b"](" + b"N" * 3000 + b"e" + b"q\0" + (b"cbuiltins\nset\nh\0\x85R0" * 3000) + b"h\0"),
        "binunicode-2to32": raw(b"X\xff\xff\xff\xffx"),
        "binunicode8-2to63": raw(b"\x8d" + struct.pack("<Q", 1 << 63) + b"x"),
        "binbytes8-2to64": raw(b"\x8e" + struct.pack("<Q", (1 << 64) - 1) + b"x"),
        "bytearray8-2to62": raw(b"\x96" + struct.pack("<Q", 1 << 62) + b"x"),
        "long4-2to31": raw(b"\x8b" + struct.pack("<I", 1 << 31) + b"x"),
        "long-of-50000-digits": raw(b"L" + b"9" * 50000 + b"L\n"),
        "frame-2to63": b"\x80\x04\x95" + struct.pack("<Q", 1 << 63) + code({"w": 1}) + b".",
        "protocol-200": b"\x80\xc8" + code({"w": 1}) + b".",
        "opcode-unknown": raw(b"\xff"),
        "buffer-out-of-band": raw(b"\x97"),
        "no-stop": b"\x80\x04" + code({"w": 1}),
        "only-stop": b".",
        "stack-underflow-reduce": b"\x80\x04R.",
        "stack-underflow-setitems": b"\x80\x04(u.",
        "stack-underflow-tuple3": b"\x80\x04NN\x87.",
        "stack-underflow-under-a-mark": b"\x80\x04N(0a.",
        "mark-missing": b"\x80\x04Nt.",
        "dict-key-without-value": raw(b"(Nd"),
        "text-unquoted": raw(b"Sx\n"),
        "text-escape-cut-off": raw(b"S'\\x4'\n"),
        "text-unicode-beyond": raw(b"V\\Uffffffff\n"),
        "float-that-is-none": raw(b"Fnot a number\n"),
        "int-that-is-none": raw(b"I1e9\n"),
        "persistent-id-out-of-nothing": b"\x80\x04Q.",
        "persistent-id-of-text": raw(b"Pstorage\n"),
        "persistent-id-of-a-module": state(storage("module", "x", "y", "z")),
        "persistent-id-short": state(storage("storage", FLOATS, "0")),
        "storage-of-2to62-elements": tensor(storage("storage", FLOATS, "0", "cpu", 1 << 62)),
        "storage-negative": tensor(storage("storage", FLOATS, "0", "cpu", -4)),
        "storage-elsewhere": tensor(storage("storage", FLOATS, "../../../etc/passwd", "cpu", 4)),
        "storage-of-an-unknown-class": tensor(storage("storage", Global("torch", "QInt8Storage"), "0", "cpu", 4)),
        "tensor-outside-its-storage": tensor(storage("storage", FLOATS, "0", "cpu", 4), size=(3, 2)),
        "tensor-stride-overflows": tensor(storage("storage", FLOATS, "0", "cpu", 4), stride=(1 << 62, 1 << 62)),
        "tensor-offset-negative": tensor(storage("storage", FLOATS, "0", "cpu", 4), offset=-1),
        "tensor-of-100-axes": tensor(storage("storage", FLOATS, "0", "cpu", 4), size=(1,) * 100, stride=(1,) * 100),
        "tensor-of-no-storage": tensor(1),
        "name-twice": b"\x80\x04}(" + 2 * (code("w") + code(1)) + b"u.",
        "name-no-text": pickled({1: 1}),
        "no-dict": pickled([1]),
    }


def files():
    return {name: torch_file(pickle) for name, pickle in {**running(), **breaking()}.items()}
