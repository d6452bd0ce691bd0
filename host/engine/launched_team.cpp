#include "engine/launched_team.hpp"

#include <cstdlib>
#include <string>

#ifdef WEIGHBRIDGE_MPI
#include "engine/mpi_team.hpp"
#endif

namespace weighbridge {
namespace {

// How many processes the launcher says there are; 1 if there is none. MPI itself is not started to find out.
long launched() {
  for (const auto* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"})
    if (const auto* size = std::getenv(name)) return std::strtol(size, nullptr, 10);
  // srun sets this for every step; without a PMI the processes would know nothing of each other.
  if (std::getenv("PMIX_RANK") != nullptr)
    if (const auto* size = std::getenv("SLURM_STEP_NUM_TASKS")) return std::strtol(size, nullptr, 10);
  return 1;
}

}  // namespace

Result<std::unique_ptr<Team>> launched_team(std::stop_token stop) {
  if (launched() <= 1) return std::unique_ptr<Team>{};
#ifdef WEIGHBRIDGE_MPI
  return mpi_team(std::move(stop));
#else
  return Error{Error::Kind::unsupported, "", "several processes", "were launched, but this program was built without MPI",
               "Run one process, or build it where MPI is installed (./run setup)"};
#endif
}

}  // namespace weighbridge
