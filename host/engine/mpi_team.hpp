#pragma once
// Processes that talk through MPI. Only where the build found it.

#include <memory>
#include <stop_token>

#include "engine/team.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Initialises MPI; the team finalises it. See launched_team.
Result<std::unique_ptr<Team>> mpi_team(std::stop_token stop);

}  // namespace weighbridge
