// Qwen3-Next, and the language models of Qwen3.5 and Qwen3.6, dense and with experts.
//
//   x + attention(norm(x)),  x + mlp(norm(x)); three layers of four have a gated DeltaNet, the fourth gated softmax
//   attention with an RMSNorm over each head; the MLP is SwiGLU, or routed experts beside a gated shared one. Norms hold
//   their gain less one.

#include <weighbridge/family.hpp>
#include <weighbridge/forward/megatron_gpt.hpp>

#include "equations.hpp"
#include "forward.hpp"
#include "translation.hpp"

namespace {

using namespace weighbridge;
using namespace qwen_next;

bool has_float32_router(const Config& megatron) { return megatron.string("moe_router_dtype", "") == "fp32"; }

struct Qwen3Next {
  static constexpr std::string_view id = "qwen3_next";
  static constexpr std::string_view architectures[] = {"Qwen3NextForCausalLM"};
  static constexpr std::string_view model_types[] = {"qwen3_next"};

  static void to_megatron(Config hf, Config megatron, Notes notes) { config_to_megatron(hf, megatron, notes, kQwen3Next); }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf, kQwen3Next); }
  // It computes what Qwen3.5 with experts does; that its router is float32 tells them apart.
  static bool recognises(const Config& megatron) {
    return is_gated_delta_net(megatron) && has_experts(megatron) && has_shared_expert(megatron) && has_float32_router(megatron);
  }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model, kQwen3Next); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_decoder(c, run, kQwen3Next); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

struct Qwen35 {
  static constexpr std::string_view id = "qwen3_5";
  static constexpr std::string_view architectures[] = {"Qwen3_5ForCausalLM"};
  static constexpr std::string_view model_types[] = {"qwen3_5_text"};

  static void to_megatron(Config hf, Config megatron, Notes notes) { config_to_megatron(hf, megatron, notes, kQwen35); }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf, kQwen35); }
  static bool recognises(const Config& megatron) { return is_gated_delta_net(megatron) && !has_experts(megatron); }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model, kQwen35); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_decoder(c, run, kQwen35); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

struct Qwen35Moe {
  static constexpr std::string_view id = "qwen3_5_moe";
  static constexpr std::string_view architectures[] = {"Qwen3_5MoeForCausalLM"};
  static constexpr std::string_view model_types[] = {"qwen3_5_moe_text"};

  static void to_megatron(Config hf, Config megatron, Notes notes) { config_to_megatron(hf, megatron, notes, kQwen35Moe); }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf, kQwen35Moe); }
  static bool recognises(const Config& megatron) {
    return is_gated_delta_net(megatron) && has_experts(megatron) && has_shared_expert(megatron) && !has_float32_router(megatron);
  }
  static void equations(const Config& c, Model& model) { decoder_equations(c, model, kQwen35Moe); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_decoder(c, run, kQwen35Moe); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward::megatron_gpt(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<Qwen3Next, Qwen35, Qwen35Moe>("qwen_next", "1.0.0"); }
