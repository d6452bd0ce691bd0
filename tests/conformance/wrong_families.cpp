// Families that are wrong in one way each. All are the dense decoder of the SDK's template, with one member changed.

#include <weighbridge/family.hpp>
#include <weighbridge/translation.hpp>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>

namespace {

using namespace weighbridge;

struct Sizes {
  explicit Sizes(const Config& c)
      : hidden{c.integer("hidden_size")},
        ffn{c.integer("intermediate_size")},
        rows{c.integer("vocab_size")},
        layers{c.integer("num_hidden_layers")},
        groups{c.integer("num_key_value_heads", c.integer("num_attention_heads"))},
        query{c.integer("num_attention_heads") * head_width(c)},
        key{groups * head_width(c)} {}
  std::int64_t hidden, ffn, rows, layers, groups, query, key;
};

// A text as an argument of a template.
template <std::size_t N>
struct Name {
  constexpr Name(const char (&characters)[N]) { std::copy_n(characters, N, text); }
  char text[N]{};
};

// `F` is the family; what it declares anew hides what is here. It goes by one name everywhere.
template <class F, Name name>
struct Sound {
  static constexpr std::string_view id{name.text, sizeof(name.text) - 1};
  static constexpr std::string_view architectures[] = {id};
  static constexpr std::string_view model_types[] = {id};
  static void to_megatron(Config hf, Config megatron, Notes) {
    megatron.set("_target_", provider());
    dense_decoder(megatron);
    weighbridge::to_megatron(kDecoderFields, hf, megatron);
    attention_to_megatron(hf, megatron, 0, 4096);
    dtype_to_megatron(hf, megatron);
    megatron.set("rotary_base", rope_of(hf, 10000.0).theta);
  }
  static void to_hugging_face(Config megatron, Config hf, Notes) {
    weighbridge::to_hugging_face(kDecoderFields, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
  }
  static std::string provider() { return "wrong." + std::string{id}; }
  static bool recognises(const Config& megatron) { return megatron.string("_target_", "") == provider(); }

  static void equations(const Config& c, Model& model) {
    const Sizes s{c};
    model["embedding.word_embeddings.weight"] =
        vocabulary(model.tensor("model.embed_tokens.weight", {s.rows, s.hidden}));
    for (const auto& [decoder, hf, index] : model.layers("decoder.layers.", "model.layers.", s.layers))
      F::layer(s, decoder, hf, index);
    model["decoder.final_layernorm.weight"] = F::final_norm(model.tensor("model.norm.weight", {s.hidden}));
    output_layer(model, c.flag("tie_word_embeddings"), s.rows, s.hidden);
    F::more(s, model);
  }
  static void layer(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf, std::int64_t) {
    F::attention(s, decoder, hf);
    F::feed_forward(s, decoder, hf);
  }
  static void attention(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["self_attention.linear_qkv.layer_norm_weight"] = replicated(hf("input_layernorm.weight", {s.hidden}));
    decoder["self_attention.linear_qkv.weight"] = F::qkv(s, hf);
    F::projection(s, decoder, hf);
  }
  static Tensor q(const Sizes& s, const HuggingFaceLayer& hf) {
    return hf("self_attn.q_proj.weight", {s.query, s.hidden});
  }
  static Tensor k(const Sizes& s, const HuggingFaceLayer& hf) {
    return hf("self_attn.k_proj.weight", {s.key, s.hidden});
  }
  static Tensor v(const Sizes& s, const HuggingFaceLayer& hf) {
    return hf("self_attn.v_proj.weight", {s.key, s.hidden});
  }
  static Parameter qkv(const Sizes& s, const HuggingFaceLayer& hf) {
    return column(interleave(s.groups, q(s, hf), k(s, hf), v(s, hf)));
  }
  static void projection(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {s.hidden, s.query}));
  }
  static void feed_forward(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["mlp.linear_fc1.layer_norm_weight"] = replicated(hf("post_attention_layernorm.weight", {s.hidden}));
    decoder["mlp.linear_fc1.weight"] = F::gate_and_up(s, hf);
    F::down(s, decoder, hf);
  }
  static Tensor gate(const Sizes& s, const HuggingFaceLayer& hf) {
    return hf("mlp.gate_proj.weight", {s.ffn, s.hidden});
  }
  static Tensor up(const Sizes& s, const HuggingFaceLayer& hf) { return hf("mlp.up_proj.weight", {s.ffn, s.hidden}); }
  static Parameter gate_and_up(const Sizes& s, const HuggingFaceLayer& hf) {
    return column(concat(gate(s, hf), up(s, hf)));
  }
  static void down(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["mlp.linear_fc2.weight"] = row(hf("mlp.down_proj.weight", {s.hidden, s.ffn}));
  }
  static Parameter final_norm(const Tensor& value) { return norm(value); }
  static void more(const Sizes&, Model&) {}
};

