#include "checkpoints/model_placement.hpp"

namespace weighbridge {

std::string backbone_of(const std::vector<LiveParameter>& parameters) {
  for (const auto& parameter : parameters)
    if (parameter.prefix.empty() && parameter.rest.ends_with(kWordEmbeddings))
      return parameter.rest.substr(0, parameter.rest.size() - kWordEmbeddings.size());
  return {};
}

Result<ModelPlacement> ModelPlacement::of(const MegatronLayoutRequest& request) {
  auto placement = Placement::of(request.layout, request.document);
  if (!placement) return placement.error();
  const auto backbone = backbone_of(request.parameters);
  bool predicts = false;
  for (const auto& parameter : request.parameters)
    predicts |= (parameter.prefix.empty() ? parameter.rest : parameter.prefix).starts_with(backbone + "mtp.");
  return ModelPlacement{*std::move(placement), backbone, predicts};
}

Cell ModelPlacement::cell(std::string_view prefix, std::int64_t layer, std::string_view rest) const {
  if (is_decoder(prefix) && layer < placement_.layers()) return placement_.layer(layer).cell;
  auto name = prefix.empty() ? rest : prefix;
  if (!name.starts_with(backbone_)) return placement_.embedding();
  name.remove_prefix(backbone_.size());
  if (name.starts_with("mtp.")) return placement_.prediction();
  // With prediction layers the norm goes where the last layer of the decoder is, and what contracts hyper-connections with it.
  const bool contracts = name.starts_with("decoder.hc_head_");
  if ((name.starts_with("decoder.final_layernorm") || contracts) && predicts_ && placement_.layers() > 0)
    return placement_.layer(placement_.layers() - 1).cell;
  if (contracts || name.starts_with("decoder.final_") || name.starts_with("output_layer")) return placement_.output();
  return placement_.embedding();
}

std::int64_t ModelPlacement::local_layer(std::string_view prefix, std::int64_t layer) const {
  return is_decoder(prefix) && layer < placement_.layers() ? placement_.layer(layer).layer : layer;
}

}  // namespace weighbridge
