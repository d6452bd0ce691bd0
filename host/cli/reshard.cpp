#include <CLI/CLI.hpp>

#include <memory>

#include "cli/commands.hpp"
#include "cli/conversion_command.hpp"
#include "cli/options.hpp"

namespace weighbridge {

void add_reshard(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("reshard", "Megatron to Megatron: another layout, format, flavor or module names");
  const auto options = std::make_shared<Options>();
  declare_reshard_paths(command, *options);
  declare_hugging_face_source(command, *options, false);
  declare_architecture(command, *options);
  declare_megatron_target(command, *options);
  declare_model_class(command, *options);
  declare_dtype(command, *options);
  declare_strictness(command, *options);
  command.add_flag("--drop-training-state", options->drop_training_state,
                   "Leave optimizer, scheduler, random and rerun states out; without it a checkpoint that has them is refused");
  declare_output(command, *options);
  declare_run(command, *options);
  declare_plugin_path(command, *options);
  declare_json(command, *options);
  command.footer(
      "The layout is that of the new checkpoint; sizes that are not given are 1. The family is told by the checkpoint's\n"
      "configuration; arguments of Megatron-LM do not always tell it, then --hf-model or --architecture does.\n\n"
      "Examples:\n"
      "  weighbridge reshard --load ./megatron --save ./tp8 --tp 8\n"
      "  weighbridge reshard --load ./megatron --save ./ranks --tp 2 --pp 4 --ckpt-format torch\n"
      "  weighbridge reshard --load ./ranks --save ./bridge --flavor bridge --architecture MyModelForCausalLM");
  command.final_callback([options, &chosen] {
    chosen.shared = true;
    chosen.run = [options](Console& console) { return convert(Direction::reshard, *options, console); };
  });
}

}  // namespace weighbridge
