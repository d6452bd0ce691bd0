#pragma once
// The team that a launcher (mpirun, srun) has started.

#include <memory>
#include <stop_token>

#include "engine/team.hpp"
#include "tensor/result.hpp"

namespace weighbridge {

// Null for a process that no launcher started, or one alone. Call it once, from the main thread, and let the team go there:
// the last process to do so ends the communication. When `stop` is requested while a process waits for the others, it
// stops waiting with the error of a stopped run, and letting the team go ends all processes.
// Error::Kind::unsupported: a launcher started several processes, but this program was built without MPI.
Result<std::unique_ptr<Team>> launched_team(std::stop_token stop);

}  // namespace weighbridge