// ---- Elements

struct Overlapped : Sound<Overlapped, "overlapped"> {
  static Parameter gate_and_up(const Sizes& s, const HuggingFaceLayer& hf) {
    const auto both = hf("mlp.gate_up_proj.weight", {2 * s.ffn, s.hidden});
    return column(concat(slice(both, 0, 0, s.ffn), slice(both, 0, s.ffn / 2, s.ffn / 2 + s.ffn)));
  }
};
struct GateTwice : Sound<GateTwice, "gate_twice"> {
  static Parameter gate_and_up(const Sizes& s, const HuggingFaceLayer& hf) {
    up(s, hf);
    return column(concat(gate(s, hf), gate(s, hf)));
  }
};
struct PartUnused : Sound<PartUnused, "part_unused"> {
  static void down(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["mlp.linear_fc2.weight"] = row(slice(hf("mlp.down_proj.weight", {s.hidden, s.ffn + 4}), 1, 0, s.ffn));
  }
};
struct NeverUsed : Sound<NeverUsed, "never_used"> {
  static void down(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    Sound::down(s, decoder, hf);
    hf("mlp.down_proj.scale", {s.hidden});
  }
};
struct EchoAlone : Sound<EchoAlone, "echo_alone"> {
  static Parameter qkv(const Sizes& s, const HuggingFaceLayer& hf) {
    return column(interleave(s.groups, q(s, hf), k(s, hf), echo(v(s, hf))));
  }
};
struct Padded : Sound<Padded, "padded"> {
  static Parameter gate_and_up(const Sizes& s, const HuggingFaceLayer& hf) {
    return column(concat(gate(s, hf), pad_rows(hf("mlp.up_proj.weight", {s.ffn - 4, s.hidden}), s.ffn)));
  }
};
struct Inexact : Sound<Inexact, "inexact"> {
  static Parameter final_norm(const Tensor& value) { return norm(add(value, 0.1)); }
};

// ---- Expressions and shapes

struct TwoShapes : Sound<TwoShapes, "two_shapes"> {
  static Parameter gate_and_up(const Sizes& s, const HuggingFaceLayer& hf) {
    gate(s, hf);
    return column(concat(transpose(hf("mlp.gate_proj.weight", {s.hidden, s.ffn})), up(s, hf)));
  }
};
struct UnevenGroups : Sound<UnevenGroups, "uneven_groups"> {
  static Parameter qkv(const Sizes& s, const HuggingFaceLayer& hf) {
    return column(interleave(3, q(s, hf), k(s, hf), v(s, hf)));
  }
};
struct UnequalParts : Sound<UnequalParts, "unequal_parts"> {
  static Parameter gate_and_up(const Sizes& s, const HuggingFaceLayer& hf) {
    return column(concat(gate(s, hf), hf("mlp.up_proj.weight", {s.ffn, s.hidden + 1})));
  }
};
struct WrongShape : Sound<WrongShape, "wrong_shape"> {
  static void projection(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["self_attention.linear_proj.weight"] = row(hf("self_attn.o_proj.weight", {s.hidden, s.query + 4}));
  }
};

// ---- Parameters

