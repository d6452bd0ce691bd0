#include "formats/pickle_globals.hpp"

#include <algorithm>
#include <array>

#include "tensor/dtype.hpp"

namespace weighbridge {
namespace {

// Modules that run programs, touch files or load code, with everything below them.
constexpr std::array<std::string_view, 33> kForbiddenModules{"os",        "posix",      "nt",
                                                             "sys",       "subprocess", "_posixsubprocess",
                                                             "shutil",    "socket",     "ctypes",
                                                             "_ctypes",   "importlib",  "runpy",
                                                             "pty",       "webbrowser", "code",
                                                             "codeop",    "pdb",        "bdb",
                                                             "pip",       "asyncio",    "multiprocessing",
                                                             "threading", "marshal",    "imp",
                                                             "pkgutil",   "zipimport",  "timeit",
                                                             "cProfile",  "profile",    "platform",
                                                             "commands",  "tempfile",   "urllib"};

constexpr std::array<std::string_view, 17> kForbiddenBuiltins{
    "eval",    "exec",    "execfile", "compile", "open",       "file",  "__import__", "getattr", "setattr",
    "delattr", "globals", "locals",   "vars",    "breakpoint", "input", "apply",      "reload"};

constexpr std::array<std::string_view, 11> kTorchTensors{"FloatTensor", "DoubleTensor", "HalfTensor",  "BFloat16Tensor",
                                                         "LongTensor",  "IntTensor",    "ShortTensor", "CharTensor",
                                                         "ByteTensor",  "BoolTensor",   "Tensor"};

constexpr std::array<std::string_view, 18> kTorchStorages{
    "FloatStorage", "DoubleStorage", "HalfStorage",   "BFloat16Storage", "LongStorage",         "IntStorage",
    "ShortStorage", "CharStorage",   "ByteStorage",   "BoolStorage",     "ComplexFloatStorage", "ComplexDoubleStorage",
    "QInt8Storage", "QInt32Storage", "QUInt8Storage", "QUInt4x2Storage", "QUInt2x4Storage",     "UntypedStorage"};

template <class Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

std::string_view first_part(std::string_view dotted) { return dotted.substr(0, dotted.find('.')); }

// A dotted name reaches through one module into another (argparse, "_sys.modules"): each part counts.
bool reaches_forbidden_module(std::string_view name) {
  if (name.find('.') == std::string_view::npos) return false;
  while (!name.empty()) {
    auto part = first_part(name);
    name.remove_prefix(std::min(name.size(), part.size() + 1));
    while (part.starts_with('_')) part.remove_prefix(1);
    if (contains(kForbiddenModules, part) || contains(kForbiddenBuiltins, part) || part.starts_with("globals"))
      return true;
  }
  return false;
}

bool is_builtin(std::string_view module) { return module == "builtins" || module == "__builtin__"; }

}  // namespace

void PickleGlobals::allow(std::string_view module, std::string_view name) {
  allowed_.insert(std::string{module}.append(" ").append(name));
}

PickleGlobals PickleGlobals::weights_only() {
  PickleGlobals globals;
  globals.allow_torch_types_ = true;
  for (const auto* module : {"builtins", "__builtin__"})
    for (const auto* name :
         {"set", "bytearray", "complex", "bytes", "dict", "list", "tuple", "int", "float", "str", "bool", "frozenset"})
      globals.allow(module, name);
  for (const auto* name : {"OrderedDict", "Counter", "defaultdict"}) globals.allow("collections", name);
  globals.allow("_codecs", "encode");
  globals.allow("torch.nn.parameter", "Parameter");
  globals.allow("torch.serialization", "_get_layout");
  for (const auto* name : {"Size", "device", "strided", "per_tensor_affine", "per_channel_affine",
                           "per_tensor_symmetric", "per_channel_symmetric", "per_channel_affine_float_qparams"})
    globals.allow("torch", name);
  for (const auto* name :
       {"_rebuild_parameter", "_rebuild_parameter_with_state", "_rebuild_qtensor", "_rebuild_tensor",
        "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_sparse_tensor", "_rebuild_meta_tensor_no_storage",
        "_rebuild_wrapper_subclass", "_rebuild_device_tensor_from_numpy", "_rebuild_device_tensor_from_cpu_tensor"})
    globals.allow("torch._utils", name);
  globals.allow("torch._tensor", "_rebuild_from_type_v2");
  return globals;
}

PickleGlobals PickleGlobals::megatron() {
  auto globals = weights_only();
  globals.unknown_ = Unknown::keep;
  globals.allow("argparse", "Namespace");
  globals.allow("types", "SimpleNamespace");
  for (const auto* module : {"pathlib", "pathlib._local"})
    for (const auto* name : {"PosixPath", "PurePosixPath", "Path"}) globals.allow(module, name);
  globals.allow("_io", "BytesIO");
  globals.allow("io", "BytesIO");
  globals.allow("signal", "Signals");
  for (const auto* module : {"numpy.core.multiarray", "numpy._core.multiarray"})
    for (const auto* name : {"_reconstruct", "scalar"}) globals.allow(module, name);
  for (const auto* name : {"ndarray", "dtype"}) globals.allow("numpy", name);
  globals.allow("numpy.dtypes", "UInt32DType");
  globals.allow("torch._C", "Generator");
  globals.allow("megatron.core.optimizer.optimizer_config", "OptimizerConfig");
  for (const auto* name :
       {"AttnBackend", "CudaGraphModule", "CudaGraphScope", "InferenceCudaGraphScope", "ModelType"}) {
    globals.allow("megatron.core.transformer.enums", name);
    globals.allow("megatron.core.enums", name);
  }
  for (const auto* name : {"RerunDiagnostic", "RerunMode", "RerunState"})
    globals.allow("megatron.core.rerun_state_machine", name);
  return globals;
}

PickleGlobals PickleGlobals::dcp_metadata() {
  auto globals = weights_only();
  globals.unknown_ = Unknown::keep;
  for (const auto* name : {"Metadata", "TensorStorageMetadata", "ChunkStorageMetadata", "BytesStorageMetadata",
                           "TensorProperties", "_MEM_FORMAT_ENCODING", "MetadataIndex", "StorageMeta"})
    globals.allow("torch.distributed.checkpoint.metadata", name);
  globals.allow("torch.distributed.checkpoint.filesystem", "_StorageInfo");
  for (const auto* name : {"SavePlan", "WriteItem", "WriteItemType", "TensorWriteData"})
    globals.allow("torch.distributed.checkpoint.planner", name);
  for (const auto* name : {"TensorProperties", "MEM_FORMAT_ENCODING"})
    globals.allow("torch.distributed._shard.sharded_tensor.metadata", name);
  for (const auto* name : {"MCoreMetadata", "MCoreSavePlan"})
    globals.allow("megatron.core.dist_checkpointing.strategies.torch", name);
  for (const auto* module : {"pathlib", "pathlib._local"}) globals.allow(module, "PosixPath");
  return globals;
}

PickleGlobals::Verdict PickleGlobals::verdict(std::string_view module, std::string_view name) const {
  if (contains(kForbiddenModules, first_part(module)) || reaches_forbidden_module(name)) return Verdict::forbidden;
  if (is_builtin(module) && contains(kForbiddenBuiltins, first_part(name))) return Verdict::forbidden;
  if (module == "operator" || module == "_operator" || module == "_pickle" || module == "pickle")
    return Verdict::forbidden;
  if (allowed_.contains(std::string{module}.append(" ").append(name))) return Verdict::allowed;
  if (allow_torch_types_) {
    if (module == "torch" && (dtype_from_torch(name) || name == "complex32" || name == "complex128" ||
                              contains(kTorchTensors, name) || contains(kTorchStorages, name)))
      return Verdict::allowed;
    if ((module == "torch.cuda" && (contains(kTorchTensors, name) || contains(kTorchStorages, name))) ||
        (module == "torch.storage" &&
         (name == "UntypedStorage" || name == "_UntypedStorage" || name == "TypedStorage")))
      return Verdict::allowed;
  }
  return Verdict::unknown;
}

}  // namespace weighbridge
