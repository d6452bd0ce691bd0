// A family that is run: what crosses the boundary on the way, and what stops there.
#include <gmock/gmock.h>
#include <weighbridge/family.hpp>

#include <map>
#include <string>
#include <vector>

#include "families/call.hpp"
#include "families/forward_call.hpp"
#include "families/registry.hpp"

namespace weighbridge {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Says "W" and "bias" of its tensors, "factor" of its document.
struct Runner {
  static constexpr std::string_view id = "runner";
  static constexpr std::string_view architectures[] = {"RunnerModel"};
  static constexpr std::string_view model_types[] = {"runner"};
  static void to_megatron(Config, Config, Notes) {}
  static void to_hugging_face(Config, Config, Notes) {}
  static void equations(const Config&, Model&) {}
  static bool recognises(const Config&) { return false; }

  static void forward_hugging_face(const Config& hf, Forward& run) {
    auto x = run.embedded("W");
    forward::scale(x, static_cast<float>(hf.number("factor")));
    run.state(-1, x);
    run.note("only half of it");
    run.logits(run.linear("W", x));
  }
  static void forward_megatron(const Config& megatron, Forward& run) {
    if (megatron.flag("breaks")) throw Failure("factor is odd");
    if (megatron.flag("reads")) run.rows("beyond", 0, 1);
    run.logits(run.module("layer.", run.embedded("W")));
  }
};

struct Silent : Runner {
  static void forward_hugging_face(const Config&, Forward&) = delete;
  static void forward_megatron(const Config&, Forward&) = delete;
};

Part language_model() { return {"LlamaForCausalLM", "text", {}, {{"model.", "model.language_model."}}, "language_model.", {}}; }

struct Seeing : Runner {
  static void forward_hugging_face(const Config&, Forward& run) { run.part(language_model()); }
  static void forward_megatron(const Config&, Forward& run) { run.part(language_model()); }
};

// [rows, 2] tensors in memory. "beyond" cannot be read.
class InMemory : public ForwardRun {
 public:
  InMemory() {
    add("W", {1, 2, 3, 4, 5, 6});
    add("layer.weight", {1, 0, 0, 10});
    add("layer.bias", {100, 200}, {2});
    add("beyond", {0, 0});
  }
  void add(const std::string& name, std::vector<float> values, Shape shape = {}) {
    if (shape.empty()) shape = {static_cast<std::int64_t>(values.size()) / 2, 2};
    stored_[name] = {name, DType::f32, std::move(shape), {}};
    values_[name] = std::move(values);
  }
  const Tokens& tokens() const override { return tokens_; }
  const StoredTensor* tensor(std::string_view name) const override {
    asked.emplace_back(name);
    const auto found = stored_.find(std::string{name});
    return found == stored_.end() ? nullptr : &found->second;
  }
  Status rows(std::string_view name, std::int64_t first, std::int64_t count, float* into) override {
    if (name == "beyond") return Error{Error::Kind::io, "weights.bin", "tensor beyond", "ends early", "Copy it again"};
    const auto& values = values_.at(std::string{name});
    std::copy_n(values.begin() + 2 * first, 2 * count, into);
    return done();
  }
  Status multiply(const Product& product) override {
    const auto& weight = values_.at(std::string{product.weight});
    for (std::int64_t t = 0; t < product.tokens; ++t)
      for (std::int64_t r = 0; r < product.rows; ++r)
        product.y[t * product.rows + r] = product.x[2 * t] * weight[static_cast<std::size_t>(2 * (product.first + r))] +
                                          product.x[2 * t + 1] * weight[static_cast<std::size_t>(2 * (product.first + r) + 1)];
    return done();
  }
  Status state(std::int64_t layer, std::int64_t columns, const float* values) override {
    states[layer].assign(values, values + 2 * columns);
    return done();
  }
  Status logits(std::int64_t columns, const float* values) override {
    result.assign(values, values + 2 * columns);
    return done();
  }

