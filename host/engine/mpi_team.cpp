#include "engine/mpi_team.hpp"

#include <array>
#include <chrono>
#include <climits>
#include <thread>

#include <mpi.h>

#include "engine/stopped.hpp"

namespace weighbridge {
namespace {

constexpr int kGaveUp = 1;  // tag of the message that says so

// Waits without blocking inside MPI, so that a signal is answered even if another process is gone.
class MpiTeam final : public Team {
 public:
  explicit MpiTeam(std::stop_token stop) : stop_{std::move(stop)} {
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
  }

  ~MpiTeam() override {
    if (abandoned_) {
      MPI_Abort(MPI_COMM_WORLD, 130);
    } else {
      others_gave_up();  // a message that nobody has looked at
      MPI_Finalize();
    }
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }

  Status agree(const Status& mine) override {
    // A process that was only told to stop is no reason; one that knows the reason comes first.
    int key = INT_MAX;
    if (!mine) key = mine.error().kind == Error::Kind::cancelled ? size_ + rank_ : rank_;
    int first = INT_MAX;
    MPI_Request request{};
    MPI_Iallreduce(&key, &first, 1, MPI_INT, MPI_MIN, MPI_COMM_WORLD, &request);
    if (auto waited = wait(request); !waited) return waited;
    if (first == INT_MAX) return done();
    const int failed = first % size_;
    Error error;
    if (!mine) error = mine.error();
    auto kind = static_cast<std::uint64_t>(error.kind);
    if (auto sent = send(&kind, sizeof kind, failed); !sent) return sent;
    error.kind = static_cast<Error::Kind>(kind);
    for (auto* text : {&error.file, &error.subject, &error.problem, &error.remedy})
      if (auto sent = send_text(*text, failed); !sent) return sent;
    return error;
  }

  Status least(std::span<std::uint64_t> values) override { return reduce(values, MPI_UINT64_T, MPI_MIN); }
  Status sum(std::span<std::uint64_t> values) override { return reduce(values, MPI_UINT64_T, MPI_SUM); }
  Status sum(std::span<std::uint32_t> values) override { return reduce(values, MPI_UINT32_T, MPI_SUM); }
  Status share(std::string& text) override { return send_text(text, 0); }

  void give_up() override {
    for (int other = 0; other < size_; ++other) {
      if (other == rank_) continue;
      MPI_Request request{};
      MPI_Isend(&kGaveUp, 1, MPI_INT, other, kGaveUp, MPI_COMM_WORLD, &request);
      MPI_Request_free(&request);  // a few bytes that leave at once; the constant lives on
    }
  }

  bool others_gave_up() override {
    int found = 0;
    MPI_Status status{};
    while (MPI_Iprobe(MPI_ANY_SOURCE, kGaveUp, MPI_COMM_WORLD, &found, &status) == MPI_SUCCESS && found) {
      int word = 0;
      MPI_Recv(&word, 1, MPI_INT, status.MPI_SOURCE, kGaveUp, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      gave_up_ = true;
    }
    return gave_up_;
  }

 private:
  template <class Number>
  Status reduce(std::span<Number> values, MPI_Datatype type, MPI_Op operation) {
    constexpr std::size_t kMost = 1 << 28;  // elements of one message
    for (std::size_t begin = 0; begin < values.size(); begin += kMost) {
      const auto part = values.subspan(begin, std::min(kMost, values.size() - begin));
      MPI_Request request{};
      MPI_Iallreduce(MPI_IN_PLACE, part.data(), static_cast<int>(part.size()), type, operation, MPI_COMM_WORLD, &request);
      if (auto waited = wait(request); !waited) return waited;
    }
    return done();
  }

  Status send(void* bytes, std::size_t size, int from) {
    MPI_Request request{};
    MPI_Ibcast(bytes, static_cast<int>(size), MPI_BYTE, from, MPI_COMM_WORLD, &request);
    return wait(request);
  }

  Status send_text(std::string& text, int from) {
    std::uint64_t size = text.size();
    if (auto sent = send(&size, sizeof size, from); !sent) return sent;
    text.resize(size);
    return size > 0 ? send(text.data(), size, from) : done();
  }

  Status wait(MPI_Request request) {
    for (int tries = 0;; ++tries) {
      int ready = 0;
      MPI_Test(&request, &ready, MPI_STATUS_IGNORE);
      if (ready) return done();
      if (stop_.stop_requested()) {
        abandoned_ = true;
        return stopped_error();
      }
      if (tries > 1000) std::this_thread::sleep_for(std::chrono::microseconds{200});
    }
  }

  std::stop_token stop_;
  int rank_{}, size_{1};
  bool abandoned_{}, gave_up_{};
};

}  // namespace

Result<std::unique_ptr<Team>> mpi_team(std::stop_token stop) {
  int given = 0;
  if (MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &given) != MPI_SUCCESS || given < MPI_THREAD_FUNNELED)
    return Error{Error::Kind::unsupported, "", "MPI", "does not start, or lets no program have threads", "Run one process"};
  return std::unique_ptr<Team>{std::make_unique<MpiTeam>(std::move(stop))};
}

}  // namespace weighbridge
