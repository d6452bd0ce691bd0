#include "cli/program.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <new>
#include <ostream>

#include "cli/arguments.hpp"
#include "cli/commands.hpp"
#include "cli/resuming_command.hpp"
#include "engine/team.hpp"

namespace weighbridge {
namespace {

// The name of the deepest command that was reached: what --help to point at.
std::string reached(const CLI::App& program) {
  std::string name = program.get_name();
  for (const auto* command = &program; !command->get_subcommands().empty();) {
    command = command->get_subcommands().front();
    name += " " + command->get_name();
  }
  return name;
}

Error misuse(const CLI::App& program, const CLI::ParseError& parse_error) {
  std::string problem = parse_error.what();
  std::replace(problem.begin(), problem.end(), '\n', ' ');
  while (!problem.empty() && (problem.back() == '.' || problem.back() == ' ')) problem.pop_back();
  return {Error::Kind::usage, {}, {}, problem, "See " + reached(program) + " --help"};
}

void declare(CLI::App& program, Chosen& chosen) {
  program.name("weighbridge");
  program.set_version_flag("--version", std::string{"weighbridge "} + WEIGHBRIDGE_VERSION);
  program.require_subcommand(1);
  program.footer(
      "Examples:\n"
      "  weighbridge import --hf-model ./model --megatron-path ./megatron\n"
      "  weighbridge export --megatron-path ./megatron --hf-model ./model --hf-path ./exported\n"
      "  weighbridge COMMAND --help");
  for (const auto add : {add_import, add_export, add_reshard, add_roundtrip, add_inspect, add_plan, add_verify, add_compare,
                         add_pack, add_unpack, add_models, add_plugin}) {
    add(program, chosen);
  }
}

int parse_and_run(const std::vector<std::string>& words, Console& console, bool json) {
  CLI::App program{"Converts model weights between Hugging Face and Megatron checkpoints."};
  Chosen chosen;
  declare(program, chosen);
  try {
    auto reversed = normalised_arguments(words);
    std::reverse(reversed.begin(), reversed.end());
    program.parse(std::move(reversed));
  } catch (const CLI::ParseError& parse_error) {
    if (parse_error.get_exit_code() == 0) return program.exit(parse_error, console.out, console.err);  // --help
    return fail(console, misuse(program, parse_error), json);
  }
  if (console.team != nullptr && !chosen.shared) {
    if (!console.team->leads()) return kDone;
    console.team = nullptr;
  }
  console.resuming = resuming_command(words);
  return chosen.run(console);
}

}  // namespace

int run_program(const std::vector<std::string>& words, Console& console) {
  const bool json = std::find(words.begin(), words.end(), "--json") != words.end();
  // Only bugs and a machine without memory get here as exceptions.
  try {
    return parse_and_run(words, console, json);
  } catch (const std::bad_alloc&) {
    return fail(console, {Error::Kind::io, {}, {}, "the machine has no more memory", "Free some and try again"}, json);
  } catch (const std::exception& exception) {
    const Error error{Error::Kind::unsupported, {}, {}, std::string{"this is a bug of weighbridge: "} + exception.what(),
                      "Report it with the command that you typed"};
    return fail(console, error, json);
  }
}

}  // namespace weighbridge
