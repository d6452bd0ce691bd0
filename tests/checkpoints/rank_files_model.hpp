#pragma once
// A small model in rank files: how its files are written from whole parameters, and what is in them.
//
// Every element of a parameter is a number of its own: 256 * (number of the parameter + 1) + row-major index. They are
// written as BF16 bits, and read back as the same numbers.

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "checkpoints/rank_files_layout.hpp"
#include "formats/torch_object.hpp"

namespace weighbridge::test {

using Numbers = std::vector<int>;

// Elements [begin, end) of a parameter; ranges are joined with +.
inline Numbers elements(std::size_t parameter, int begin, int end) {
  Numbers made;
  for (int i = begin; i < end; ++i) made.push_back(static_cast<int>(256 * (parameter + 1)) + i);
  return made;
}
inline Numbers operator+(Numbers a, const Numbers& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Four layers of every kind: dense, Mamba, mixture of four experts, dense; a tied embedding; one prediction layer.
struct SmallModel {
  enum Number : std::size_t {  // of the parameters
    embedding, norm, qkv, proj, fc1, fc2, z, x, B, C, dt, conv_x, conv_B, conv_C, out, router, up, down = up + 4, last = down + 4, final_norm, enorm, inner
  };
  MegatronLayoutRequest request;

  SmallModel() {
    const auto add = [&](std::string prefix, std::int64_t layer, std::string rest, Shape shape, std::optional<Cut> cut, ExtraState state) -> LiveParameter& {
      LiveParameter made{std::move(prefix), layer, 4, std::move(rest), DType::bf16, std::move(shape), false, state};
      made.cut = std::move(cut);
      return request.parameters.emplace_back(std::move(made));
    };
    const std::string layers = "decoder.layers.";
    const auto state = ExtraState::empty;
    const auto rows = [](std::int64_t count) { return Cut{0, {count}}; };
    add("", 0, "embedding.word_embeddings.weight", {8, 4}, rows(8), ExtraState::absent).vocabulary = true;
    add(layers, 0, "self_attention.linear_qkv.layer_norm_weight", {4}, {}, state);
    add(layers, 0, "self_attention.linear_qkv.weight", {8, 4}, rows(8), state);
    add(layers, 0, "self_attention.linear_proj.weight", {4, 4}, Cut{1, {4}}, state);
    add(layers, 0, "mlp.linear_fc1.weight", {8, 4}, Cut{0, {4, 4}}, state);
    add(layers, 0, "mlp.linear_fc2.weight", {4, 4}, Cut{1, {4}}, state);
    for (const auto& [part, count] : {std::pair{"z", 4}, {"x", 4}, {"B", 2}, {"C", 2}, {"dt", 2}})
      add(layers, 1, std::string{"mixer.in_proj.weight."} + part, {count, 4}, rows(count), ExtraState::absent);
    for (const auto& [part, count] : {std::pair{"x", 4}, {"B", 2}, {"C", 2}})
      add(layers, 1, std::string{"mixer.conv1d.weight."} + part, {count, 1, 3}, rows(count), ExtraState::absent);
    add(layers, 1, "mixer.out_proj.weight", {4, 4}, Cut{1, {4}}, state);
    add(layers, 2, "mlp.router.weight", {4, 4}, {}, ExtraState::absent);
    for (const auto& [rest, cut] : {std::pair{"mlp.experts.linear_fc1.weight", Cut{0, {2, 2}}}, {"mlp.experts.linear_fc2.weight", Cut{1, {4}}}})
      for (std::int64_t expert = 0; expert < 4; ++expert) {
        auto& made = add(layers, 2, rest, {4, 4}, cut, state);
        made.expert = expert;
        made.experts = 4;
      }
    add(layers, 3, "mlp.linear_fc2.weight", {4, 4}, Cut{1, {4}}, state);
    add("", 0, "decoder.final_layernorm.weight", {4}, {}, state);
    add("mtp.layers.", 0, "enorm.weight", {4}, {}, state);
    add("mtp.layers.", 0, "transformer_layer.mlp.linear_fc2.weight", {4, 4}, Cut{1, {4}}, state);
    request.modules = {{layers, 1, 4, "mixer.in_proj", state}};
    request.document = boost::json::parse(R"({"num_layers":4,"hidden_size":4,"num_attention_heads":2,"vocab_size":7,"mtp_num_layers":1,
      "num_moe_experts":4,"activation_func":"silu","gated_linear_unit":true,"params_dtype":"bfloat16","layernorm_epsilon":1e-6})").as_object();
    request.flavor = MegatronFlavor::megatron_lm;
    request.iteration = 5;
  }

  SmallModel& laid(std::int64_t tensor, std::int64_t pipeline, std::int64_t expert) {
    request.layout.tensor = tensor;
    request.layout.pipeline = pipeline;
    request.layout.expert = expert;
    return *this;
  }

  // Writes the files; elements that the layout leaves out are 0.
  MegatronLayout write(const std::filesystem::path& folder) {
    state_layout(request.layout, request.document);
    auto made = lay_out_rank_files(request);
    if (!made) throw std::runtime_error(made.error().text());
    std::vector<std::string> contents;
    for (const auto& file : made->files) contents.emplace_back(file.size, '\0');
    std::vector<Numbers> tensors;
    for (const auto& tensor : made->tensors) tensors.emplace_back(tensor.bytes / 2, 0);
    for (const auto& laid : made->boxes) {
      const auto whole_strides = row_major_strides(request.parameters[laid.parameter].shape);
      const auto count = element_count(laid.box.sizes).value_or(0);
      for (std::int64_t i = 0; i < count; ++i) {
        const auto at = coordinates_of(i, laid.box.sizes);
        std::int64_t whole = 0, target = laid.base;
        for (std::size_t axis = 0; axis < at.size(); ++axis) {
          whole += (laid.box.offsets[axis] + at[axis]) * whole_strides[axis];
          target += at[axis] * laid.strides[axis];
        }
        auto& element = tensors.at(laid.tensor).at(static_cast<std::size_t>(target));
        EXPECT_EQ(element, 0) << made->tensors[laid.tensor].name << " is written twice at " << target;
        element = elements(laid.parameter, static_cast<int>(whole), static_cast<int>(whole) + 1)[0];
      }
    }
    for (std::size_t i = 0; i < tensors.size(); ++i)
      for (std::size_t k = 0; k < tensors[i].size(); ++k) {
        auto& content = contents.at(made->tensors[i].file);
        content.at(made->tensors[i].offset + 2 * k) = static_cast<char>(tensors[i][k] & 255);
        content.at(made->tensors[i].offset + 2 * k + 1) = static_cast<char>(tensors[i][k] >> 8);
      }
    for (const auto& literal : made->literals) contents.at(literal.file).replace(literal.offset, literal.bytes.size(), literal.bytes.text());
    for (std::size_t i = 0; i < contents.size(); ++i) {
      std::filesystem::create_directories((folder / made->files[i].path).parent_path());
      std::ofstream{folder / made->files[i].path, std::ios::binary} << contents[i];
    }
    return *std::move(made);
  }
};

// An entry of a state dict.
struct Held {
  std::string name;
  Shape shape;
  Numbers numbers;  // of BF16
  DType dtype{};
  bool none{};
};

// A rank file as the safe reader sees it.
class RankFile {
 public:
  explicit RankFile(const std::filesystem::path& path) {
    auto file = InputFile::open(path);
    if (!file) throw std::runtime_error(file.error().text());
    auto object = read_torch_object(*file, TorchOptions{PickleGlobals::megatron(), 1 << 20});
    if (!object) throw std::runtime_error(object.error().text());
    object_ = std::make_unique<TorchObject>(*std::move(object));
    std::ifstream stream{path, std::ios::binary};
    bytes_.assign(std::istreambuf_iterator<char>{stream}, {});
  }
  PickleValue root() const { return object_->root(); }

