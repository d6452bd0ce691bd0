#include "families/library.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <weighbridge/abi.h>

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <exception>
#include <mutex>

#include "families/call.hpp"
#include "families/call_state.hpp"
#include "families/values.hpp"

namespace weighbridge {
namespace {

constexpr auto kEntry = "wb_plugin_v1";

Error refused(const Manifest& manifest, std::string problem, std::string remedy = "Report it to the plugin's author, or remove the plugin") {
  return {Error::Kind::plugin, manifest.library.string(), "plugin " + manifest.id, std::move(problem), std::move(remedy)};
}


// Keeps a library loaded until the process ends: tables and strings of it are in use, and unloading code that may
// still run is a crash with no gain. Deliberately never destroyed.
const boost::dll::shared_library& keep(boost::dll::shared_library library) {
  static auto& mutex = *new std::mutex;
  static auto& kept = *new std::vector<std::unique_ptr<boost::dll::shared_library>>;
  const std::scoped_lock lock{mutex};
  return *kept.emplace_back(std::make_unique<boost::dll::shared_library>(std::move(library)));
}

Result<const wb_plugin*> enter(const Manifest& manifest) {
  boost::dll::fs::error_code error;
  boost::dll::shared_library opened;
  try {
    opened.load(manifest.library.string(), boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& exception) {  // carries the dynamic linker's own words; initialisers may throw as well
    return refused(manifest, fmt::format("does not load: {}", exception.what()), "Build it anew for this system");
  }
  const auto& library = keep(std::move(opened));
  if (!library.has(kEntry))
    return refused(manifest, fmt::format("exports no {}", kEntry), "Build it with weighbridge_add_family of SDK 1");
  const wb_plugin* plugin = nullptr;
  try {
    plugin = library.get<const wb_plugin*()>(kEntry)();
  } catch (...) {
    return refused(manifest, fmt::format("threw an exception out of {}", kEntry));
  }
  if (plugin == nullptr) return refused(manifest, "says that it cannot work here");
  return plugin;
}

Status check_version(const Manifest& manifest, const wb_plugin& plugin) {
  if (plugin.struct_size < offsetof(wb_plugin, self_check)) return refused(manifest, "its descriptor is smaller than that of ABI 1.0");
  if (plugin.abi_major != WB_ABI_MAJOR)
    return refused(manifest, fmt::format("was built for ABI {}.{}; this host has {}.{}", plugin.abi_major, plugin.abi_minor, WB_ABI_MAJOR, WB_ABI_MINOR),
                   "Use a plugin built for this major version, or another Weighbridge");
  if (manifest.abi_major != plugin.abi_major) return refused(manifest, fmt::format("its manifest claims ABI {}", manifest.abi_major));
  if (manifest.needs_minor > WB_ABI_MINOR)
    return refused(manifest, fmt::format("needs ABI {}.{}; this host has {}.{}", manifest.abi_major, manifest.needs_minor, WB_ABI_MAJOR, WB_ABI_MINOR),
                   "Use a newer Weighbridge");
  return done();
}

Status agree(const Manifest& manifest, const char* field, const std::string& claimed, const std::string& actual) {
  if (claimed == actual) return done();
  return refused(manifest, fmt::format("its manifest says {} {}, the library {}", field, claimed, actual));
}

}  // namespace

Result<std::vector<Family>> load_library(const Manifest& manifest) {
  if (manifest.abi_major != WB_ABI_MAJOR)  // not worth running its initialisers
    return refused(manifest, fmt::format("its manifest says ABI {}; this host has {}.{}", manifest.abi_major, WB_ABI_MAJOR, WB_ABI_MINOR),
                   "Use a plugin built for this major version, or another Weighbridge");
  auto entered = enter(manifest);
  if (!entered) return entered.error();
  const auto& plugin = **entered;
  if (auto status = check_version(manifest, plugin); !status) return status.error();
  if (auto status = agree(manifest, "id", manifest.id, text(plugin.id)); !status) return status.error();
  if (auto status = agree(manifest, "version", manifest.version, text(plugin.version)); !status) return status.error();

  std::vector<Family> families;
  std::vector<std::string> architectures, model_types;
  const auto smallest = offsetof(wb_family, recognises);
  if (plugin.family_count == 0 || plugin.families == nullptr || plugin.family_stride < smallest || plugin.family_count > 10'000)
    return refused(manifest, "describes no families");
  for (std::size_t i = 0; i < plugin.family_count; ++i) {
    const auto* table = reinterpret_cast<const wb_family*>(reinterpret_cast<const char*>(plugin.families) + i * plugin.family_stride);
    if (table->struct_size < smallest) return refused(manifest, fmt::format("family {} is smaller than that of ABI 1.0", i));
    if (table->id.size == 0 || table->architecture_count == 0 || !table->to_megatron || !table->to_hugging_face || !table->equations)
      return refused(manifest, fmt::format("family {} lacks an id, an architecture or a callback", i));
    families.push_back({table, manifest});
    for (auto& name : architectures_of(families.back())) architectures.push_back(std::move(name));
    for (auto& name : model_types_of(families.back())) model_types.push_back(std::move(name));
  }
  const auto sorted = [](std::vector<std::string> names) {
    std::ranges::sort(names);
    return fmt::format("[{}]", fmt::join(names, ", "));
  };
  if (auto status = agree(manifest, "architectures", sorted(manifest.architectures), sorted(architectures)); !status) return status.error();
  if (auto status = agree(manifest, "model_types", sorted(manifest.model_types), sorted(model_types)); !status) return status.error();
  if (auto status = self_check(plugin); !status) return refused(manifest, "fails its self-check: " + status.error().problem);
  return families;
}

}  // namespace weighbridge
