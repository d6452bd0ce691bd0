#pragma once
// Configuration documents, as a family reads and fills them.

#include <weighbridge/abi.h>
#include <weighbridge/part.hpp>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace weighbridge {
inline namespace sdk_v1 {

// Thrown by a family that cannot go on: a sentence that names the field, what it holds and what would do.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

inline wb_string to_abi(std::string_view text) { return {text.data(), text.size()}; }

// Sentences for the user that stop nothing.
class Notes {
 public:
  Notes(const wb_host* host, wb_call* call) : host_{host}, call_{call} {}
  void operator()(std::string_view sentence) const { host_->note(call_, to_abi(sentence)); }

 private:
  const wb_host* host_;
  wb_call* call_;
};

// One of the two documents of a call. Paths are dotted: "rope_scaling.factor". A JSON null reads as absent.
class Config {
 public:
  Config(const wb_host* host, wb_call* call, uint32_t document) : host_{host}, call_{call}, document_{document} {}

  // Translates a part that another family knows; `this` is the Hugging Face document.
  void part(const Part& part) const {
    if (!part.ask(host_, call_)) throw Failure("a part of the model was refused");
  }

  bool has(std::string_view path) const { return value(path).has_value(); }
  // Whether there are tensors beside a config.json to look at, and whether one of that name is among them.
  bool has_source() const { return host_->has_source(call_) != 0; }
  bool source_has(std::string_view name) const {
    wb_tensor_info info{};
    info.struct_size = sizeof(info);
    return host_->tensor(call_, to_abi(name), &info) == WB_OK;
  }
  // Whether the document says null, which is not the same as nothing where the config class has a default.
  bool is_null(std::string_view path) const {
    wb_value found{};
    found.struct_size = sizeof(found);
    return host_->get(call_, document_, to_abi(path), &found) == WB_OK && found.kind == WB_VALUE_NULL;
  }

  // Whether an object stands there; anything else in its place is a failure.
  bool has_object(std::string_view path) const {
    const auto found = value(path);
    if (found && found->kind != WB_VALUE_OBJECT) throw Failure(std::string{path} + " should be an object");
    return found.has_value();
  }

  // Whether a text stands there, where a number may: "auto".
  bool is_text(std::string_view path) const {
    const auto found = value(path);
    return found && found->kind == WB_VALUE_STRING;
  }

  std::optional<std::int64_t> find_integer(std::string_view path) const {
    const auto found = value(path);
    if (!found) return std::nullopt;
    if (found->kind == WB_VALUE_INTEGER) return found->integer;
    constexpr double kBeyond = 9223372036854775808.0;  // no such number fits, and none may be cast
    if (found->kind == WB_VALUE_NUMBER && found->number >= -kBeyond && found->number < kBeyond &&
        found->number == static_cast<double>(static_cast<std::int64_t>(found->number)))
      return static_cast<std::int64_t>(found->number);
    throw Failure(std::string{path} + " should be a whole number");
  }
  std::optional<double> find_number(std::string_view path) const {
    const auto found = value(path);
    if (!found) return std::nullopt;
    if (found->kind != WB_VALUE_INTEGER && found->kind != WB_VALUE_NUMBER)
      throw Failure(std::string{path} + " should be a number");
    return found->number;
  }
  std::optional<std::string> find_string(std::string_view path) const {
    const auto found = value(path);
    if (!found) return std::nullopt;
    if (found->kind != WB_VALUE_STRING) throw Failure(std::string{path} + " should be a text");
    return std::string{found->string.data, found->string.size};
  }

  // Required unless a default (the config class's own) is given.
  std::int64_t integer(std::string_view path) const { return required(find_integer(path), path); }
  std::int64_t integer(std::string_view path, std::int64_t otherwise) const { return find_integer(path).value_or(otherwise); }
  double number(std::string_view path) const { return required(find_number(path), path); }
  double number(std::string_view path, double otherwise) const { return find_number(path).value_or(otherwise); }
  // Elements of a list; nothing if there is none.
  std::optional<std::int64_t> find_count(std::string_view path) const {
    const auto found = value(path);
    if (!found) return std::nullopt;
    if (found->kind != WB_VALUE_LIST) throw Failure(std::string{path} + " should be a list");
    return static_cast<std::int64_t>(found->count);
  }
  // The path of an element of a list.
  static std::string at(std::string_view list, std::int64_t index) { return std::string{list} + "." + std::to_string(index); }

  std::string string(std::string_view path, std::string_view otherwise) const {
    return find_string(path).value_or(std::string{otherwise});
  }
  bool flag(std::string_view path, bool otherwise = false) const {
    const auto found = value(path);
    if (!found) return otherwise;
    if (found->kind != WB_VALUE_BOOLEAN) throw Failure(std::string{path} + " should be true or false");
    return found->integer != 0;
  }

  // A truth that may be written as a number.
  bool truth(std::string_view path) const {
    const auto found = value(path);
    return found && (found->kind == WB_VALUE_BOOLEAN || found->kind == WB_VALUE_INTEGER) && found->integer != 0;
  }

  void set(std::string_view path, bool truth) const { put(path, {sizeof(wb_value), WB_VALUE_BOOLEAN, truth, 0, {}, 0}); }
  void set(std::string_view path, std::int64_t integer) const { put(path, {sizeof(wb_value), WB_VALUE_INTEGER, integer, 0, {}, 0}); }
  void set(std::string_view path, int integer) const { set(path, std::int64_t{integer}); }
  void set(std::string_view path, double number) const { put(path, {sizeof(wb_value), WB_VALUE_NUMBER, 0, number, {}, 0}); }
  void set(std::string_view path, std::string_view text) const { put(path, {sizeof(wb_value), WB_VALUE_STRING, 0, 0, to_abi(text), 0}); }
  void set(std::string_view path, const char* text) const { set(path, std::string_view{text}); }
  // Takes a value over as it stands there: 40 stays whole, 40.0 does not become so. Nothing where there is none.
  void copy(std::string_view path, const Config& from, std::string_view source) const {
    if (const auto found = from.value(source)) put(path, *found);
  }
  // Takes over what the other document holds at `source`, with all its children. Whether there is anything.
  bool adopt(std::string_view path, std::string_view source) const {
    const auto result = host_->copy(call_, to_abi(source), to_abi(path));
    if (result == WB_FAILED) throw Failure("cannot take over " + std::string{source});
    return result == WB_OK;
  }
  void set_null(std::string_view path) const { put(path, {sizeof(wb_value), WB_VALUE_NULL, 0, 0, {}, 0}); }
  void set_list(std::string_view path) const { put(path, {sizeof(wb_value), WB_VALUE_LIST, 0, 0, {}, 0}); }
  void set_object(std::string_view path) const { put(path, {sizeof(wb_value), WB_VALUE_OBJECT, 0, 0, {}, 0}); }

 private:
  std::optional<wb_value> value(std::string_view path) const {
    wb_value found{};
    found.struct_size = sizeof(found);
    const auto result = host_->get(call_, document_, to_abi(path), &found);
    if (result == WB_FAILED) throw Failure("cannot read " + std::string{path});
    if (result != WB_OK || found.kind == WB_VALUE_NULL) return std::nullopt;
    return found;
  }
  void put(std::string_view path, wb_value value) const {
    if (host_->set(call_, document_, to_abi(path), &value) != WB_OK) throw Failure("cannot set " + std::string{path});
  }
  template <class T>
  static T required(std::optional<T> found, std::string_view path) {
    if (!found) throw Failure(std::string{path} + " is missing from the configuration");
    return *found;
  }

  const wb_host* host_;
  wb_call* call_;
  uint32_t document_;
};

}  // namespace sdk_v1
}  // namespace weighbridge