struct StatedTwice : Sound<StatedTwice, "stated_twice"> {
  static void more(const Sizes& s, Model& model) {
    model["decoder.final_layernorm.weight"] = norm(model.tensor("model.other_norm.weight", {s.hidden}));
  }
};
struct WrongSplit : Sound<WrongSplit, "wrong_split"> {
  static void down(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["mlp.linear_fc2.weight"] = column(hf("mlp.down_proj.weight", {s.hidden, s.ffn}));
  }
};
struct OnePiece : Sound<OnePiece, "one_piece"> {
  static Parameter gate_and_up(const Sizes& s, const HuggingFaceLayer& hf) {
    return column(hf("mlp.gate_up_proj.weight", {2 * s.ffn, s.hidden}));
  }
};
struct VectorByColumns : Sound<VectorByColumns, "vector_by_columns"> {
  static Parameter final_norm(const Tensor& value) { return row(value); }
};
struct Indivisible : Sound<Indivisible, "indivisible"> {
  static Parameter qkv(const Sizes& s, const HuggingFaceLayer& hf) {
    const auto all = hf("self_attn.qkv_proj.weight", {s.query + 2 * s.key, s.hidden});
    return column(concat(slice(all, 0, 0, 5), slice(all, 0, 5, s.query + 2 * s.key)));
  }
};
struct Misspelt : Sound<Misspelt, "misspelt"> {
  static void down(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["mlp.liner_fc2.weight"] = row(hf("mlp.down_proj.weight", {s.hidden, s.ffn}));
  }
};
struct OwnModule : Sound<OwnModule, "own_module"> {
  static void down(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    Sound::down(s, decoder, hf);
    decoder["retrieval.gate"] = replicated(hf("retrieval.gate", {s.hidden}));
  }
};
struct NoExtraState : Sound<NoExtraState, "no_extra_state"> {
  static void projection(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    decoder["self_attention.linear_proj.weight"] =
        Parameter{hf("self_attn.o_proj.weight", {s.hidden, s.query}), WB_SPLIT_AXIS_1, WB_EXTRA_ABSENT, 0};
  }
};
struct StateOfNothing : Sound<StateOfNothing, "state_of_nothing"> {
  static void down(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    Sound::down(s, decoder, hf);
    decoder["mlp.linear_fc4"] = module_state(WB_EXTRA_EMPTY);
  }
};
struct LastLayerMissing : Sound<LastLayerMissing, "last_layer_missing"> {
  static void layer(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf, std::int64_t index) {
    if (index + 1 < s.layers) Sound::layer(s, decoder, hf, index);
  }
};
struct ExpertMissing : Sound<ExpertMissing, "expert_missing"> {
  static void down(const Sizes& s, const MegatronLayer& decoder, const HuggingFaceLayer& hf) {
    Sound::down(s, decoder, hf);
    for (std::int64_t e = 0; e < 3; ++e)
      decoder["mlp.experts.linear_fc2.weight"].of_expert(e, 4) =
          row(hf("experts." + std::to_string(e) + ".weight", {s.hidden, s.ffn}));
  }
};
struct DroppedAndUsed : Sound<DroppedAndUsed, "dropped_and_used"> {
  static void more(const Sizes&, Model& model) { model.dropped("model.norm.weight", "computed"); }
};
struct TiedToNothing : Sound<TiedToNothing, "tied_to_nothing"> {
  static void more(const Sizes&, Model& model) { model.tied("model.other.weight", "model.another.weight", "always"); }
};
struct NotInTheList : Sound<NotInTheList, "not_in_the_list"> {};

// ---- Configuration

struct FieldLost : Sound<FieldLost, "field_lost"> {
  static void to_hugging_face(Config megatron, Config hf, Notes notes) {
    for (const auto& field : kDecoderFields)
      if (field.hugging_face != "rms_norm_eps") weighbridge::to_hugging_face(std::array{field}, megatron, hf);
    attention_to_hugging_face(megatron, hf);
    dtype_to_hugging_face(megatron, hf);
    hf.set("rope_theta", megatron.number("rotary_base", 10000.0));
    notes("one field is left out");
  }
};
struct FieldConstant : Sound<FieldConstant, "field_constant"> {
  static void to_hugging_face(Config megatron, Config hf, Notes notes) {
    Sound::to_hugging_face(megatron, hf, notes);
    hf.set("rope_theta", 10000.0);
  }
};
struct EquationsNeedMore : Sound<EquationsNeedMore, "equations_need_more"> {
  static void equations(const Config& c, Model& model) {
    Sound::equations(c, model);
    if (c.flag("has_bias"))
      model["decoder.final_layernorm.bias"] = norm(model.tensor("model.norm.bias", {c.integer("hidden_size")}));
  }
};
struct KnowsEverything : Sound<KnowsEverything, "knows_everything"> {
  static bool recognises(const Config&) { return true; }
};
struct KnowsNotItself : Sound<KnowsNotItself, "knows_not_itself"> {
  static bool recognises(const Config&) { return false; }
};
struct RefusesItself : Sound<RefusesItself, "refuses_itself"> {
  static void to_megatron(Config, Config, Notes) { throw Failure("hidden_act is silu, which is out of fashion"); }
};

