#pragma once
// Reads pickles of protocols 0 to 5 as data. The work and the memory are linear in the pickle's length whatever it
// says: every opcode makes at most one node, and a value that contains itself or is nested too deeply is refused.

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "formats/pickle_globals.hpp"
#include "formats/pickle_value.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

struct PickleDocument {
  PickleArena arena;  // owns root and the pickle's bytes
  PickleValue root;
  std::size_t length{};  // bytes of the pickle; what follows its STOP was not looked at
};

struct PickleOptions {
  PickleGlobals globals{PickleGlobals::weights_only()};
  std::size_t max_depth{500};
  std::size_t max_nodes{200'000'000};

  // What a persistent id stands for; without it, ids become nodes of their own kind.
  std::function<Result<PickleValue>(PickleArena&, PickleValue id)> resolve_persistent_id{};
  // What callable(*args) stands for; nothing for an ordinary object. `callable` is a global that `globals` accepts.
  std::function<Result<std::optional<PickleValue>>(PickleArena&, PickleValue callable, PickleValue args)>
      resolve_call{};
};

// `file` and `subject` say in messages where the pickle lies. Errors name the byte position, and the global at fault.
Result<PickleDocument> read_pickle(std::string bytes, const PickleOptions& options, std::string_view file,
                                   std::string_view subject);

// Length of the pickle at the start of `bytes`, STOP included; nothing if `bytes` ends before. Unknown opcodes count as
// an end, so that read_pickle can name them.
std::optional<std::size_t> pickle_length(std::string_view bytes);

}  // namespace weighbridge
