"""Tensors, what fills them, and safetensors files, in plain Python: no package is needed, and nothing is rounded unseen.

A tensor holds the bits of its elements, as whole numbers in the order of the file.
"""
import dataclasses
import itertools
import json
import math
import struct

BYTES = {"I64": 8, "F32": 4, "I32": 4, "BF16": 2, "F8_E8M0": 1, "F8_E4M3": 1, "I8": 1, "U8": 1}  # in the order in which safetensors lays types into a file
PATTERNS = 2 * 110 * 128  # of bfloat16: signs, exponents, fractions; finite and normal


@dataclasses.dataclass(frozen=True)
class Tensor:
    dtype: str
    shape: tuple
    bits: list

    def __post_init__(self):
        assert len(self.bits) == math.prod(self.shape), self.shape

    def rows(self):
        """The entries along the first axis, each the list of its bits."""
        length = math.prod(self.shape[1:])
        return [self.bits[begin:begin + length] for begin in range(0, len(self.bits), length)]

    def of_rows(self, rows):
        """Such a tensor with these entries."""
        return Tensor(self.dtype, (len(rows), *self.shape[1:]), list(itertools.chain.from_iterable(rows)))

    def entry(self, number):
        return Tensor(self.dtype, self.shape[1:], self.rows()[number])


def below(*tensors):
    """One below the other."""
    return tensors[0].of_rows([row for tensor in tensors for row in tensor.rows()])


def stacked(tensors):
    """Tensors of one shape as entries along a new first axis."""
    tensors = list(tensors)
    assert len({tensor.shape for tensor in tensors}) == 1
    return Tensor(tensors[0].dtype, (len(tensors), *tensors[0].shape), [bit for tensor in tensors for bit in tensor.bits])


def float32(value):
    """The bits of the float32 nearest to a Python number."""
    return struct.unpack("<I", struct.pack("<f", value))[0]


def of_float32(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def bfloat16(value):
    """The bits of the bfloat16 nearest to the float32 nearest to a Python number, ties to even each time."""
    bits = float32(value)
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


def of_bfloat16(bits):
    return of_float32(bits << 16)


class Filling:
    """What the elements of a checkpoint are: of bfloat16, every pattern once before any comes again, in an order that the seed fixes; of
    float32, fractions that bfloat16 lacks; of other types, words that look random."""

    def __init__(self, seed):
        self.seed, self.count = seed, 0

    def __call__(self, dtype, shape):
        of = {"BF16": self._pattern, "F32": lambda number: float32(number * 0.003 + 1 / 7)}.get(dtype, lambda number: self.word(number, dtype))
        begin, self.count = self.count, self.count + math.prod(shape)
        return Tensor(dtype, tuple(shape), [of(number) for number in range(begin, self.count)])

    def _pattern(self, number):
        place = (number * 10007 + self.seed * 31) % PATTERNS  # 10007 is prime to PATTERNS: all places come
        return (place >= PATTERNS // 2) << 15 | 27 * 128 + place % (PATTERNS // 2)

    def word(self, number, dtype):
        mixed = (number + self.seed) * 2654435761 & 0xFFFFFFFF
        mixed = (mixed ^ mixed >> 15) * 2246822519 & 0xFFFFFFFF
        return (mixed ^ mixed >> 13) & (1 << 8 * BYTES[dtype]) - 1


def about_one(shape):
    """Of bfloat16: up to 241 different values of either sign, the largest below two."""
    return Tensor("BF16", tuple(shape), [bfloat16((number * 37 % 241 - 119.5) / 64) for number in range(math.prod(shape))])


def write(path, tensors):
    """{name: tensor} as the safetensors library writes it: wide types first, then by name."""
    order = sorted(tensors, key=lambda name: (list(BYTES).index(tensors[name].dtype), name))
    header, data = {"__metadata__": {"format": "pt"}}, bytearray()
    for name in order:
        tensor, begin = tensors[name], len(data)
        for bits in tensor.bits:
            data += bits.to_bytes(BYTES[tensor.dtype], "little")
        header[name] = {"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, len(data)]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    """What `write` writes."""
    content = path.read_bytes()
    length = struct.unpack_from("<Q", content)[0]
    header, found = json.loads(content[8:8 + length]), {}
    for name, said in header.items():
        if name != "__metadata__":
            begin, end = (8 + length + offset for offset in said["data_offsets"])
            width = BYTES[said["dtype"]]
            bits = [int.from_bytes(content[at:at + width], "little") for at in range(begin, end, width)]
            found[name] = Tensor(said["dtype"], tuple(said["shape"]), bits)
    return found
