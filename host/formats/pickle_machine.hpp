#pragma once
// The stack machine of a pickle, with data in place of everything that Python would import or call. Private to this
// room.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/pickle_node.hpp"
#include "formats/pickle_opcodes.hpp"
#include "formats/pickle_reader.hpp"

namespace weighbridge {

// Runs one pickle. Every method that returns bool sets `error` when it returns false.
class PickleReader {
 public:
  PickleReader(std::string bytes, const PickleOptions& options, std::string_view file, std::string_view subject);

  Result<PickleDocument> run();

 private:
  bool step(const PickleInstruction& instruction);
  bool push_number(const PickleInstruction& instruction);
  bool push_text(const PickleInstruction& instruction);
  bool memo(const PickleInstruction& instruction);
  bool collect(const PickleInstruction& instruction);  // containers, and what is put into them
  bool construct(PickleOp op);                         // objects
  bool inst(std::string_view module_and_name);

  bool push(PickleValue value);
  bool push_kept(PickleKind kind, std::string_view text);  // text that lies in the pickle itself
  bool push_copied(PickleKind kind, const std::optional<std::string>& text);
  bool push_long(std::string_view twos_complement);
  bool push_container(PickleKind kind, std::size_t from);  // of all values above `from`
  bool push_global(std::string_view text, std::size_t module_size);
  bool persistent_id(PickleValue id);
  bool call(PickleValue callable, PickleValue args);
  std::optional<PickleValue> built_in(PickleValue callable, PickleValue args);  // nothing, or an error was set
  PickleValue ordered_dict();
  bool object(PickleValue callable, PickleValue args, bool new_object);
  bool build(PickleValue state);
  bool put_into(std::size_t from, bool pairs, bool set_only);  // moves the values above `from` into the one below

  bool need(std::size_t count);  // that many values above the last mark
  std::optional<std::size_t> pop_mark();
  PickleValue pop();
  bool spend(std::size_t copied);  // guards against a small pickle that makes big copies again and again
  bool free_of_cycles(PickleValue root);
  bool fail(std::string problem);
  bool adopt(Error error);  // another's error, made to name the file

  PickleArena arena_;
  PickleArena::Memory& memory_;
  const PickleOptions& options_;
  std::string_view file_, subject_;
  std::string_view bytes_;
  std::size_t at_{};  // of the current instruction
  std::vector<PickleValue> stack_;
  std::vector<std::size_t> marks_;
  std::vector<PickleValue> memo_;
  std::vector<bool> memo_set_;
  std::size_t copied_{};
  std::optional<Error> error_;
};

}  // namespace weighbridge
