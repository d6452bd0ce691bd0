#pragma once
// A call of a family that notes down what the plugin does. The plugin sees a host table of its own: expressions are kept
// as the trees that were asked for; what the host refuses is a violation, and something of the shape that was meant takes its
// place, so that the next fault is found too. Texts and shapes that the host lends are overwritten when the call ends, and
// two calls can be made to take turns at every host function.

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "checkpoints/config_document.hpp"
#include "conformance/violation.hpp"
#include "families/registry.hpp"
#include "mapping/equation.hpp"
#include "tensor/stored_tensor.hpp"

namespace weighbridge {

// An operator as the plugin asked for it. Operands are handles, which count from 1.
struct RecordedNode {
  std::uint32_t operation{};
  std::uint32_t dtype{};
  double number{};
  std::string name;  // of a tensor, in the whole model; of a codec
  Shape integers;
  std::vector<std::uint32_t> operands;
  Shape shape;     // of the result
  bool made_up{};  // stands for a refused expression, or uses one
};

// A refused expression.
struct Refusal {
  std::string rule, subject, problem, remedy;
  std::uint32_t handle{};  // of what stands for it; 0 where it is no expression
};

struct Recording {
  bool failed{};  // then `failure` says why, and nothing below is complete
  std::string failure;
  bool threw{}, silent{};            // an exception came out; it failed without a sentence
  bool kept_text{};                  // it passed a text that an earlier call lent
  std::optional<bool> answer;        // of recognises
  ConfigDocument written;            // of the translations
  EquationSet set;                   // of the equations
  std::vector<RecordedNode> nodes;   // handle 1 is the first
  std::vector<std::uint32_t> roots;  // handle of each of set.equations
  std::vector<Refusal> refusals;
  std::set<std::string> read;  // paths of the document that was translated which were there and were asked for
  std::vector<std::string> notes;
};

// Two threads that take turns.
class Turns {
 public:
  Turns();
  ~Turns();
  void begin(int who);  // before a thread's first step
  void step(int who);   // the other one's turn, until it steps or is done
  void end(int who);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct Taking {
  Turns* turns{};
  int who{};
};

Recording record_to_megatron(const Family& family, const ConfigDocument& hugging_face, Taking taking = {});
Recording record_to_hugging_face(const Family& family, const ConfigDocument& megatron);
Recording record_equations(const Family& family, const ConfigDocument& hugging_face, const ConfigDocument& megatron,
                           const Catalogue* source = nullptr, Taking taking = {});
Recording record_recognises(const Family& family, const ConfigDocument& megatron);

// What of two answers to one question differs first, in words; empty if nothing does.
std::string difference(const Recording& one, const Recording& other);

}  // namespace weighbridge
