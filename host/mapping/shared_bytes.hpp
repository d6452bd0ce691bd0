#pragma once
// Bytes that many places hold and nobody changes: the framing of all chunks of one shape is the same.

#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace weighbridge {

// Copies share the bytes. Safe to read from several threads.
class SharedBytes {
 public:
  SharedBytes() = default;
  SharedBytes(std::string bytes) : bytes_{std::make_shared<const std::string>(std::move(bytes))} {}
  SharedBytes(const char* bytes) : SharedBytes{std::string{bytes}} {}

  const std::string& text() const {
    static const std::string none;
    return bytes_ ? *bytes_ : none;
  }
  operator std::string_view() const { return text(); }
  std::size_t size() const { return text().size(); }
  bool empty() const { return size() == 0; }
  friend bool operator==(const SharedBytes& a, const SharedBytes& b) { return a.text() == b.text(); }

 private:
  std::shared_ptr<const std::string> bytes_;
};

}  // namespace weighbridge
