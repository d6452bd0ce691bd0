#pragma once
// A value, or why there is none. Everything that a user's file or option can cause is a Result; exceptions are for
// bugs and stay inside one room.

#include <string>
#include <utility>
#include <variant>

namespace weighbridge {

struct Error {
  enum class Kind {
    io = 1,       // the operating system refused: missing, unreadable, full, not writable
    format,       // a file is not what its format says
    mismatch,     // files, config and equations disagree: missing tensor, wrong shape, unused tensor
    unsupported,  // understood, but not something this program can do
    usage,        // the command or its options
    plugin,       // a family plugin is broken or refused
    cancelled,    // the user stopped it
  };
  Kind kind{};
  std::string file;     // the file or folder at fault; may be empty
  std::string subject;  // the tensor, key, field or option at fault; may be empty
  std::string problem;  // what is wrong: found and expected, in one sentence without a full stop
  std::string remedy;   // what the user can do about it, in one sentence without a full stop

  // One printable line: "FILE: SUBJECT: PROBLEM. REMEDY."
  std::string text() const;
};

const char* to_string(Error::Kind kind);

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}
  Result(Error error) : state_{std::in_place_index<1>, std::move(error)} {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() & { return std::get<0>(state_); }
  const T& operator*() const& { return std::get<0>(state_); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &std::get<0>(state_); }
  const T* operator->() const { return &std::get<0>(state_); }
  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

using Status = Result<std::monostate>;  // done, or why not
inline Status done() { return std::monostate{}; }

}  // namespace weighbridge
