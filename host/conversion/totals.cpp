#include "conversion/totals.hpp"

#include "formats/file_tree.hpp"

namespace weighbridge {

void count_bytes(Conversion& conversion) {
  conversion.input_bytes = conversion.output_bytes = 0;
  auto& proven = conversion.proven;
  for (const auto& tensor : conversion.plan.tensors) {
    std::uint64_t written = 0;
    for (const auto& copy : tensor.copies) {
      std::uint64_t elements = 1;
      for (const auto& loop : copy.loops) elements *= static_cast<std::uint64_t>(loop.extent);
      written += elements;
      const auto* decoded = conversion.plan.decoded_source(copy.source_file);
      const auto width = decoded == nullptr ? bits(copy.source_dtype) : bits(decoded->form.codec);
      conversion.input_bytes += elements * static_cast<std::uint64_t>(width) / 8;
    }
    const auto all = tensor.bytes * 8 / static_cast<std::uint64_t>(bits(tensor.dtype));
    ++proven.output_tensors;
    proven.output_elements += static_cast<std::int64_t>(all);
    if (!tensor.encoding) proven.padding_elements += static_cast<std::int64_t>(all - written);  // codes and scales are made of all their values
  }
  for (const auto& file : conversion.plan.files) conversion.output_bytes += file.size;
  for (const auto& file : conversion.plan.carried) {
    const auto size = tree::file_size(file.source);  // a file that has gone since is the run's business
    conversion.input_bytes += size;
    conversion.output_bytes += size;
  }
}

}  // namespace weighbridge
