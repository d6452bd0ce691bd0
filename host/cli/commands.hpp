#pragma once
// The commands of the program, one file each.

#include <functional>

#include "cli/console.hpp"

namespace CLI {
class App;
}

namespace weighbridge {

// What the command line asked for: set while it is parsed, run afterwards. `run` gives the exit code.
struct Chosen {
  std::function<int(Console&)> run;
  bool shared{};  // whether processes that were launched together share the work; else the first one does it alone
};

// Each adds one command; `chosen` outlives the parse.
void add_import(CLI::App& program, Chosen& chosen);
void add_export(CLI::App& program, Chosen& chosen);
void add_reshard(CLI::App& program, Chosen& chosen);
void add_roundtrip(CLI::App& program, Chosen& chosen);
void add_inspect(CLI::App& program, Chosen& chosen);
void add_plan(CLI::App& program, Chosen& chosen);
void add_verify(CLI::App& program, Chosen& chosen);
void add_compare(CLI::App& program, Chosen& chosen);
void add_pack(CLI::App& program, Chosen& chosen);
void add_unpack(CLI::App& program, Chosen& chosen);
void add_models(CLI::App& program, Chosen& chosen);
void add_plugin(CLI::App& program, Chosen& chosen);

}  // namespace weighbridge
