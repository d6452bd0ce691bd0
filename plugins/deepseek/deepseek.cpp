// DeepSeek V2, V2-Lite, V3, V3.1, R1 and V3.2; Moonlight and Kimi K2, which are DeepSeek V3 with other numbers.
//
//   x + attention(norm(x)),  x + mlp(norm(x)),  RMSNorm; latent attention, which in V3.2 sees the tokens that an indexer
//   selects; the mlp is dense in the first layers and a mixture of experts with shared ones behind. V2 scores experts by
//   softmax, V3 by sigmoid and a bias that is learned apart. V3 has layers that predict further tokens, numbered after the
//   others.

#include <weighbridge/family.hpp>

#include <string_view>

#include "generations.hpp"

namespace {

using namespace weighbridge;
using namespace deepseek;

struct V2 {
  static constexpr std::string_view id = "deepseek_v2";
  static constexpr std::string_view architectures[] = {"DeepseekV2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"deepseek_v2"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    config_to_megatron(hf, megatron, notes, Generation::v2);
    megatron.set("moe_aux_loss_coeff", hf.number("aux_loss_alpha", 0.0));
    megatron.set("make_vocab_size_divisible_by", 3200);
    megatron.set("seq_length", 4096);  // what it was trained with
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf, Generation::v2); }
  static bool recognises(const Config& megatron) { return is_of(megatron, Generation::v2); }
  static void equations(const Config& c, Model& model) { model_equations(c, model, Generation::v2); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_model(c, run, Generation::v2); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward_megatron_model(megatron, run, Generation::v2); }
};

struct V3 {
  static constexpr std::string_view id = "deepseek_v3";
  static constexpr std::string_view architectures[] = {"DeepseekV3ForCausalLM"};
  static constexpr std::string_view model_types[] = {"deepseek_v3"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    config_to_megatron(hf, megatron, notes, Generation::v3);
    megatron.set("moe_aux_loss_coeff", hf.number("aux_loss_alpha", 1e-4));
    megatron.set("make_vocab_size_divisible_by", 1280);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf, Generation::v3); }
  static bool recognises(const Config& megatron) { return is_of(megatron, Generation::v3); }
  static void equations(const Config& c, Model& model) { model_equations(c, model, Generation::v3); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_model(c, run, Generation::v3); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward_megatron_model(megatron, run, Generation::v3); }
};

struct V32 {
  static constexpr std::string_view id = "deepseek_v32";
  static constexpr std::string_view architectures[] = {"DeepseekV32ForCausalLM"};
  static constexpr std::string_view model_types[] = {"deepseek_v32"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    config_to_megatron(hf, megatron, notes, Generation::v32);
    megatron.set("moe_aux_loss_coeff", hf.number("aux_loss_alpha", 1e-4));
    megatron.set("make_vocab_size_divisible_by", 1280);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) { config_to_hugging_face(megatron, hf, Generation::v32); }
  static bool recognises(const Config& megatron) { return is_of(megatron, Generation::v32); }
  static void equations(const Config& c, Model& model) { model_equations(c, model, Generation::v32); }
  static void forward_hugging_face(const Config& c, Forward& run) { forward_model(c, run, Generation::v32); }
  static void forward_megatron(const Config& megatron, Forward& run) { forward_megatron_model(megatron, run, Generation::v32); }
};

// Published checkpoints of Kimi K2 call themselves DeepseekV3ForCausalLM, which is what a Megatron checkpoint becomes again.
struct KimiK2 {
  static constexpr std::string_view id = "kimi_k2";
  static constexpr std::string_view architectures[] = {"KimiK2ForCausalLM"};
  static constexpr std::string_view model_types[] = {"kimi_k2"};

  static void to_megatron(Config hf, Config megatron, Notes notes) {
    V3::to_megatron(hf, megatron, notes);
    megatron.set("moe_aux_loss_coeff", 1e-3);
    megatron.set("seq_length", 4096);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes notes) { V3::to_hugging_face(megatron, hf, notes); }
  static void equations(const Config& c, Model& model) { V3::equations(c, model); }
  static void forward_hugging_face(const Config& c, Forward& run) { V3::forward_hugging_face(c, run); }
  static void forward_megatron(const Config& megatron, Forward& run) { V3::forward_megatron(megatron, run); }
};

}  // namespace

const wb_plugin* wb_plugin_v1() { return weighbridge::plugin<V2, V3, V32, KimiK2>("deepseek", "1.0.0"); }
