#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands.hpp"
#include "cli/conversion_command.hpp"

namespace weighbridge {

void add_export(CLI::App& program, Chosen& chosen) {
  auto& command = *program.add_subcommand("export", "Megatron to Hugging Face");
  const auto options = std::make_shared<Options>();
  declare_megatron_path(command, *options, true);
  declare_hugging_face_source(command, *options, false);
  declare_hugging_face_path(command, *options, true);
  declare_export(command, *options);
  declare_dtype(command, *options);
  declare_strictness(command, *options);
  declare_output(command, *options);
  declare_run(command, *options);
  declare_plugin_path(command, *options);
  declare_json(command, *options);
  command.footer(
      "With --hf-model, that repository is the reference: its side files and the names of its files are kept.\n\n"
      "Examples:\n"
      "  weighbridge export --megatron-path ./megatron --hf-model ./model --hf-path ./exported\n"
      "  weighbridge export --megatron-path ./megatron/iter_0001000 --hf-path ./exported --max-shard-size 2GB");
  command.final_callback([options, &chosen] {
    chosen.shared = true;
    chosen.run = [options](Console& console) { return convert(Direction::to_hugging_face, *options, console); };
  });
}

}  // namespace weighbridge
