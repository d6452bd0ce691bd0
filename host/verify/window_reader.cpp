#include "verify/window_reader.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fcntl.h>

#include "engine/gather.hpp"

namespace weighbridge {
namespace {

// A checkpoint may have more files than a process may open.
constexpr std::size_t kOpenFiles = 16;

class OpenSource : public ByteSource {
 public:
  OpenSource(Files& files, int descriptor, const std::filesystem::path& path, const std::string& tensor, const std::stop_token& stop)
      : files_{files}, descriptor_{descriptor}, path_{path}, tensor_{tensor}, stop_{stop} {}

  Status read(std::uint64_t offset, std::span<std::byte> into) override {
    if (stop_.stop_requested())
      return Error{Error::Kind::cancelled, "", "", "stopped before everything was compared", "Run it again"};
    return read_exactly(files_, descriptor_, offset, into, path_, tensor_);
  }

 private:
  Files& files_;
  int descriptor_;
  const std::filesystem::path& path_;
  const std::string& tensor_;
  const std::stop_token& stop_;
};

}  // namespace

WindowReader::WindowReader(const Plan& plan, Files& files, const Tuning& tuning, std::stop_token stop)
    : plan_{&plan}, files_{&files}, tuning_{tuning}, stop_{std::move(stop)} {}

Result<int> WindowReader::descriptor_of(std::uint32_t source) {
  const auto found = std::find_if(open_.begin(), open_.end(), [&](const OpenFile& file) { return file.source == source; });
  if (found != open_.end()) {
    open_.splice(open_.begin(), open_, found);
    return found->descriptor.number();
  }
  auto opened = open_file(*files_, plan_->sources[source], O_RDONLY);
  if (!opened) return opened.error();
  if (open_.size() == kOpenFiles) open_.pop_back();
  open_.push_front({source, std::move(*opened)});
  return open_.front().descriptor.number();
}

Status WindowReader::fill(std::size_t tensor, std::int64_t begin, std::int64_t end, std::span<std::byte> target,
                          std::span<std::byte> scratch) {
  const auto& output = plan_->tensors[tensor];
  if (tensor_ != tensor) {
    auto made = TensorCopies::make(output);
    if (!made) return made.error();
    copies_ = std::move(*made);
    tensor_ = tensor;
  }
  if (output.padded) std::memset(target.data(), 0, static_cast<std::size_t>(end - begin));
  const ReadLimits limits{static_cast<std::int64_t>(tuning_.run), static_cast<std::int64_t>(tuning_.gap)};
  const auto [first, last] = copies_->reaching(begin, end);
  for (auto i = first; i < last; ++i) {
    const auto& copy = copies_->all()[i];
    const auto descriptor = descriptor_of(copy.source_file);
    if (!descriptor) return descriptor.error();
    OpenSource source{*files_, *descriptor, plan_->sources[copy.source_file], output.name, stop_};
    Status status = done();
    clip(copy.nest, begin, end, [&](const Nest& part) {
      if (status) status = gather(part, copy.element, source, limits, scratch, target.data(), begin);
    });
    if (!status) return status;
  }
  return done();
}

}  // namespace weighbridge