  mutable std::vector<std::string> asked;
  std::map<std::int64_t, std::vector<float>> states;
  std::vector<float> result;

 private:
  Tokens tokens_{1, 2, {2, 0}};
  std::map<std::string, StoredTensor> stored_;
  std::map<std::string, std::vector<float>> values_;
};

template <class F>
Family family_of(Registry* registry = nullptr) {
  return {weighbridge::plugin<F>("runner", "1.0.0")->families, {}, registry};
}

ConfigDocument parsed(const char* text) {
  auto document = ConfigDocument::parse(text, "model/config.json");
  EXPECT_TRUE(document) << document.error().text();
  return *document;
}

class ForwardCall : public ::testing::Test {
 protected:
  Status run(const Family& family, Side side, const char* document) {
    const auto read = parsed(document);
    const ConfigDocument none;
    return run_model(family, side, side == Side::hugging_face ? read : none, side == Side::megatron ? read : none, memory, notes);
  }
  InMemory memory;
  std::vector<std::string> notes;
};

// Tokens 2 and 0: rows (5, 6) and (1, 2), doubled.
TEST_F(ForwardCall, GivesStatesLogitsAndNotes) {
  const auto family = family_of<Runner>();
  ASSERT_TRUE(can_run(family));
  const auto status = run(family, Side::hugging_face, R"({"factor": 2})");
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_THAT(memory.states[-1], ElementsAre(10, 12, 2, 4));
  EXPECT_THAT(memory.result, ElementsAre(34, 78, 122, 10, 22, 34));
  EXPECT_THAT(notes, ElementsAre("only half of it"));
}

TEST_F(ForwardCall, EachSideReadsItsDocument) {
  const auto status = run(family_of<Runner>(), Side::megatron, R"({})");
  ASSERT_TRUE(status) << status.error().text();
  EXPECT_THAT(memory.result, ElementsAre(105, 260, 101, 220));
}

TEST_F(ForwardCall, FailuresOfAFamilyAreItsSentences) {
  const auto status = run(family_of<Runner>(), Side::megatron, R"({"breaks": true})");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, Error::Kind::mismatch);
  EXPECT_THAT(status.error().text(), HasSubstr("family runner, Megatron side of the forward check: factor is odd"));
}

TEST_F(ForwardCall, WhatTheRunRefusesKeepsItsFileAndRemedy) {
  const auto status = run(family_of<Runner>(), Side::megatron, R"({"reads": true})");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().text(), "weights.bin: tensor beyond: ends early. Copy it again.");
}

TEST_F(ForwardCall, FamiliesMayBeSilent) {
  const auto family = family_of<Silent>();
  EXPECT_FALSE(can_run(family));
  const auto status = run(family, Side::megatron, R"({})");
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().kind, Error::Kind::unsupported);
  EXPECT_THAT(status.error().text(), HasSubstr("family runner: does not say what its model computes"));
}

TEST_F(ForwardCall, PartsHaveTheNamesOfTheWhole) {
  auto registry = Registry::scan({WEIGHBRIDGE_PLUGINS});
  const auto family = family_of<Seeing>(&registry);
  const auto one = run(family, Side::hugging_face, R"({"text": {"num_attention_heads": 1, "hidden_size": 2, "num_hidden_layers": 0}})");
  ASSERT_FALSE(one);
  EXPECT_THAT(one.error().text(), HasSubstr("model.embed_tokens.weight is not among the tensors"));
  EXPECT_THAT(memory.asked, ElementsAre("model.language_model.embed_tokens.weight"));
  memory.asked.clear();
  EXPECT_FALSE(run(family, Side::megatron, R"({"num_layers": 0})"));
  EXPECT_THAT(memory.asked, ElementsAre("language_model.embedding.word_embeddings.weight"));
}

}  // namespace
}  // namespace weighbridge
