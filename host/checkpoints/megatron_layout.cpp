#include "checkpoints/megatron_layout.hpp"

#include <fmt/format.h>

namespace weighbridge {

std::string_view to_string(MegatronFlavor flavor) {
  switch (flavor) {
    case MegatronFlavor::bridge: return "bridge";
    case MegatronFlavor::megatron_lm: return "megatron-lm";
  }
  return {};
}

std::string_view to_string(MegatronStorage storage) {
  switch (storage) {
    case MegatronStorage::torch_dist: return "torch_dist";
    case MegatronStorage::torch: return "torch";
  }
  return {};
}

std::string_view to_string(ModelClass model_class) {
  switch (model_class) {
    case ModelClass::gpt: return "gpt";
    case ModelClass::hybrid: return "hybrid";
  }
  return {};
}

std::string_view to_string(ModuleSpec spec) {
  switch (spec) {
    case ModuleSpec::transformer_engine: return "transformer_engine";
    case ModuleSpec::local: return "local";
  }
  return {};
}

std::string iteration_folder(std::int64_t iteration) { return fmt::format("iter_{:07}", iteration); }

}  // namespace weighbridge
