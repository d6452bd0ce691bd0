#include "forward/kept_states.hpp"

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace weighbridge {
namespace {

Error refused() {
  std::error_code none;
  return {Error::Kind::io, std::filesystem::temp_directory_path(none).string(), "", "cannot keep the states of the first side: " + std::generic_category().message(errno),
          "Free space there, or give fewer --tokens"};
}

}  // namespace

Result<KeptStates> KeptStates::make() {
  KeptStates kept;
  kept.file_.reset(std::tmpfile());
  if (!kept.file_) return refused();
  return kept;
}

Status KeptStates::keep(std::int64_t layer, std::int64_t columns, const float* values, std::size_t count) {
  if (std::fseek(file_.get(), 0, SEEK_END) != 0) return refused();
  const Place place{std::ftell(file_.get()), columns, count};
  if (place.offset < 0 || std::fwrite(values, sizeof(float), count, file_.get()) != count) return refused();
  places_.insert_or_assign(layer, place);
  return done();
}

Result<KeptStates::State> KeptStates::of(std::int64_t layer) const {
  const auto found = places_.find(layer);
  if (found == places_.end()) return State{};
  State state{found->second.columns, std::vector<float>(found->second.count)};
  if (std::fseek(file_.get(), found->second.offset, SEEK_SET) != 0 ||
      std::fread(state.values.data(), sizeof(float), state.values.size(), file_.get()) != state.values.size())
    return refused();
  return state;
}

}  // namespace weighbridge
