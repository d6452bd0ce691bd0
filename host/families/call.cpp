#include "families/call.hpp"

#include <fmt/format.h>

#include <exception>

#include "checkpoints/megatron_document.hpp"
#include "families/call_state.hpp"

namespace weighbridge {
namespace {

std::vector<std::string> strings(const wb_string* first, std::size_t count) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) result.emplace_back(first[i].data, first[i].size);
  return result;
}

std::string subject(const Family& family, const char* what) { return fmt::format("family {}, {}", family_id(family), what); }

Result<ConfigDocument> translated(const Family& family, int32_t (*function)(const wb_host*, wb_call*), const ConfigDocument& from,
                                  bool from_hugging_face, std::vector<std::string>& notes, const Catalogue* source) {
  ConfigDocument to;
  wb_call call;
  call.source = source;
  call.hugging_face = from_hugging_face ? &from : &to;
  call.megatron = from_hugging_face ? &to : &from;
  call.written = &to;
  call.question = from_hugging_face ? Question::to_megatron : Question::to_hugging_face;
  call.families = family.others;
  call.notes = &notes;
  if (auto asked = ask(function, call, subject(family, "configuration"), from.file().string()); !asked) return asked.error();
  return to;
}

}  // namespace

Result<bool> ask(const std::function<int32_t(const wb_host*, wb_call*)>& function, wb_call& call, std::string subject, std::string file) {
  const auto error = [&](std::string problem, Error::Kind kind) {
    return Error{kind, std::move(file), std::move(subject), std::move(problem),
                 kind == Error::Kind::plugin ? "Report it to the plugin's author" : "Correct the configuration, or use a plugin that knows such models"};
  };
  int32_t result = WB_FAILED;
  try {
    result = function(call.table, &call);
  } catch (const std::exception& exception) {  // the contract forbids it; a plugin may break it all the same
    return error(fmt::format("the plugin let an exception out: {}", exception.what()), Error::Kind::plugin);
  } catch (...) {
    return error("the plugin let an exception out", Error::Kind::plugin);
  }
  if (!call.failure.empty()) return error(call.failure, Error::Kind::mismatch);
  if (result == WB_OK || result == WB_ABSENT) return result == WB_OK;
  return error("the plugin failed without a message", Error::Kind::plugin);
}

std::string family_id(const Family& family) { return {family.table->id.data, family.table->id.size}; }
std::vector<std::string> architectures_of(const Family& family) {
  return strings(family.table->architectures, family.table->architecture_count);
}
std::vector<std::string> model_types_of(const Family& family) {
  return strings(family.table->model_types, family.table->model_type_count);
}

Result<ConfigDocument> to_megatron(const Family& family, const ConfigDocument& hugging_face, std::vector<std::string>& notes,
                                   const Catalogue* source) {
  auto made = translated(family, family.table->to_megatron, hugging_face, true, notes, source);
  if (!made) return made;
  if (auto status = check_model_size(made->root(), hugging_face.file().string()); !status) return status.error();
  return made;
}

Result<ConfigDocument> to_hugging_face(const Family& family, const ConfigDocument& megatron, std::vector<std::string>& notes) {
  return translated(family, family.table->to_hugging_face, megatron, false, notes, nullptr);
}

Result<EquationSet> state_equations(const Family& family, const ConfigDocument& hugging_face, const Catalogue* source,
                                    std::vector<std::string>& notes, const ConfigDocument* megatron) {
  const ConfigDocument nothing;
  wb_call call;
  call.hugging_face = &hugging_face;
  call.megatron = megatron ? megatron : &nothing;
  call.source = source;
  call.question = Question::equations;
  call.families = family.others;
  call.notes = &notes;
  if (auto asked = ask(family.table->equations, call, subject(family, "equations"), hugging_face.file().string()); !asked)
    return asked.error();
  call.set.equations.shrink_to_fit();  // a large model has some ten thousand
  return std::move(call.set);
}

Result<bool> recognises(const Family& family, const ConfigDocument& megatron) {
  if (!reaches(*family.table, &wb_family::recognises) || family.table->recognises == nullptr) return false;
  std::vector<std::string> notes;
  wb_call call;
  call.megatron = &megatron;
  call.notes = &notes;
  return ask(family.table->recognises, call, subject(family, "recognition"), megatron.file().string());
}

Status self_check(const wb_plugin& plugin) {
  if (!reaches(plugin, &wb_plugin::self_check) || plugin.self_check == nullptr) return done();
  std::vector<std::string> notes;
  wb_call call;
  call.notes = &notes;
  if (auto asked = ask(plugin.self_check, call, "self-check", ""); !asked) return asked.error();
  return done();
}

}  // namespace weighbridge
