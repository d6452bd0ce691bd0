#include "engine/window_reader.hpp"

#include <cstring>
#include <utility>

#include <fcntl.h>

#include "engine/gather.hpp"

namespace weighbridge {
namespace {

// One source file, for one output tensor.
class FileSource : public ByteSource {
 public:
  FileSource(Files& files, int descriptor, const std::filesystem::path& path, const std::string& tensor,
             const BeforeRead& before_read)
      : files_{files}, descriptor_{descriptor}, path_{path}, tensor_{tensor}, before_read_{before_read} {}

  Status read(std::uint64_t offset, std::span<std::byte> into) override {
    if (auto status = before_read_(into.size()); !status) return status;
    return read_exactly(files_, descriptor_, offset, into, path_, tensor_);
  }

 private:
  Files& files_;
  int descriptor_;
  const std::filesystem::path& path_;
  const std::string& tensor_;
  const BeforeRead& before_read_;
};

}  // namespace

WindowReader::WindowReader(const Plan& plan, Files& files, const Tuning& tuning, BeforeRead before_read)
    : plan_{&plan}, files_{&files}, tuning_{&tuning}, before_read_{std::move(before_read)}, sources_{files} {}

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
  const ReadLimits limits{static_cast<std::int64_t>(tuning_->run), static_cast<std::int64_t>(tuning_->gap)};
  const auto [first, last] = copies_->reaching(begin, end);
  for (auto i = first; i < last; ++i) {
    const auto& copy = copies_->all()[i];
    const auto& path = plan_->sources[copy.source_file];
    const auto descriptor = sources_.get(path, O_RDONLY);
    if (!descriptor) return descriptor.error();
    FileSource source{*files_, *descriptor, path, output.name, before_read_};
    Status status = done();
    clip(copy.nest, begin, end, [&](const Nest& part) {
      if (status) status = gather(part, copy.element, source, limits, scratch, target.data(), begin);
    });
    if (!status) return status;
  }
  return done();
}

}  // namespace weighbridge