  std::vector<Held> entries(const std::string& model = "model") const {
    std::vector<Held> all;
    const auto state = root().find(model);
    if (!state) throw std::runtime_error("no " + model);
    const auto items = state->items();
    for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
      Held held{std::string{*items[i].text()}, {}, {}, {}, items[i + 1].is_none()};
      if (const auto* tensor = items[i + 1].tensor()) {
        held.shape = tensor->shape;
        held.dtype = tensor->dtype;
        EXPECT_EQ(tensor->strides, row_major_strides(tensor->shape)) << held.name;
        const auto begin = object_->offset_of(*tensor);
        for (std::int64_t k = 0; held.dtype == DType::bf16 && k < *element_count(held.shape); ++k) {
          const auto byte = [&](std::uint64_t which) { return static_cast<unsigned char>(bytes_.at(begin + 2 * static_cast<std::uint64_t>(k) + which)); };
          held.numbers.push_back(byte(0) + 256 * byte(1));
        }
      }
      all.push_back(std::move(held));
    }
    return all;
  }
  std::vector<std::string> names(const std::string& model = "model") const {
    std::vector<std::string> all;
    for (const auto& held : entries(model)) all.push_back(held.name);
    return all;
  }
  Held entry(const std::string& name, const std::string& model = "model") const {
    for (auto& held : entries(model))
      if (held.name == name) return held;
    ADD_FAILURE() << "no " << name;
    return {};
  }

 private:
  std::unique_ptr<TorchObject> object_;
  std::string bytes_;
};

}  // namespace weighbridge::test