// ---- Calls

struct CountsCalls : Sound<CountsCalls, "counts_calls"> {
  static void to_megatron(Config hf, Config megatron, Notes notes) {
    static int calls = 0;
    Sound::to_megatron(hf, megatron, notes);
    megatron.set("calls", ++calls);
  }
  static void to_hugging_face(Config, Config, Notes) { throw Failure("there is no way back"); }
};
struct SharesState : Sound<SharesState, "shares_state"> {
  static void to_megatron(Config hf, Config megatron, Notes notes) {
    static std::int64_t hidden = 0;
    hidden = hf.integer("hidden_size");
    Sound::to_megatron(hf, megatron, notes);
    megatron.set("hidden_size", hidden);
  }
};
struct KeepsText : Sound<KeepsText, "keeps_text"> {};
struct Throws : Sound<Throws, "throws"> {};
struct FailsSilently : Sound<FailsSilently, "fails_silently"> {};
struct Fragile : Sound<Fragile, "fragile"> {};

// Raw callbacks, without the C++ layer around them.

int32_t throwing(const wb_host*, wb_call*) { throw std::runtime_error("thrown through the boundary"); }
int32_t silent(const wb_host*, wb_call*) { return WB_FAILED; }

// Throws where num_hidden_layers is no number.
int32_t unguarded(const wb_host* host, wb_call* call) {
  if (!Config{host, call, WB_DOCUMENT_HUGGING_FACE}.find_integer("num_hidden_layers"))
    throw std::out_of_range("num_hidden_layers");
  return detail::Table<Fragile>::to_megatron(host, call);
}

// Keeps the text that the host lent, and notes it the next time.
int32_t keeping(const wb_host* host, wb_call* call) {
  static wb_string kept{};
  if (kept.size > 0) host->note(call, kept);
  wb_value value{};
  value.struct_size = sizeof(value);
  if (host->get(call, WB_DOCUMENT_HUGGING_FACE, to_abi("model_type"), &value) == WB_OK) kept = value.string;
  return detail::Table<KeepsText>::to_megatron(host, call);
}

template <class... Families>
auto tables() {
  return std::array{detail::Table<Families>::entry...};
}

}  // namespace

const wb_plugin* wb_plugin_v1() {
  static const auto families = [] {
    auto all =
        tables<Overlapped, GateTwice, PartUnused, NeverUsed, EchoAlone, Padded, Inexact, TwoShapes, UnevenGroups,
               UnequalParts, WrongShape, StatedTwice, WrongSplit, OnePiece, VectorByColumns, Indivisible, Misspelt,
               OwnModule, NoExtraState, StateOfNothing, LastLayerMissing, ExpertMissing, DroppedAndUsed, TiedToNothing,
               NotInTheList, FieldLost, FieldConstant, EquationsNeedMore, KnowsEverything, KnowsNotItself,
               RefusesItself, CountsCalls, SharesState, KeepsText, Throws, FailsSilently, Fragile>();
    for (auto& family : all) {
      const std::string_view id{family.id.data, family.id.size};
      if (id == "throws") family.equations = throwing;
      if (id == "fails_silently") family.to_hugging_face = silent;
      if (id == "fragile") family.to_megatron = unguarded;
      if (id == "keeps_text") family.to_megatron = keeping;
    }
    return all;
  }();
  static const wb_plugin descriptor{sizeof(wb_plugin), WB_ABI_MAJOR,      WB_ABI_MINOR,
                                    to_abi("wrong"),   to_abi("1.0.0"),   families.data(),
                                    families.size(),   sizeof(wb_family), nullptr};
  return &descriptor;
}
