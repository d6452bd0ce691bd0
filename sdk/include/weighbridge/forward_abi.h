/* Running a model from its checkpoint, for one comparison: an optional ability of a family.
 *
 * A family that can say what its model computes has wb_family.extension give a wb_forward for the id
 * WB_FORWARD_EXTENSION. The host calls both functions, each with a checkpoint of its side opened: `hugging_face` computes as
 * the Hugging Face implementation does on Hugging Face tensors, `megatron` as Megatron-Core does on Megatron parameters. The
 * two must not share what makes one side's tensors of the other's, for that is what the check is about. Everything is
 * computed in float32. The rules of weighbridge/abi.h about growth, memory, threads and errors hold here too.
 *
 * Tensors are called as on their side: "model.layers.0.self_attn.q_proj.weight", "decoder.layers.0.mlp.linear_fc1.weight"; of
 * grouped experts with the number behind ("decoder.layers.0.mlp.experts.linear_fc1.weight7"). Values come decoded where they
 * are stored block-scaled. A tensor is seen as a matrix: its last axis by all others; one of a single axis has a single row.
 * Weights need not fit in memory: a product reads its weight in blocks of rows. */
#ifndef WEIGHBRIDGE_FORWARD_ABI_H
#define WEIGHBRIDGE_FORWARD_ABI_H

#include <weighbridge/abi.h>

#define WB_FORWARD_EXTENSION "weighbridge.forward.1"

#ifdef __cplusplus
extern "C" {
#endif

/* y = x * W^T with x [tokens, columns of W], y [tokens, rows]; or turned, y = x * W with x [tokens, rows], y [tokens, columns
 * of W]. W is rows [first_row, first_row + rows) of `weight`. x and y are row-major and the plugin's. */
enum { WB_PRODUCT_ROWS = 1, WB_PRODUCT_TURNED = 2 };

typedef struct wb_product {
  size_t struct_size;
  wb_string weight;
  int64_t first_row, rows;
  uint32_t kind;
  int64_t tokens;
  const float *x;
  float *y;
} wb_product;

/* Values of all tokens, row-major: those of the first sequence, then of the next. */
typedef struct wb_values {
  size_t struct_size;
  int64_t columns;
  const float *data; /* [sequences * length, columns] */
} wb_values;

typedef struct wb_forward_run {
  size_t struct_size;
  const int64_t *tokens; /* [sequences, length], below the vocabulary; position i of a sequence is position i of the model */
  int64_t sequences, length;
  /* [call] The shape of a tensor of this side: WB_OK, or WB_ABSENT. Its dtype is that on disk. */
  int32_t (*tensor)(wb_call *, wb_string name, wb_tensor_info *out);
  /* [call] Rows of a tensor as float32. */
  int32_t (*rows)(wb_call *, wb_string name, int64_t first, int64_t count, float *into);
  int32_t (*multiply)(wb_call *, const wb_product *product);
  /* [call] The residual stream after the embedding (layer -1), then after each layer in its order. Where no layer has this
   * number on the other side, nothing is compared. */
  int32_t (*state)(wb_call *, int64_t layer, const wb_values *values);
  /* [call] The result, once. Columns beyond the vocabulary are padding. */
  int32_t (*logits)(wb_call *, const wb_values *values);
  /* [call] Lets another family run the model, of this side: the language model of a vision-language model, by a component as
   * wb_host.component takes it. It gives the states and the logits. */
  int32_t (*part)(wb_call *, const wb_component *component);
} wb_forward_run;

typedef struct wb_forward {
  size_t struct_size;
  /* [call] Both read their side's document as the other callbacks do. WB_OK or WB_FAILED. */
  int32_t (*hugging_face)(const wb_host *, wb_call *, const wb_forward_run *);
  int32_t (*megatron)(const wb_host *, wb_call *, const wb_forward_run *);
} wb_forward;

#ifdef __cplusplus
}
#endif

#endif
