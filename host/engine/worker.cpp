#include "engine/worker.hpp"

#include <utility>

#include <fcntl.h>

#include "engine/stopped.hpp"
#include "engine/team.hpp"
#include "formats/crc32.hpp"

namespace weighbridge {
namespace {

// Below this, telling the kernel to start writing costs more than it gains.
constexpr std::int64_t kWriteback = 1 << 20;

BeforeRead counted(Job& job) {
  return [&job](std::uint64_t bytes) -> Status {
    if (job.stopped()) return stopped_error();
    job.bytes_read.fetch_add(bytes, std::memory_order_relaxed);
    return done();
  };
}

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

Result<Worker> Worker::make(Job& job, const Budget& budget) {
  auto buffer = Buffer::make(budget.capacity + budget.scratch);
  if (!buffer) return buffer.error();
  return Worker{job, budget, std::move(*buffer)};
}

Worker::Worker(Job& job, const Budget& budget, Buffer buffer)
    : job_{&job}, buffer_{std::move(buffer)}, capacity_{budget.capacity},
      reader_{job.plan, job.files, job.options.tuning, counted(job)}, outputs_{job.files} {}

void Worker::work(Team* team) {
  while (!job_->stopped()) {
    if (team != nullptr && team->others_gave_up()) return job_->failure.set(stopped_error());
    const auto number = job_->next.fetch_add(1, std::memory_order_relaxed);
    if (number >= job_->last) return;
    const auto window = job_->schedule.window(number);
    auto status = reader_.fill(window.tensor, window.begin, window.end, buffer_.bytes().first(capacity_),
                               buffer_.bytes().subspan(capacity_));
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
