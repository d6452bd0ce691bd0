#include "families/component.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "families/call_state.hpp"
#include "families/values.hpp"

namespace weighbridge {
namespace {

constexpr std::size_t kMaxDepth = 4;

// std::views::reverse of libstdc++ 12 is beyond Clang 14.
struct InnermostFirst {
  const std::vector<Part>& parts;
  auto begin() const { return parts.rbegin(); }
  auto end() const { return parts.rend(); }
};
InnermostFirst innermost_first(const wb_call& call) { return {call.parts}; }

// The path in what a part lies in of a field that the part calls `path`.
std::string outwards(const wb_call& call, const Part& part, std::string path, bool writing) {
  const auto field = std::string_view{path}.substr(0, path.find('.'));
  const bool inherited = std::ranges::find(part.inherited, field) != part.inherited.end();
  if (inherited && (writing || call.hugging_face->find(path) != nullptr)) return path;
  return part.config + path;
}

}  // namespace

std::string path_in_whole(const wb_call& call, std::string_view path, bool writing) {
  std::string result{path};
  for (const auto& part : innermost_first(call)) result = outwards(call, part, std::move(result), writing);
  return result;
}

const boost::json::value* value_in_whole(const wb_call& call, std::string_view path) {
  if (const auto* value = call.hugging_face->find(path_in_whole(call, path, false))) return value;
  std::string name{path};
  for (const auto& part : innermost_first(call)) {
    if (const auto found = part.defaults.find(name); found != part.defaults.end()) return &found->second;
    name = outwards(call, part, std::move(name), false);
  }
  return nullptr;
}

std::string hugging_face_name(const wb_call& call, std::string_view name) {
  std::string result{name};
  for (const auto& part : innermost_first(call))
    for (const auto& [from, to] : part.renames)
      if (result.starts_with(from)) {
        result = to + result.substr(from.size());
        break;
      }
  return result;
}

std::string megatron_name(const wb_call& call, std::string_view name) {
  std::string result{name};
  for (const auto& part : innermost_first(call)) result = part.megatron + result;
  return result;
}

std::optional<Family> enter_part(wb_call* call, const wb_component* component) {
  const auto refuse = [&](std::string sentence) {
    failed(call, std::move(sentence));
    return std::nullopt;
  };
  if (component->struct_size < sizeof(wb_component)) return refuse("the plugin's wb_component is smaller than that of ABI 1.0");
  const auto architecture = text(component->architecture);
  if (call->families == nullptr || call->question == Question::other)
    return refuse(fmt::format("the plugin asks for a part of {} where there is none", architecture));
  if (call->parts.size() == kMaxDepth) return refuse(fmt::format("the part {} lies deeper than {} parts", architecture, kMaxDepth));
  auto family = call->families->find(architecture, "");
  if (!family) return refuse(family.error().text());
  Part part{text(component->config), {}, {}, text(component->megatron), {}};
  if (!part.config.empty()) part.config += '.';
  for (std::size_t i = 0; i < component->inherited_count; ++i) part.inherited.push_back(text(component->inherited[i]));
  for (std::size_t i = 0; i < component->rename_count; ++i)
    part.renames.emplace_back(text(component->renames[i].from), text(component->renames[i].to));
  for (std::size_t i = 0; i < component->default_count; ++i) {
    const auto& given = component->defaults[i];
    auto value = made_value(given.value);
    if (!value) return refuse(fmt::format("the plugin gives {} a default of the unknown kind {}", text(given.path), given.value.kind));
    part.defaults.emplace(text(given.path), std::move(*value));
  }
  call->parts.push_back(std::move(part));
  return *std::move(family);
}

int32_t state_component(wb_call* call, const wb_component* component) {
  const bool runs = call->question == Question::forward_hugging_face || call->question == Question::forward_megatron;
  if (runs) return failed(call, "the plugin states a part of the model while it is run");
  const auto family = enter_part(call, component);
  if (!family) return WB_FAILED;
  const auto& table = *family->table;
  const auto function = call->question == Question::equations     ? table.equations
                        : call->question == Question::to_megatron ? table.to_megatron
                                                                  : table.to_hugging_face;
  const auto result = function(call->table, call);
  call->parts.pop_back();
  if (!call->failure.empty()) return WB_FAILED;
  return result == WB_OK ? WB_OK : failed(call, fmt::format("the family of the part {} failed without a message", text(component->architecture)));
}

}  // namespace weighbridge
