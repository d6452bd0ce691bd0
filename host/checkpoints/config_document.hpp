#pragma once
// A config.json as a document: keys that nobody touches keep their exact value and their place, whatever they mean.

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "checkpoints/python_json.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Paths are dotted: "rope_scaling.factor"; in a list, a number is an index: "architectures.0". A dot or backslash that
// belongs to a key is written with a backslash before it: "a\.b". The empty path is the whole document.
class ConfigDocument {
 public:
  // The root must be an object. Errors as of parse_python_json; `file` names the document in later errors too.
  static Result<ConfigDocument> parse(std::string_view text, const std::filesystem::path& file);
  static Result<ConfigDocument> read(const std::filesystem::path& file);

  ConfigDocument() : json_{boost::json::object{}, {}} {}
  explicit ConfigDocument(boost::json::object root) : json_{std::move(root), {}} {}

  const std::filesystem::path& file() const { return file_; }  // empty if it was not read from a file
  const boost::json::object& root() const { return json_.root.get_object(); }

  // The value at a path, borrowed until the document changes; null pointer if there is none. A JSON null is a value.
  const boost::json::value* find(std::string_view path) const;

  // Typed reads: nothing if the path is absent, null or of another type. An integer is also read from a float that is
  // whole ("4.0"), a number from an integer.
  std::optional<std::int64_t> integer(std::string_view path) const;
  std::optional<double> number(std::string_view path) const;
  std::optional<bool> boolean(std::string_view path) const;
  std::optional<std::string> string(std::string_view path) const;

  // Replaces the value in its place, or appends it to its object or list. Objects on the way are made; an index must
  // be one of the list's or its length. Error::Kind::mismatch if the path runs through a scalar or past a list.
  Status set(std::string_view path, boost::json::value value);
  // Takes a value out; later ones keep their order. Returns whether it was there.
  bool remove(std::string_view path);

  // python_json of the document and a line feed. transformers sorts keys; the default keeps their order.
  std::string text(const JsonStyle& style = {}) const;

 private:
  static Result<ConfigDocument> from(Result<PythonJson> parsed, const std::filesystem::path& file);
  boost::json::value* find(std::string_view path);

  std::filesystem::path file_;
  PythonJson json_;
};

}  // namespace weighbridge
