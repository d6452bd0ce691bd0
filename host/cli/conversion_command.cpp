#include "cli/conversion_command.hpp"

#include <ostream>

#include "cli/plan_account.hpp"
#include "cli/report.hpp"
#include "engine/team.hpp"

namespace weighbridge {

int convert(Direction direction, const Options& options, Console& console) {
  mention_ignored(console, options);
  auto registry = Registry::scan(options.plugin_paths);
  const auto prepared = prepare(direction, options, registry);
  auto& team = console.team != nullptr ? *console.team : alone();
  if (auto agreed = team.agree(prepared ? done() : Status{prepared.error()}); !agreed) return fail(console, agreed.error(), options.json);
  if (options.dry_run) {
    if (options.json) {
      print(console, plan_json(*prepared, options, false));
    } else {
      console.out << plan_text(*prepared, options, false) << "Nothing was written: this was a dry run.\n";
    }
    return kDone;
  }
  const auto report = carry_out(*prepared, options, console, true);
  if (!report) return fail(console, report.error(), options.json);
  if (options.json) {
    print(console, conversion_json(*prepared, *report));
  } else {
    console.out << conversion_text(*prepared, *report) << std::flush;
  }
  return kDone;
}

}  // namespace weighbridge
