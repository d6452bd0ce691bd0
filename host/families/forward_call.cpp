#include "families/forward_call.hpp"

#include <weighbridge/forward_abi.h>

#include <fmt/format.h>

#include <exception>
#include <optional>

#include "families/call.hpp"
#include "families/call_state.hpp"
#include "families/component.hpp"
#include "families/values.hpp"

namespace weighbridge {
namespace {

// What a run refuses is kept as it is, with its file and remedy; the plugin is told only that it was refused.
struct Refusals : ForwardRun {
  explicit Refusals(ForwardRun& inner) : run{&inner} {}
  ForwardRun* run;
  std::optional<Error> first;

  const Tokens& tokens() const override { return run->tokens(); }
  const StoredTensor* tensor(std::string_view name) const override { return run->tensor(name); }
  Status rows(std::string_view name, std::int64_t begin, std::int64_t count, float* into) override { return kept(run->rows(name, begin, count, into)); }
  Status multiply(const Product& product) override { return kept(run->multiply(product)); }
  Status state(std::int64_t layer, std::int64_t columns, const float* values) override { return kept(run->state(layer, columns, values)); }
  Status logits(std::int64_t columns, const float* values) override { return kept(run->logits(columns, values)); }

  Status kept(Status status) {
    if (!status && !first) first = status.error();
    return status;
  }
};

template <class Body>
int32_t contained(wb_call* call, Body&& body) noexcept {
  try {
    const Status status = body();
    return status ? WB_OK : failed(call, status.error().text());
  } catch (const std::exception& exception) {
    return failed(call, exception.what());
  }
}

Status too_small(std::string_view name) {
  return Error{Error::Kind::plugin, "", "", fmt::format("the plugin's {} is smaller than that of ABI 1.0", name), "Build it with a newer SDK"};
}

const wb_forward* table_of(const Family& family) {
  if (!reaches(*family.table, &wb_family::extension) || family.table->extension == nullptr) return nullptr;
  const std::string_view id = WB_FORWARD_EXTENSION;
  const auto* table = static_cast<const wb_forward*>(family.table->extension({id.data(), id.size()}));
  const bool whole = table != nullptr && reaches(*table, &wb_forward::megatron) && table->hugging_face != nullptr && table->megatron != nullptr;
  return whole ? table : nullptr;
}

// What the innermost part calls `name`, in the whole model.
std::string in_whole(const wb_call& call, wb_string name) {
  return call.question == Question::forward_hugging_face ? hugging_face_name(call, view(name)) : megatron_name(call, view(name));
}

int32_t tensor(wb_call* call, wb_string name, wb_tensor_info* out) {
  const StoredTensor* found = nullptr;
  const auto looked = contained(call, [&]() -> Status {
    if (out->struct_size < sizeof(wb_tensor_info)) return too_small("wb_tensor_info");
    found = call->run->tensor(in_whole(*call, name));
    return done();
  });
  if (looked != WB_OK) return looked;
  if (found == nullptr) return WB_ABSENT;
  *out = {out->struct_size, static_cast<uint32_t>(found->dtype), found->shape.data(), found->shape.size()};
  return WB_OK;
}

int32_t rows(wb_call* call, wb_string name, int64_t first, int64_t count, float* into) {
  return contained(call, [&] { return call->run->rows(in_whole(*call, name), first, count, into); });
}

int32_t multiply(wb_call* call, const wb_product* product) {
  return contained(call, [&]() -> Status {
    if (product->struct_size < sizeof(wb_product)) return too_small("wb_product");
    if (product->kind != WB_PRODUCT_ROWS && product->kind != WB_PRODUCT_TURNED)
      return Error{Error::Kind::plugin, "", std::string{view(product->weight)}, fmt::format("the plugin wants a product of the unknown kind {}", product->kind),
                   "Report it to the plugin's author"};
    const auto weight = in_whole(*call, product->weight);
    return call->run->multiply({weight, product->first_row, product->rows, product->kind == WB_PRODUCT_TURNED, product->tokens,
                                product->x, product->y});
  });
}

int32_t state(wb_call* call, int64_t layer, const wb_values* values) {
  return contained(call, [&]() -> Status {
    if (values->struct_size < sizeof(wb_values)) return too_small("wb_values");
    return call->run->state(layer, values->columns, values->data);
  });
}

int32_t logits(wb_call* call, const wb_values* values) {
  return contained(call, [&]() -> Status {
    if (values->struct_size < sizeof(wb_values)) return too_small("wb_values");
    return call->run->logits(values->columns, values->data);
  });
}

int32_t part(wb_call* call, const wb_component* component);

wb_forward_run run_of(const Tokens& tokens) {
  return {sizeof(wb_forward_run), tokens.ids.data(), tokens.sequences, tokens.length, tensor, rows, multiply, state, logits, part};
}

int32_t part(wb_call* call, const wb_component* component) {
  const auto family = enter_part(call, component);
  if (!family) return WB_FAILED;
  const auto* table = table_of(*family);
  if (table == nullptr) return failed(call, fmt::format("the family of the part {} does not say what its model computes", view(component->architecture)));
  const auto given = run_of(call->run->tokens());
  const auto result = (call->question == Question::forward_hugging_face ? table->hugging_face : table->megatron)(call->table, call, &given);
  call->parts.pop_back();
  if (!call->failure.empty()) return WB_FAILED;
  return result == WB_OK ? WB_OK : failed(call, fmt::format("the family of the part {} failed without a message", view(component->architecture)));
}

}  // namespace

std::string_view to_string(Side side) { return side == Side::hugging_face ? "Hugging Face" : "Megatron"; }

bool can_run(const Family& family) { return table_of(family) != nullptr; }

Status run_model(const Family& family, Side side, const ConfigDocument& hugging_face, const ConfigDocument& megatron, ForwardRun& run,
                 std::vector<std::string>& notes) {
  const auto* table = table_of(family);
  if (table == nullptr)
    return Error{Error::Kind::unsupported, family.manifest.library.string(), fmt::format("family {}", family_id(family)),
                 "does not say what its model computes, so it cannot be run", "Leave --forward out: verify compares every element then"};
  Refusals refusals{run};
  wb_call call;
  call.hugging_face = &hugging_face;
  call.megatron = &megatron;
  call.families = family.others;
  call.notes = &notes;
  call.run = &refusals;
  call.question = side == Side::hugging_face ? Question::forward_hugging_face : Question::forward_megatron;
  const auto given = run_of(run.tokens());
  const auto asked = ask([&](const wb_host* host, wb_call* opaque) {
    return side == Side::hugging_face ? table->hugging_face(host, opaque, &given) : table->megatron(host, opaque, &given);
  }, call, fmt::format("family {}, {} side of the forward check", family_id(family), to_string(side)),
     (side == Side::hugging_face ? hugging_face : megatron).file().string());
  if (refusals.first) return *refusals.first;
  return asked ? done() : Status{asked.error()};
}

}  // namespace weighbridge
