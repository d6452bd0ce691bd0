#include "checkpoints/torch_dist_common.hpp"

#include <boost/json/value.hpp>

#include "formats/file_tree.hpp"
#include "formats/torch_object.hpp"

namespace weighbridge {
namespace {

constexpr std::string_view kObject = "common_state/shard_0_1";

TorchOptions options() {
  auto globals = PickleGlobals::megatron();
  globals.set_unknown(PickleGlobals::Unknown::keep);
  return TorchOptions{std::move(globals), 1ull << 30, true};
}

boost::json::object plain_fields(PickleValue dict) {
  boost::json::object fields;
  const auto items = dict.items();
  for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
    const auto name = items[i].text();
    if (!name) continue;
    const auto value = items[i + 1];
    if (const auto flag = value.boolean())
      fields[*name] = *flag;
    else if (const auto number = value.integer())
      fields[*name] = *number;
    else if (const auto real = value.real())
      fields[*name] = *real;
    else if (const auto text = value.text())
      fields[*name] = *text;
    else if (value.is_none())
      fields[*name] = nullptr;
  }
  return fields;
}

Result<CommonState> state_of(const TorchObject& object, PickleValue root, std::string file) {
  if (!root.is(PickleKind::dict))
    return Error{Error::Kind::format, std::move(file), "common state", "is no dict",
                 "Take a complete copy of the checkpoint"};
  CommonState state;
  state.note = object.note;
  if (const auto version = root.find("checkpoint_version")) {
    state.checkpoint_version = version->real();
    if (const auto whole = version->integer()) state.checkpoint_version = static_cast<double>(*whole);
  }
  if (const auto iteration = root.find("iteration")) state.iteration = iteration->integer();
  if (const auto content = root.find("content_metadata"); content && content->is(PickleKind::dict))
    state.content_metadata = plain_fields(*content);
  if (const auto arguments = root.find("args"); arguments && !arguments->is_none())
    state.arguments = document_from_arguments(*arguments, file);
  state.file = std::move(file);
  return state;
}

}  // namespace

Result<CommonState> read_common_state(const std::filesystem::path& folder, const DcpMetadata& metadata) {
  const auto common = folder / "common.pt";
  if (tree::exists(common)) {
    auto file = InputFile::open(common);
    if (!file) return std::move(file).error();
    auto object = read_torch_object(*file, options());
    if (!object) return std::move(object).error();
    return state_of(*object, object->root(), common.string());
  }
  const auto item = metadata.objects.find(kObject);
  if (item == metadata.objects.end())
    return Error{Error::Kind::format, folder.string(), "common state",
                 "is missing: there is neither common.pt nor the object common_state/shard_0_1",
                 "Take a complete copy of the checkpoint"};
  auto file = InputFile::open(folder / metadata.files.at(item->second.file));
  if (!file) return std::move(file).error();
  auto object = read_torch_object(*file, item->second.offset, item->second.length, options(), std::string(kObject));
  if (!object) return std::move(object).error();
  const auto root = object->root();
  return state_of(*object, root.is(PickleKind::list) && root.size() == 1 ? root.items()[0] : root, file->name());
}

}  // namespace weighbridge
