#include "checkpoints/torch_dist_side_files.hpp"

#include <array>
#include <vector>

#include "checkpoints/megatron_arguments.hpp"
#include "formats/byte_order.hpp"
#include "formats/torch_writer.hpp"

namespace weighbridge {
namespace {

Result<std::string> write_list_of(PickleArena& arena, PickleValue element,
                                  std::span<const StorageBytes> storages = {}) {
  const std::array items{element};
  return write_torch_object(arena.list(items), storages);
}

PickleValue scalar_tensor(PickleArena& arena, DType dtype, std::string bytes, std::vector<StorageBytes>& storages) {
  storages.push_back({dtype, std::move(bytes)});
  return arena.tensor({dtype, {}, {}, 0, static_cast<std::uint32_t>(storages.size() - 1)});
}

}  // namespace

Result<CommonStateBytes> write_common_state(const CommonStateRequest& request) {
  PickleArena arena;
  std::vector<PicklePair> fields;
  if (request.flavor == MegatronFlavor::megatron_lm) {
    fields.emplace_back(arena.text("args"), arguments_from_document(*request.document, {.padded_vocab_size = request.padded_vocab_size}, arena));
  }
  fields.emplace_back(arena.text("checkpoint_version"), arena.real(3.0));
  fields.emplace_back(arena.text("iteration"), arena.integer(request.iteration));
  std::vector<PicklePair> content{{arena.text("singleton_local_shards"), arena.boolean(false)},
                                  {arena.text("chained_optim_avoid_prefix"), arena.boolean(true)}};
  if (request.per_layer) content.emplace_back(arena.text("non_homogeneous_layers"), arena.boolean(true));
  fields.emplace_back(arena.text("content_metadata"), arena.dict(content));
  const auto root = arena.dict(fields);

  auto file = write_torch_object(root, {}, "common");
  if (!file) return std::move(file).error();
  auto object = write_list_of(arena, root);
  if (!object) return std::move(object).error();
  return CommonStateBytes{*std::move(file), *std::move(object)};
}

Result<std::string> write_empty_extra_state() {
  PickleArena arena;
  const std::array storages{StorageBytes{DType::u8, {}}};
  return write_list_of(arena, arena.tensor({DType::u8, {0}, {1}, 0, 0}), storages);
}

Result<std::string> write_none_extra_state() {
  PickleArena arena;
  return write_list_of(arena, arena.none());
}

Result<std::string> write_train_state(std::int64_t step) {
  PickleArena arena;
  std::vector<StorageBytes> storages;
  std::vector<PicklePair> fields;
  const auto add = [&](std::string_view name, DType dtype, std::string bytes) {
    fields.emplace_back(arena.text(name), scalar_tensor(arena, dtype, std::move(bytes), storages));
  };
  std::string step_bytes;
  append_little_endian(step_bytes, step);
  add("step", DType::i64, step_bytes);
  for (const auto* name : {"consumed_train_samples", "skipped_train_samples", "consumed_valid_samples"})
    add(name, DType::i64, std::string(8, '\0'));
  add("floating_point_operations_so_far", DType::f32, std::string(4, '\0'));
  for (const auto* name : {"do_train", "do_valid", "do_test"}) add(name, DType::boolean, std::string(1, '\0'));
  return write_torch_object(arena.dict(fields), storages, "train_state");
}

std::string write_backend_metadata() {
  return R"({"sharded_backend": "torch_dist", "sharded_backend_version": 1, )"
         R"("common_backend": "torch", "common_backend_version": 1})";
}

}  // namespace weighbridge
