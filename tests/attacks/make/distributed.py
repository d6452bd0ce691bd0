"""The `.metadata` of a distributed checkpoint, and the common.pt beside it."""

import pickles
from pickles import Call, Global, Instance, Raw, pickled

META, PLACES = "torch.distributed.checkpoint.metadata", "torch.distributed.checkpoint.filesystem"
KEY = "embedding.word_embeddings.weight"


def size(*extents):
    return Call(Global("torch", "Size"), extents)


def chunk(offsets, extents):
    return Instance(Global(META, "ChunkStorageMetadata"), {"offsets": size(*offsets), "sizes": size(*extents)})


def tensor(extents, chunks, dtype="bfloat16"):
    properties = Instance(Global(META, "TensorProperties"), {"dtype": Global("torch", dtype)})
    return Instance(Global(META, "TensorStorageMetadata"), {"properties": properties, "size": size(*extents), "chunks": chunks})


class Pairs:
    """A dict of pairs, whose keys need not be texts, and may be there twice."""
    def __init__(self, *pairs):
        self.code = b"}(" + b"".join(pickles.code(k) + pickles.code(v) for k, v in pairs) + b"u"


def index(key, offsets=None):
    return Instance(Global(META, "MetadataIndex"), {"fqn": key, "offset": None if offsets is None else size(*offsets), "index": None})


def place(path="__0_0.distcp", offset=0, length=2737, **more):
    return Instance(Global(PLACES, "_StorageInfo"), {"relative_path": path, "offset": offset, "length": length, **more})


def metadata(tensors, places):
    return pickled(Instance(Global(META, "Metadata"), {"state_dict_metadata": tensors, "planner_data": None, "storage_data": places}))


def one(extents=(40, 16), chunks=None, dtype="bfloat16", at=None):
    chunks = [((0, 0), extents)] if chunks is None else chunks
    return metadata({KEY: tensor(extents, [chunk(*c) for c in chunks], dtype)}, Pairs(*((index(KEY, c[0]), at or place()) for c in chunks)))


def common(value):
    return pickles.torch_file(pickled(value))


def files():
    return {
        "empty": b"",
        "no-pickle": b"{}",
        "no-metadata": pickled({"state_dict_metadata": {}}),
        "chunks-overlap": one(chunks=[((0, 0), (24, 16)), ((20, 0), (20, 16))]),
        "chunks-leave-a-hole": one(chunks=[((0, 0), (16, 16)), ((24, 0), (16, 16))]),
        "chunk-twice": one(chunks=[((0, 0), (40, 16)), ((0, 0), (40, 16))]),
        "chunk-outside": one(chunks=[((0, 0), (40, 16)), ((40, 0), (1, 16))]),
        "chunk-negative": one(chunks=[((-8, 0), (48, 16))]),
        "chunk-sizes-wrap": one(extents=(40, 16), chunks=[((1, 0), ((1 << 63) - 1, 16))]),
        "chunk-of-three-axes": one(chunks=[((0, 0, 0), (40, 16, 1))]),
        "chunk-without-place": metadata({KEY: tensor((40, 16), [chunk((0, 0), (40, 16))])}, {}),
        "no-chunks": one(chunks=[]),
        "chunks-of-60-axes": one(extents=(2,) * 60, chunks=[((i,) + (0,) * 59, (1,) + (2,) * 59) for i in range(2)]),
        "size-overflows": one(extents=(1 << 40, 1 << 40)),
        "size-negative": one(extents=(-40, -16)),
        "size-beyond-64-bits": one(extents=(1 << 64, 16)),
        "size-2to50": one(extents=(1 << 50, 16), at=place(length=1 << 55)),
        "path-leads-out": one(at=place(path="../../../../etc/passwd")),
        "path-is-absolute": one(at=place(path="/etc/passwd")),
        "path-leads-out-and-back": one(at=place(path="sub/../../iter_0000000/__0_0.distcp")),
        "path-with-zero": one(at=place(path="__0_0.distcp\0.txt")),
        "path-empty": one(at=place(path="")),
        "path-is-the-folder": one(at=place(path=".")),
        "path-of-60000-bytes": one(at=place(path="x" * 60000)),
        "file-missing": one(at=place(path="__9_9.distcp")),
        "offset-past-the-end": one(at=place(offset=1 << 40)),
        "offset-negative": one(at=place(offset=-1)),
        "offset-and-length-wrap": one(at=place(offset=(1 << 63) - 1, length=2)),
        "length-past-the-end": one(at=place(length=1 << 40)),
        "length-zero": one(at=place(length=0)),
        "place-of-something-else": one(at=place(offset=1)),
        "transformed": one(at=place(transform_descriptors=["zstd"])),
        "dtype-unknown": one(dtype="qint4"),
        "dtype-of-another-module": metadata({KEY: Instance(Global(META, "TensorStorageMetadata"), {"properties": Instance(
            Global(META, "TensorProperties"), {"dtype": Global("numpy", "bfloat16")}), "size": size(40, 16), "chunks": []})}, {}),
        "key-twice": metadata(Pairs(*2 * [(KEY, tensor((40, 16), [chunk((0, 0), (40, 16))]))]), Pairs((index(KEY, (0, 0)), place()))),
        "key-no-text": metadata(Pairs((1, tensor((40, 16), []))), {}),
        "place-twice": metadata({KEY: tensor((40, 16), [chunk((0, 0), (40, 16))])}, Pairs(*2 * [(index(KEY, (0, 0)), place())])),
        "place-of-a-number": metadata({KEY: tensor((40, 16), [chunk((0, 0), (40, 16))])}, Pairs((index(KEY, (0, 0)), 5))),
        "place-without-name": metadata({}, Pairs((5, place()))),
        "runs-a-program": metadata({KEY: Call(Global("os", "system"), "touch hacked")}, {}),
        "object-without-place": metadata({"x": Instance(Global(META, "BytesStorageMetadata"), None)}, {}),
        "honest-common": common({"iteration": 0, "num_floating_point_operations_so_far": 0}),
        "common-runs-a-program": common({"args": Call(Global("os", "system"), "touch hacked")}),
        "common-no-dict": common([1]),
        "common-no-torch-file": b"PK\x03\x04",
        "common-deep": common({"args": Raw(b"]" * 50000 + b"a" * 49999)}),
        "common-contains-itself": common({"args": Raw(b"]q\0h\0a")}),
    }
