#include "engine/worker.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fcntl.h>

#include "engine/stopped.hpp"
#include "formats/crc32.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kOpenFiles = 16;
// Below this, telling the kernel to start writing costs more than it gains.
constexpr std::int64_t kWriteback = 1 << 20;

// One source file, for one output tensor.
class FileSource : public ByteSource {
 public:
  FileSource(Job& job, int descriptor, const std::filesystem::path& path, const std::string& tensor)
      : job_{job}, descriptor_{descriptor}, path_{path}, tensor_{tensor} {}

  Status read(std::uint64_t offset, std::span<std::byte> into) override {
    if (job_.stopped()) return stopped_error();
    job_.bytes_read.fetch_add(into.size(), std::memory_order_relaxed);
    return read_exactly(job_.files, descriptor_, offset, into, path_, tensor_);
  }

 private:
  Job& job_;
  int descriptor_;
  const std::filesystem::path& path_;
  const std::string& tensor_;
};

}  // namespace

void FirstFailure::set(Error error) {
  const std::lock_guard lock{mutex_};
  if (!error_) error_ = std::move(error);
  any_ = true;
}

std::optional<Error> FirstFailure::get() const {
  const std::lock_guard lock{mutex_};
  return error_;
}

Result<int> Worker::OpenFiles::get(const std::filesystem::path& path, int flags) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.path == path; });
  if (found != entries_.end()) {
    entries_.splice(entries_.begin(), entries_, found);
    return found->descriptor.number();
  }
  auto opened = open_file(*files_, path, flags);
  if (!opened) return opened.error();
  if (entries_.size() == kOpenFiles) entries_.pop_back();
  entries_.push_front({path, std::move(*opened)});
  return entries_.front().descriptor.number();
}

Result<Worker> Worker::make(Job& job, const Budget& budget) {
  auto buffer = Buffer::make(budget.capacity + budget.scratch);
  if (!buffer) return buffer.error();
  return Worker{job, budget, std::move(*buffer)};
}

Worker::Worker(Job& job, const Budget& budget, Buffer buffer)
    : job_{&job}, buffer_{std::move(buffer)}, capacity_{budget.capacity}, sources_{job.files}, outputs_{job.files} {}

void Worker::work() {
  while (!job_->stopped()) {
    const auto number = job_->next.fetch_add(1, std::memory_order_relaxed);
    if (number >= job_->schedule.windows()) return;
    const auto window = job_->schedule.window(number);
    auto status = fill(window);
    if (status) {
      const auto size = static_cast<std::size_t>(window.end - window.begin);
      if (job_->checksummed[window.tensor])
        job_->checksums[number] = crc32({reinterpret_cast<const char*>(buffer_.bytes().data()), size});
      status = write(window);
      if (status) job_->progress.add(size, job_->plan.tensors[window.tensor].name);
    }
    if (!status) return job_->failure.set(std::move(status).error());
  }
}

Status Worker::fill(const Window& window) {
  const auto& tensor = job_->plan.tensors[window.tensor];
  if (tensor_ != window.tensor) {
    auto made = TensorCopies::make(tensor);
    if (!made) return made.error();
    copies_ = std::move(*made);
    tensor_ = window.tensor;
  }
  auto* const target = buffer_.bytes().data();
  const auto scratch = buffer_.bytes().subspan(capacity_);
  const ReadLimits limits{static_cast<std::int64_t>(job_->options.tuning.run),
                          static_cast<std::int64_t>(job_->options.tuning.gap)};
  if (tensor.padded) std::memset(target, 0, static_cast<std::size_t>(window.end - window.begin));

  const auto [first, last] = copies_->reaching(window.begin, window.end);
  for (auto i = first; i < last; ++i) {
    const auto& copy = copies_->all()[i];
    const auto& path = job_->plan.sources[copy.source_file];
    const auto descriptor = sources_.get(path, O_RDONLY);
    if (!descriptor) return descriptor.error();
    FileSource source{*job_, *descriptor, path, tensor.name};
    Status status = done();
    clip(copy.nest, window.begin, window.end, [&](const Nest& part) {
      if (status) status = gather(part, copy.element, source, limits, scratch, target, window.begin);
    });
    if (!status) return status;
  }
  return done();
}

Status Worker::write(const Window& window) {
  const auto& tensor = job_->plan.tensors[window.tensor];
  const auto path = job_->folder / job_->plan.files[tensor.file].path;
  if (job_->stopped()) return stopped_error();
  const auto descriptor = outputs_.get(path, O_WRONLY);
  if (!descriptor) return descriptor.error();
  const auto size = window.end - window.begin;
  const auto offset = tensor.offset + static_cast<std::uint64_t>(window.begin);
  auto written = write_exactly(job_->files, *descriptor, offset, buffer_.bytes().first(static_cast<std::size_t>(size)),
                               path, tensor.name);
  if (written && size >= kWriteback) job_->files.start_writeback(*descriptor, static_cast<std::int64_t>(offset), size);
  return written;
}

}  // namespace weighbridge
