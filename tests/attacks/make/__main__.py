"""Writes the hostile files of tests/attacks/files: python3 tests/attacks/make

Each module has one function that gives names and bytes; attacks.json says where a file is put, what is run and what must be said.
"""

import pathlib
import shutil

import archives
import distributed
import documents
import pickles
import tensors
import yamls
import zips

folder = pathlib.Path(__file__).resolve().parent.parent / "files"
shutil.rmtree(folder, ignore_errors=True)
for kind in (archives, distributed, documents, pickles, tensors, yamls, zips):
    for name, content in kind.files().items():
        path = folder / kind.__name__ / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

# A fuzzer of pickles alone starts from the pickles alone.
seeds = folder.parent.parent / "fuzz/corpus/pickle_fuzz"
seeds.mkdir(parents=True, exist_ok=True)
for name, pickle in {**pickles.running(), **pickles.breaking()}.items():
    if len(pickle) < 2000:
        (seeds / name).write_bytes(pickle)
