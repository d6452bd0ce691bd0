#pragma once
// The JSON of a safetensors header, followed event by event: a header may hold a million tensors, so no tree of it is
// made. Private to this room.

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <boost/json/error.hpp>
#include <boost/json/string_view.hpp>

#include "formats/safetensors.hpp"

namespace weighbridge {

// A handler of boost::json::basic_parser. Accepts {"__metadata__": {text: text}, name: {"dtype", "shape",
// "data_offsets"}} and, as the reference reader does, ignores further fields of a tensor. Offsets in `tensors` are
// relative to the data. After a failure `subject` and `problem` say why; problem is empty for a plain syntax error.
class SafetensorsHeaderParser {
 public:
  static constexpr std::size_t max_object_size = std::size_t(-1);
  static constexpr std::size_t max_array_size = std::size_t(-1);
  static constexpr std::size_t max_key_size = std::size_t(-1);
  static constexpr std::size_t max_string_size = std::size_t(-1);

  using Code = boost::json::error_code;
  using Text = boost::json::string_view;

  std::vector<SafetensorsEntry> tensors;
  SafetensorsMetadata metadata;
  std::string subject;
  std::string problem;

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code& code);
  bool on_object_end(std::size_t, Code& code);
  bool on_array_begin(Code& code);
  bool on_array_end(std::size_t, Code& code);
  bool on_key_part(Text part, std::size_t, Code&) {
    text_ += std::string_view{part};
    return true;
  }
  bool on_key(Text part, std::size_t, Code& code);
  bool on_string_part(Text part, std::size_t, Code&) {
    text_ += std::string_view{part};
    return true;
  }
  bool on_string(Text part, std::size_t, Code& code);
  bool on_number_part(Text, Code&) { return true; }
  bool on_int64(std::int64_t value, Text, Code& code);
  bool on_uint64(std::uint64_t, Text, Code& code);
  bool on_double(double, Text, Code& code);
  bool on_bool(bool, Code& code) { return other_value(code); }
  bool on_null(Code& code);
  bool on_comment_part(Text, Code&) { return true; }
  bool on_comment(Text, Code&) { return true; }

 private:
  enum class Place { document, root, tensor_or_metadata, metadata, metadata_value, tensor, field, shape, offsets };
  enum class Field { none = 0, dtype = 1, shape = 2, offsets = 4, other = 8 };

  bool fail(Code& code, std::string what);
  bool other_value(Code& code);  // a value that only an ignored field may have
  bool expect_field(Code& code, Field wanted, const char* what);

  Place place_{Place::document};
  Field field_{};
  unsigned fields_seen_{};
  std::size_t ignored_depth_{};  // open arrays and objects of an ignored field
  std::string text_;             // the string or key that is being read
  std::string metadata_key_;
  bool metadata_seen_{};
  std::vector<std::int64_t> offsets_;
  std::unordered_map<std::string, std::size_t> names_;
};

}  // namespace weighbridge
