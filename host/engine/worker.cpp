#include "engine/worker.hpp"

#include <utility>

#include "engine/durable_progress.hpp"
#include "engine/stopped.hpp"
#include "engine/team.hpp"
#include "formats/crc32.hpp"

namespace weighbridge {
namespace {

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
  auto buffer = Buffer::make(budget.bounce + budget.block + budget.capacity + kDirectAlignment + budget.scratch);
  if (!buffer) return buffer.error();
  return Worker{job, budget, std::move(*buffer)};
}

Worker::Worker(Job& job, const Budget& budget, Buffer buffer)
    : job_{&job}, buffer_{std::move(buffer)}, front_{budget.bounce + budget.block}, capacity_{budget.capacity},
      reader_{job.plan, job.files, job.options.tuning, counted(job), buffer_.bytes().first(budget.bounce),
              buffer_.bytes().subspan(budget.bounce, budget.block), buffer_.bytes().subspan(budget.bounce + budget.block)},
      outputs_{job.files, job.options.tuning.direct} {}

// Where the window lies in memory as it will in its file.
std::span<std::byte> Worker::window_room(const Window& window) const {
  const auto offset = job_->plan.tensors[window.tensor].offset + static_cast<std::uint64_t>(window.begin);
  return buffer_.bytes().subspan(front_ + static_cast<std::size_t>(offset % kDirectAlignment), capacity_);
}

void Worker::work(Team* team) {
  std::vector<std::uint64_t> windows;
  while (!job_->stopped()) {
    if (team != nullptr && team->others_gave_up()) return job_->failure.set(stopped_error());
    const auto group = job_->next.fetch_add(1, std::memory_order_relaxed);
    if (group >= job_->last) return;
    job_->order.group(group, windows);
    for (const auto number : windows) {
      if (job_->done != nullptr && (*job_->done)[number]) continue;
      if (auto made = make(number); !made) return job_->failure.set(std::move(made).error());
    }
  }
}

Status Worker::make(std::uint64_t number) {
  const auto window = job_->schedule.window(number);
  const auto& tensor = job_->plan.tensors[window.tensor];
  const auto room = window_room(window);
  const auto before = reader_.encoding_totals();
  auto status = reader_.fill(window.tensor, window.begin, window.end, room, buffer_.bytes().subspan(front_ + capacity_ + kDirectAlignment));
  if (!status) return status;
  const auto filled = room.first(static_cast<std::size_t>(window.end - window.begin));
  auto& checksum = job_->checksums[number];
  if (job_->checksummed[window.tensor]) checksum = crc32({reinterpret_cast<const char*>(filled.data()), filled.size()});
  if (job_->stopped()) return stopped_error();
  status = outputs_.write(job_->folder / job_->plan.files[tensor.file].path, tensor.offset + static_cast<std::uint64_t>(window.begin), filled, tensor.name);
  if (!status) return status;
  job_->progress.add(filled.size(), tensor.name);
  if (job_->durable == nullptr) return done();
  const auto& after = reader_.encoding_totals();
  return job_->durable->add({number, checksum}, {after.blocks_kept - before.blocks_kept, after.blocks_new - before.blocks_new, after.largest_error});
}

}  // namespace weighbridge
