#pragma once
// Published models of a family: what they are called, how large they are, how people train them. Read from the file that a
// manifest names, without loading the plugin.

#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "families/manifest.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// A layout that somebody has published for training a variant.
struct Recipe {
  std::string trainer;                                       // "Megatron-Bridge" or "Megatron-LM"
  std::string use;                                           // "pretrain", "sft" or "lora"
  std::int64_t gpus{};                                       // 0 where the source does not say
  std::vector<std::pair<std::string, std::int64_t>> layout;  // sizes by name (tp, pp, vpp, cp, ep, etp); the others are 1
  std::string source;                                        // where it is published
};

struct Variant {
  std::string name;
  std::string repository;      // "owner/name" on the hub; empty where the manifest lists names alone, as is the rest
  std::string architecture;    // one of the manifest's
  std::string parameters;      // three significant digits of the number of elements: "8.03 B", "494 M"
  boost::json::object config;  // the fields of its config.json that decide shapes, names and translation
  std::vector<Recipe> recipes;
};

// The variants of a manifest in its order, from `variants_file` if it has one:
//   {"variants": [{"name": "…", "repository": "owner/name", "architecture": "…", "parameters": "8.03 B", "config": {…},
//     "recipes": [{"trainer": "Megatron-Bridge", "use": "sft", "gpus": 8, "layout": {"tp": 2}, "source": "…"}]}]}
// Fields that are unknown, missing or of another type, sizes out of range and names that come twice are errors of kind
// format that name the file and the field ("variants.3.recipes.0.gpus").
Result<std::vector<Variant>> read_variants(const Manifest& manifest);

// "8.03 B" is 8.03e9; 0 for what is no such text. Units are K, M, B and T.
double parameter_count(std::string_view text);

}  // namespace weighbridge
