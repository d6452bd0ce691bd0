#include "formats/safetensors_header_parser.hpp"

#include <utility>

#include <fmt/format.h>

namespace weighbridge {

bool SafetensorsHeaderParser::fail(Code& code, std::string what) {
  problem = std::move(what);
  code = boost::json::error::syntax;
  return false;
}

bool SafetensorsHeaderParser::other_value(Code& code) {
  if (ignored_depth_ > 0) return true;
  if (place_ == Place::field && field_ == Field::other) {
    place_ = Place::tensor;
    return true;
  }
  switch (place_) {
    case Place::document: return fail(code, "the header is not a JSON object");
    case Place::metadata_value:
      return fail(code, fmt::format("the value of '{}' in __metadata__ is not a string", metadata_key_));
    case Place::shape: return fail(code, "shape holds something that is no whole number from 0 to 2^63 - 1");
    case Place::offsets: return fail(code, "data_offsets holds something that is no whole number from 0 to 2^63 - 1");
    case Place::field: return fail(code, "dtype, shape or data_offsets has a value of the wrong kind");
    default: return fail(code, "the entry is not a JSON object");
  }
}

bool SafetensorsHeaderParser::on_object_begin(Code& code) {
  if (ignored_depth_ > 0 || (place_ == Place::field && field_ == Field::other)) {
    ++ignored_depth_;
    return true;
  }
  if (place_ == Place::document) {
    place_ = Place::root;
  } else if (place_ == Place::tensor_or_metadata) {
    const bool is_metadata = subject == "__metadata__";
    place_ = is_metadata ? Place::metadata : Place::tensor;
    if (!is_metadata) tensors.push_back({subject, {}, {}, 0, 0});
    fields_seen_ = 0;
  } else {
    return other_value(code);
  }
  return true;
}

bool SafetensorsHeaderParser::on_object_end(std::size_t, Code& code) {
  if (ignored_depth_ > 0) {
    if (--ignored_depth_ == 0) place_ = Place::tensor;
    return true;
  }
  if (place_ == Place::tensor) {
    if ((fields_seen_ & 7u) != 7u) return fail(code, "dtype, shape or data_offsets is missing");
    place_ = Place::root;
  } else if (place_ == Place::metadata) {
    place_ = Place::root;
  } else {
    place_ = Place::document;
  }
  return true;
}

bool SafetensorsHeaderParser::on_array_begin(Code& code) {
  if (ignored_depth_ > 0 || (place_ == Place::field && field_ == Field::other)) {
    ++ignored_depth_;
    return true;
  }
  if (place_ != Place::field || (field_ != Field::shape && field_ != Field::offsets)) return other_value(code);
  place_ = field_ == Field::shape ? Place::shape : Place::offsets;
  offsets_.clear();
  return true;
}

bool SafetensorsHeaderParser::on_array_end(std::size_t, Code& code) {
  if (ignored_depth_ > 0) {
    if (--ignored_depth_ == 0) place_ = Place::tensor;
    return true;
  }
  if (place_ == Place::offsets) {
    if (offsets_.size() != 2)
      return fail(code, fmt::format("data_offsets holds {} numbers instead of begin and end", offsets_.size()));
    tensors.back().begin = static_cast<std::uint64_t>(offsets_[0]);
    tensors.back().end = static_cast<std::uint64_t>(offsets_[1]);
  }
  place_ = Place::tensor;
  return true;
}

bool SafetensorsHeaderParser::on_key(Text part, std::size_t, Code& code) {
  text_ += std::string_view{part};
  const std::string key = std::exchange(text_, {});
  if (ignored_depth_ > 0) return true;
  if (place_ == Place::root) {
    subject = key;
    const bool first =
        key == "__metadata__" ? !std::exchange(metadata_seen_, true) : names_.emplace(key, tensors.size()).second;
    if (!first) return fail(code, "the key is given twice in the header");
    place_ = Place::tensor_or_metadata;
  } else if (place_ == Place::metadata) {
    metadata_key_ = key;
    if (metadata.contains(key)) return fail(code, fmt::format("the key '{}' is given twice", key));
    place_ = Place::metadata_value;
  } else {
    field_ = key == "dtype"          ? Field::dtype
             : key == "shape"        ? Field::shape
             : key == "data_offsets" ? Field::offsets
                                     : Field::other;
    const auto bit = static_cast<unsigned>(field_);
    if (field_ != Field::other && (fields_seen_ & bit))
      return fail(code, fmt::format("the key '{}' is given twice", key));
    fields_seen_ |= bit;
    place_ = Place::field;
  }
  return true;
}

bool SafetensorsHeaderParser::on_string(Text part, std::size_t, Code& code) {
  text_ += std::string_view{part};
  std::string text = std::exchange(text_, {});
  if (place_ == Place::metadata_value) {
    metadata.emplace(metadata_key_, std::move(text));
    place_ = Place::metadata;
    return true;
  }
  if (ignored_depth_ > 0 || place_ != Place::field || field_ != Field::dtype) return other_value(code);
  const auto dtype = dtype_from_string(text);
  if (!dtype) return fail(code, fmt::format("the dtype '{}' is unknown", text));
  tensors.back().dtype = *dtype;
  place_ = Place::tensor;
  return true;
}

bool SafetensorsHeaderParser::on_int64(std::int64_t value, Text, Code& code) {
  if (ignored_depth_ > 0 || value < 0) return other_value(code);
  if (place_ == Place::shape) {
    if (tensors.back().shape.size() == kMostAxes) return fail(code, fmt::format("shape has more than {} axes", kMostAxes));
    tensors.back().shape.push_back(value);
  } else if (place_ == Place::offsets) {
    if (offsets_.size() == 2) return fail(code, "data_offsets holds more than begin and end");
    offsets_.push_back(value);
  } else {
    return other_value(code);
  }
  return true;
}

bool SafetensorsHeaderParser::on_uint64(std::uint64_t, Text, Code& code) { return other_value(code); }
bool SafetensorsHeaderParser::on_double(double, Text, Code& code) { return other_value(code); }

bool SafetensorsHeaderParser::on_null(Code& code) {
  if (ignored_depth_ > 0 || place_ != Place::tensor_or_metadata || subject != "__metadata__") return other_value(code);
  place_ = Place::root;
  return true;
}

}  // namespace weighbridge
