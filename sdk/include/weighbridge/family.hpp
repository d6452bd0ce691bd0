#pragma once
// The C++ layer over weighbridge/abi.h: header-only, compiled into each plugin with the plugin's own standard library.
// A family is a struct with static members
//
//   struct MyFamily {
//     static constexpr std::string_view id = "my_family";
//     static constexpr std::string_view architectures[] = {"MyModelForCausalLM"};
//     static constexpr std::string_view model_types[] = {"my_model"};
//     static void to_megatron(Config hf, Config megatron, Notes notes);
//     static void to_hugging_face(Config megatron, Config hf, Notes notes);
//     static void equations(const Config& hf, Model& model);
//     static bool recognises(const Config& megatron);  // may be left out by a family that cannot tell
//   };
//
// and may say what it computes, too (weighbridge/forward.hpp). The plugin's one exported function is
//
//   const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<MyFamily>("my_family", "1.0.0"); }
//
// Functions report failure by throwing Failure (or any std::exception); guard() stops it at the boundary.

#include <weighbridge/abi.h>
#include <weighbridge/config.hpp>
#include <weighbridge/forward.hpp>
#include <weighbridge/model.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace weighbridge {
// Hidden whatever the plugin's flags: the dynamic linker would otherwise give two plugins one copy of these statics.
inline namespace sdk_v1 __attribute__((visibility("hidden"))) {
namespace detail {

// The only place where exceptions stop.
template <class Body>
int32_t guard(const wb_host* host, wb_call* call, Body&& body) noexcept {
  try {
    return body() ? WB_OK : WB_ABSENT;
  } catch (const std::exception& failure) {
    host->fail(call, to_abi(failure.what()));
  } catch (...) {
    host->fail(call, to_abi("the plugin threw something that is no std::exception"));
  }
  return WB_FAILED;
}

// Whether a family says what its model computes.
template <class F>
concept runs = requires(const Config& document, Forward& run) {
  F::forward_hugging_face(document, run);
  F::forward_megatron(document, run);
};

template <class F>
struct Table {
  template <std::size_t N>
  static constexpr std::array<wb_string, N> strings(const std::string_view (&values)[N]) {
    std::array<wb_string, N> result{};
    for (std::size_t i = 0; i < N; ++i) result[i] = {values[i].data(), values[i].size()};
    return result;
  }
  static constexpr auto architectures = strings(F::architectures);
  static constexpr auto model_types = strings(F::model_types);

  static int32_t to_megatron(const wb_host* host, wb_call* call) {
    return guard(host, call, [&] {
      F::to_megatron(Config{host, call, WB_DOCUMENT_HUGGING_FACE}, Config{host, call, WB_DOCUMENT_MEGATRON}, Notes{host, call});
      return true;
    });
  }
  static int32_t to_hugging_face(const wb_host* host, wb_call* call) {
    return guard(host, call, [&] {
      F::to_hugging_face(Config{host, call, WB_DOCUMENT_MEGATRON}, Config{host, call, WB_DOCUMENT_HUGGING_FACE}, Notes{host, call});
      return true;
    });
  }
  static int32_t equations(const wb_host* host, wb_call* call) {
    return guard(host, call, [&] {
      Model model{host, call};
      F::equations(Config{host, call, WB_DOCUMENT_HUGGING_FACE}, model);
      return true;
    });
  }
  static constexpr bool can_tell = requires(const Config& megatron) { F::recognises(megatron); };
  static int32_t recognises(const wb_host* host, wb_call* call) {
    return guard(host, call, [&] {
      if constexpr (can_tell) return F::recognises(Config{host, call, WB_DOCUMENT_MEGATRON});
      else return false;
    });
  }

  static int32_t forward_hugging_face(const wb_host* host, wb_call* call, const wb_forward_run* run) requires runs<F> {
    return guard(host, call, [&] {
      Forward forward{host, call, run};
      F::forward_hugging_face(Config{host, call, WB_DOCUMENT_HUGGING_FACE}, forward);
      return true;
    });
  }
  static int32_t forward_megatron(const wb_host* host, wb_call* call, const wb_forward_run* run) requires runs<F> {
    return guard(host, call, [&] {
      Forward forward{host, call, run};
      F::forward_megatron(Config{host, call, WB_DOCUMENT_MEGATRON}, forward);
      return true;
    });
  }
  static const void* extension(wb_string id) {
    if constexpr (runs<F>) {
      static constexpr wb_forward table{sizeof(wb_forward), forward_hugging_face, forward_megatron};
      if (std::string_view{id.data, id.size} == WB_FORWARD_EXTENSION) return &table;
    }
    return nullptr;
  }

  static constexpr wb_family entry{
      sizeof(wb_family), {F::id.data(), F::id.size()}, architectures.data(), architectures.size(), model_types.data(),
      model_types.size(), to_megatron, to_hugging_face, equations, can_tell ? recognises : nullptr, extension};
};

template <class... Families>
inline constexpr wb_family kFamilies[] = {Table<Families>::entry...};

}  // namespace detail

// The descriptor of a plugin with these families; static, so it lives as long as the library. `id` and `version` are
// string literals and those of the manifest.
template <class... Families>
const wb_plugin* plugin(std::string_view id, std::string_view version) {
  static const wb_plugin descriptor{sizeof(wb_plugin), WB_ABI_MAJOR, WB_ABI_MINOR, {id.data(), id.size()},
                                    {version.data(), version.size()}, detail::kFamilies<Families...>,
                                    sizeof...(Families), sizeof(wb_family), nullptr};
  return &descriptor;
}

}  // namespace sdk_v1
}  // namespace weighbridge
