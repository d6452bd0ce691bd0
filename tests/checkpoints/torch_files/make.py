"""Makes the state dicts that hugging_face_torch_test.cpp reads. Needs torch; run it in this folder."""

from collections import OrderedDict

import torch

embedding = torch.arange(12, dtype=torch.float32).reshape(4, 3).to(torch.bfloat16)
rows = torch.arange(20, dtype=torch.float32).reshape(5, 4)
state = OrderedDict()
state["embed.weight"] = embedding
state["lm_head.weight"] = embedding  # tied: one storage, two names
state["rows.middle"] = rows[1:3]  # a view with an offset
state["rows.turned"] = rows.t()  # a view with strides [1, 4]
state["norm.weight"] = torch.nn.Parameter(torch.tensor([1.5, -2.5], dtype=torch.float16))
state["scalar"] = torch.tensor(7, dtype=torch.int64)
state["mask"] = torch.tensor([True, False, True])
state["version"] = 3  # no tensor

torch.save(state, "zip.bin")
torch.save(state, "stream.bin", _use_new_zipfile_serialization=False)
