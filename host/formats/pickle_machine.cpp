#include "formats/pickle_machine.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "formats/format_error.hpp"
#include "formats/pickle_text_forms.hpp"

namespace weighbridge {
namespace {

// Copies that a pickle of n bytes may cause in all: more than any honest one, linear for a hostile one.
constexpr std::size_t kCopiesPerByte = 16, kFreeCopies = 1 << 20;
constexpr std::size_t kMostGlobalName = 512;
constexpr std::size_t kMostDepth = 60'000;

}  // namespace

bool PickleReader::fail(std::string problem) {
  if (!error_) error_ = damaged(file_, subject_, fmt::format("{} (byte {} of the pickle)", std::move(problem), at_));
  return false;
}

bool PickleReader::adopt(Error error) {
  if (error.file.empty()) error.file = file_;
  if (error.subject.empty()) error.subject = subject_;
  error_ = std::move(error);
  return false;
}

bool PickleReader::need(std::size_t count) {
  const auto floor = marks_.empty() ? 0 : marks_.back();
  return stack_.size() - floor >= count || fail("the pickle takes more values than it has given");
}

std::optional<std::size_t> PickleReader::pop_mark() {
  if (marks_.empty()) {
    fail("the pickle refers to a mark that it has not set");
    return std::nullopt;
  }
  const auto from = marks_.back();
  marks_.pop_back();
  return from;
}

PickleValue PickleReader::pop() {
  const auto value = stack_.back();
  stack_.pop_back();
  return value;
}

bool PickleReader::spend(std::size_t copied) {
  copied_ += copied;
  return copied_ <= kFreeCopies + kCopiesPerByte * bytes_.size() || fail("the pickle expands to many times its size");
}

bool PickleReader::push(PickleValue value) {
  if (memory_.nodes > options_.max_nodes)
    return fail(fmt::format("the pickle holds more than {} values", options_.max_nodes));
  stack_.push_back(value);
  return true;
}

bool PickleReader::push_kept(PickleKind kind, std::string_view text) {
  auto* node = memory_.make(kind);
  node->text = text.data();
  node->size = text.size();
  return push(PickleValue{node});
}

bool PickleReader::push_copied(PickleKind kind, const std::optional<std::string>& text) {
  if (!text) return fail("a string is not written as the pickle format says");
  return spend(text->size()) && push_kept(kind, memory_.keep(*text));
}

bool PickleReader::push_long(std::string_view number) {
  if (number.size() > sizeof(std::int64_t)) return push_kept(PickleKind::big_integer, number);
  std::uint64_t value = !number.empty() && number.back() < 0 ? ~std::uint64_t{0} : 0;
  for (std::size_t i = number.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(number[i]);
  return push(arena_.integer(static_cast<std::int64_t>(value)));
}

bool PickleReader::push_container(PickleKind kind, std::size_t from) {
  const auto items = std::span<const PickleValue>{stack_}.subspan(from);
  if (kind == PickleKind::dict && items.size() % 2 != 0) return fail("a dict has a key without a value");
  const auto value = arena_.container(kind, items);
  open_node(value).pairs = kind == PickleKind::dict;
  stack_.resize(from);
  return push(value);
}

bool PickleReader::push_global(std::string_view text, std::size_t module_size) {
  if (text.size() > kMostGlobalName) return fail("the name of a global is too long");
  const auto module = text.substr(0, module_size), name = text.substr(module_size + 1);
  const auto verdict = options_.globals.verdict(module, name);
  const auto dotted = fmt::format("{}.{}", module, name);
  if (verdict == PickleGlobals::Verdict::forbidden)
    return adopt(
        {Error::Kind::format, std::string{file_}, dotted,
         fmt::format("the pickle asks for the forbidden global {}, which could run programs when it is loaded", dotted),
         "Do not load this file anywhere; get the checkpoint from a source that you trust, as safetensors if "
         "possible"});
  if (verdict == PickleGlobals::Verdict::unknown && options_.globals.unknown() == PickleGlobals::Unknown::refuse)
    return adopt(
        {Error::Kind::unsupported, std::string{file_}, dotted,
         fmt::format(
             "the pickle holds an object of the class or function {}, which is not on the list of accepted ones",
             dotted),
         "Save the plain state dict with torch.save, or as safetensors, and use that file"});
  auto* node = memory_.make(PickleKind::global);
  node->text = text.data();
  node->size = text.size();
  node->name = static_cast<std::uint32_t>(module_size + 1);
  return push(PickleValue{node});
}

bool PickleReader::inst(std::string_view module_and_name) {
  const auto from = pop_mark();
  if (!from || !push_container(PickleKind::tuple, *from)) return false;
  const auto args = pop();
  return push_global(module_and_name, module_and_name.find('\n')) && call(pop(), args);
}

bool PickleReader::persistent_id(PickleValue id) {
  if (!options_.resolve_persistent_id) return push(arena_.persistent_id(id));
  auto value = options_.resolve_persistent_id(arena_, id);
  return value ? push(*value) : adopt(std::move(value).error());
}

bool PickleReader::construct(PickleOp op) {
  if (op == PickleOp::obj) {
    const auto from = pop_mark();
    if (!from) return false;
    if (*from == stack_.size()) return fail("an object has no class");
    const auto cls = stack_[*from];
    if (!push_container(PickleKind::tuple, *from + 1)) return false;
    const auto args = pop();
    pop();
    return call(cls, args);
  }
  if (!need(op == PickleOp::binpersid ? 1 : op == PickleOp::newobj_ex ? 3 : 2)) return false;
  const auto last = pop();
  switch (op) {
    case PickleOp::binpersid: return persistent_id(last);
    case PickleOp::build: return build(last);
    case PickleOp::reduce: return call(pop(), last);
    case PickleOp::newobj: return object(pop(), last, true);
    case PickleOp::newobj_ex: {
      const PickleValue args = pop();
      const PickleValue both[] = {args, last};
      return object(pop(), last.items().empty() ? args : arena_.tuple(both), true);
    }
    default: {  // stack_global
      const auto name = last.text(), module = pop().text();
      if (!module || !name) return fail("the name of a global is not a string");
      if (module->size() + name->size() >= kMostGlobalName) return fail("the name of a global is too long");
      if (module->find('\n') != std::string_view::npos) return fail("the name of a global holds a line end");
      return push_global(memory_.keep(fmt::format("{}\n{}", *module, *name)), module->size());
    }
  }
}

bool PickleReader::object(PickleValue callable, PickleValue args, bool new_object) {
  if (!callable.is(PickleKind::global))
    return fail(fmt::format("the pickle calls a {} instead of a global", to_string(callable.kind())));
  if (!args.is(PickleKind::tuple)) return fail("the arguments of an object are not a tuple");
  if (callable.is_global("collections", "OrderedDict") && args.items().empty()) return push(ordered_dict());
  const auto value = arena_.container(PickleKind::object, {});
  open_node(value).origin = memory_.origin(callable, args, new_object);
  return push(value);
}

bool PickleReader::call(PickleValue callable, PickleValue args) {
  if (!callable.is(PickleKind::global) || !args.is(PickleKind::tuple)) return object(callable, args, false);
  if (const auto value = built_in(callable, args)) return push(*value);
  if (error_) return false;
  if (options_.resolve_call) {
    auto value = options_.resolve_call(arena_, callable, args);
    if (!value) return adopt(std::move(value).error());
    if (*value) return push(**value);
  }
  return object(callable, args, false);
}

PickleValue PickleReader::ordered_dict() { return arena_.ordered_dict({}); }

std::optional<PickleValue> PickleReader::built_in(PickleValue callable, PickleValue args) {
  const auto items = args.items();
  const bool built_in = callable.module() == "builtins" || callable.module() == "__builtin__";
  if (callable.is_global("_codecs", "encode")) {
    const auto text = items.size() == 2 ? items[0].text() : std::nullopt;
    if (!text || (items[1].text() != "latin1" && items[1].text() != "latin-1"))
      return fail("bytes are not written as Latin-1 text"), std::nullopt;
    const auto bytes = spend(text->size()) ? latin1_bytes(*text) : std::nullopt;
    if (!bytes) return fail("bytes are not written as Latin-1 text"), std::nullopt;
    return arena_.bytes(*bytes);
  }
  if (built_in && callable.name() == "bytes" && items.empty()) return arena_.bytes({});
  if (built_in && (callable.name() == "set" || callable.name() == "frozenset") && items.size() == 1 &&
      items[0].is(PickleKind::list)) {
    if (!spend(items[0].size() * sizeof(PickleValue))) return std::nullopt;
    return arena_.set(items[0].items());
  }
  if (!callable.is_global("collections", "OrderedDict")) return std::nullopt;
  const auto value = ordered_dict();
  if (items.empty()) return value;
  // Before protocol 2 with Python 3: OrderedDict([[key, value], …]).
  if (items.size() != 1 || !items[0].is(PickleKind::list))
    return fail("an OrderedDict is not made of a list of pairs"), std::nullopt;
  if (!spend(2 * items[0].size() * sizeof(PickleValue))) return std::nullopt;
  for (const auto pair : items[0].items()) {
    if (pair.is(PickleKind::dict) || pair.items().size() != 2)
      return fail("an OrderedDict is not made of a list of pairs"), std::nullopt;
    memory_.append(open_node(value), pair.items());
  }
  return value;
}

bool PickleReader::build(PickleValue state) {
  if (!need(1)) return false;
  const auto target = stack_.back();
  if (target.is(PickleKind::tensor)) return true;  // attributes of a tensor subclass: no data of ours
  auto* origin = open_node(target).origin;
  if (!origin) return fail(fmt::format("the pickle sets the state of a {}", to_string(target.kind())));
  origin->state = state;
  return true;
}

bool PickleReader::put_into(std::size_t from, bool pairs, bool set_only) {
  const auto floor = marks_.empty() ? 0 : marks_.back();
  if (from <= floor) return fail("the pickle takes more values than it has given");
  const auto target = stack_[from - 1];
  const auto items = std::span<const PickleValue>{stack_}.subspan(from);
  if (pairs && items.size() % 2 != 0) return fail("a dict has a key without a value");
  const bool fits = set_only                        ? target.is(PickleKind::set)
                    : target.is(PickleKind::object) ? target.items().empty() || open_node(target).pairs == pairs
                                                    : target.is(pairs ? PickleKind::dict : PickleKind::list);
  if (!fits)
    return fail(
        fmt::format("the pickle puts {} into a {}", pairs ? "keys and values" : "elements", to_string(target.kind())));
  auto& node = open_node(target);
  if (!items.empty()) node.pairs = pairs;
  memory_.append(node, items);
  stack_.resize(from);
  return true;
}

bool PickleReader::free_of_cycles(PickleValue root) {
  enum : std::uint8_t { unseen, open, finished };
  struct Frame {
    PickleNode* node;
    std::size_t next;
  };
  const auto max_depth = std::min(options_.max_depth, kMostDepth);
  std::vector<Frame> path;
  const auto enter = [&](PickleValue value) {
    if (!value.node()->holds_children() || (value.node()->size == 0 && !value.node()->origin)) return true;
    auto& node = open_node(value);
    if (node.mark == open) return fail("the pickle holds a value that contains itself");
    if (node.mark == unseen) {
      node.mark = open;
      path.push_back({&node, 0});
      if (path.size() > max_depth) return fail(fmt::format("the pickle is nested more than {} deep", max_depth));
    }
    return true;
  };
  if (!enter(root)) return false;
  while (!path.empty()) {
    PickleNode* const node = path.back().node;
    auto& next = path.back().next;
    const auto* origin = node->origin;
    const auto child = [&](std::size_t i) {
      if (i < node->size) return node->children[i];
      return i == node->size ? origin->callable : i == node->size + 1 ? origin->args : origin->state;
    };
    if (next > 0)
      node->height =
          std::max<std::uint16_t>(node->height, static_cast<std::uint16_t>(child(next - 1).node()->height + 1));
    if (node->height >= max_depth) return fail(fmt::format("the pickle is nested more than {} deep", max_depth));
    if (next == node->size + (origin ? 3 : 0)) {
      node->mark = finished;
      path.pop_back();
      continue;
    }
    const auto entered = child(next++);
    if (!enter(entered)) return false;
  }
  return true;
}

}  // namespace weighbridge
