// Whether two answers of a family are the same.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <boost/json/serialize.hpp>
#include <map>
#include <utility>

#include "conformance/recorded_call.hpp"

namespace weighbridge {
namespace {

std::string description(const Expression& expression, const std::deque<Leaf>& leaves) {
  auto line = fmt::format("{} {}", to_string(expression.shape), expression.padded);
  if (expression.constant) line += fmt::format(" fill {}", *expression.constant);
  if (expression.parts)
    line += fmt::format(" parts {} {}", expression.parts->axis, fmt::join(expression.parts->extents, ","));
  for (const auto& piece : expression.pieces) {
    line += fmt::format(" {}[{}->{}", leaves[piece.leaf].name, piece.map.source_base, piece.map.target_base);
    for (const auto& loop : piece.map.loops)
      line += fmt::format(" {}:{}:{}", loop.extent, loop.source_stride, loop.target_stride);
    line +=
        fmt::format("]+{} {}{}", piece.addend, piece.dtype ? to_string(*piece.dtype) : "", piece.echo ? " echo" : "");
  }
  return line;
}

std::map<std::string, std::string> lines_of(const EquationSet& set) {
  std::map<std::string, std::string> lines;
  for (const auto& equation : set.equations)
    lines["equation of " + equation.live_name()] +=
        fmt::format("{} {} {} {} {} {}/{} {} ; ", static_cast<int>(equation.split), equation.extra_state,
                    equation.vocabulary, equation.keep_dtype, equation.live_rest, equation.layer, equation.layers,
                    description(equation.expression, set.algebra.leaves()));
  for (const auto& module : set.modules)
    lines[fmt::format("module {}{} {}", module.stack, module.layer, module.name)] += std::to_string(module.extra_state);
  for (const auto& said : set.declarations)
    lines["declaration of " + said.name] +=
        fmt::format("{} {} {}", static_cast<int>(said.kind), said.other, said.reason);
  return lines;
}

std::map<std::string, std::string> lines_of(const ConfigDocument& document) {
  std::map<std::string, std::string> lines;
  for (const auto& [key, value] : document.root()) lines["field " + std::string{key}] = boost::json::serialize(value);
  return lines;
}

std::string first_of(const std::map<std::string, std::string>& one, const std::map<std::string, std::string>& other,
                     bool values) {
  for (const auto& [key, line] : one) {
    const auto found = other.find(key);
    if (found == other.end()) return key + " is stated once only";
    if (found->second != line)
      return values ? fmt::format("{} is {} and {}", key, line, found->second) : key + " differs";
  }
  for (const auto& [key, line] : other)
    if (!one.contains(key)) return key + " is stated once only";
  return {};
}

}  // namespace

std::string difference(const Recording& one, const Recording& other) {
  if (one.failed != other.failed)
    return fmt::format("it fails once only: {}", one.failed ? one.failure : other.failure);
  if (one.failed)
    return one.failure == other.failure ? std::string{}
                                        : fmt::format("it fails with \"{}\" and \"{}\"", one.failure, other.failure);
  if (auto found = first_of(lines_of(one.written), lines_of(other.written), true); !found.empty()) return found;
  return first_of(lines_of(one.set), lines_of(other.set), false);
}

}  // namespace weighbridge
