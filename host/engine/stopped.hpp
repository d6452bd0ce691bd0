#pragma once
// What a run says when its user stopped it.

#include "tensor/result.hpp"

namespace weighbridge {

inline Error stopped_error() {
  return {Error::Kind::cancelled, "", "", "stopped before the output was complete; nothing of it was kept",
          "Run it again"};
}

}  // namespace weighbridge
