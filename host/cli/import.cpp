#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.hpp"
#include "cli/conversion_command.hpp"

namespace weighbridge {

void add_import(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("import", "Hugging Face to Megatron");
  const auto options = std::make_shared<Options>();
  declare_hugging_face_source(command, *options, true);
  declare_megatron_path(command, *options, true);
  declare_megatron_target(command, *options);
  declare_dtype(command, *options);
  declare_strictness(command, *options);
  declare_output(command, *options);
  declare_run(command, *options);
  declare_plugin_path(command, *options);
  declare_json(command, *options);
  command.footer(
      "Examples:\n"
      "  weighbridge import --hf-model ./model --megatron-path ./megatron\n"
      "  weighbridge import --hf-model org/name --megatron-path ./megatron --tp 8 --torch-dtype bfloat16\n"
      "  weighbridge import --hf-model ./model --megatron-path ./megatron --flavor megatron-lm");
  command.final_callback([options, &chosen] {
    chosen.shared = true;
    chosen.run = [options](Console& console) { return convert(Direction::to_megatron, *options, console); };
  });
}

}  // namespace weighbridge
