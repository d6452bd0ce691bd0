/* The contract between Weighbridge and a model-family plugin. Plain C; nothing else crosses.
 *
 * A plugin is a shared object that exports one function, wb_plugin_v1, and no other symbol. It describes one or more
 * families. For each conversion the host calls back into a family, which reads the configuration, translates it and
 * states equations: a Megatron parameter = an expression over Hugging Face tensors. The host does all the rest.
 *
 * Growth. A changed meaning is a new major version, with a new entry symbol. Within a major version structs grow at
 * their end only: every struct that may grow begins with its size as its maker knows it, and a reader touches a member
 * only if it lies within that size. Arrays of such structs carry a stride. Optional abilities are extensions, found by
 * id. The value 0 of every enumeration means "not set" and is refused.
 *
 * Memory. No allocation crosses. Strings are UTF-8, not terminated, borrowed: the host's live until the call returns,
 * the plugin's descriptors until the process ends (a library is never unloaded), everything else a plugin passes until
 * the host function it is passed to returns (the host copies).
 *
 * Threads. [load] = called once while the plugin is loaded, before anything else. [call] = one thread at a time for one
 * wb_call; different wb_calls may run in parallel, so plugin code keeps no mutable state. [any] = any thread.
 *
 * Errors. No exception crosses. A callback that fails calls wb_host.fail with a sentence and returns WB_FAILED. */
#ifndef WEIGHBRIDGE_ABI_H
#define WEIGHBRIDGE_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WB_ABI_MAJOR 1u
#define WB_ABI_MINOR 0u

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wb_string {
  const char *data;
  size_t size;
} wb_string;

/* Results of functions. */
enum { WB_OK = 1, WB_ABSENT = 2, WB_FAILED = 3 };

/* Element types; the numbers are never reused. Names as in safetensors. */
enum {
  WB_DTYPE_BOOL = 1, WB_DTYPE_F4 = 2, WB_DTYPE_F6_E2M3 = 3, WB_DTYPE_F6_E3M2 = 4, WB_DTYPE_U8 = 5, WB_DTYPE_I8 = 6,
  WB_DTYPE_F8_E5M2 = 7, WB_DTYPE_F8_E4M3 = 8, WB_DTYPE_F8_E8M0 = 9, WB_DTYPE_F8_E4M3FNUZ = 10,
  WB_DTYPE_F8_E5M2FNUZ = 11, WB_DTYPE_I16 = 12, WB_DTYPE_U16 = 13, WB_DTYPE_F16 = 14, WB_DTYPE_BF16 = 15,
  WB_DTYPE_I32 = 16, WB_DTYPE_U32 = 17, WB_DTYPE_F32 = 18, WB_DTYPE_C64 = 19, WB_DTYPE_F64 = 20, WB_DTYPE_I64 = 21,
  WB_DTYPE_U64 = 22
};

/* ---- Configuration ------------------------------------------------------------------------------------------- */

/* The two documents of a call. The Megatron one is flat and holds Megatron-Core's field names with plain values:
 * "activation_func": "silu", "params_dtype": "bfloat16". */
enum { WB_DOCUMENT_HUGGING_FACE = 1, WB_DOCUMENT_MEGATRON = 2 };

/* Kinds of a value. WB_VALUE_LIST and WB_VALUE_OBJECT are set empty; their children have paths of their own. */
enum {
  WB_VALUE_NULL = 1, WB_VALUE_BOOLEAN = 2, WB_VALUE_INTEGER = 3, WB_VALUE_NUMBER = 4, WB_VALUE_STRING = 5,
  WB_VALUE_LIST = 6, WB_VALUE_OBJECT = 7
};

typedef struct wb_value {
  size_t struct_size;
  uint32_t kind;
  int64_t integer;  /* of a boolean (0, 1) or an integer */
  double number;    /* of a number or an integer */
  wb_string string; /* of a string */
  size_t count;     /* children of a list or an object */
} wb_value;

/* ---- Expressions ---------------------------------------------------------------------------------------------- */

/* A handle of an expression within one call; 0 is none. */
typedef uint32_t wb_expression;

/* Operators. Shapes are row-major. Each is a map between boxes of its operands and boxes of its result, and has an
 * exact inverse; with a := the axis, s := the shape of the (first) operand:
 *   TENSOR      name, integers = shape: a Hugging Face tensor as it is on disk.
 *   CONCAT      integers = {a}; operands one after the other along a.
 *   INTERLEAVE  integers = {a, groups}; along a each operand is cut into `groups` equal parts; the result takes part 0
 *               of every operand, then part 1 of every operand, …
 *   SLICE       integers = {a, begin, end}; the operand's elements begin <= i < end along a. Several slices must
 *               together use all of a tensor.
 *   STACK       integers = {a}; operands of one shape become entries along a new axis a.
 *   TRANSPOSE   integers = permutation: axis i of the result is axis integers[i] of the operand.
 *   RESHAPE     integers = the new shape, as many elements, in the same row-major order.
 *   PAD         integers = {a, extent}; zeros after the operand along a, up to the extent. The inverse cuts them off.
 *   CAST        dtype; rounded to nearest, ties to even. Between I32 and I64, a number that I32 lacks becomes its nearest.
 *   ADD         number; a constant, added in float32 (float64 for float64) and rounded once.
 *   DECODE      name = codec, operands = {data, scales} or {data}, integers = {block rows, block columns, the result's
 *               shape …}: value * scale of its block, in float32. Both operands are TENSORs, used whole and only here.
 *               Codecs: "fp8_e4m3" (one byte a value); "mxfp4" (E2M1, two in a byte, the low half first; scales E8M0);
 *               "int4" (eight in an I32, the lowest half byte first, offset by 8). Rows are all axes but the last.
 *   ECHO        the operand once more: its elements go to Megatron here too, but come back from elsewhere.
 *   FILL        number, integers = shape: the number everywhere, for a parameter that Hugging Face has no tensor for. It
 *               is a whole equation. On the way back the parameter may be absent, and must hold just that if it is there.
 * A host that does not know an operator refuses the expression by its number. */
enum {
  WB_TENSOR = 1, WB_CONCAT = 2, WB_INTERLEAVE = 3, WB_SLICE = 4, WB_STACK = 5, WB_TRANSPOSE = 6, WB_RESHAPE = 7,
  WB_PAD = 8, WB_CAST = 9, WB_ADD = 10, WB_DECODE = 11, WB_ECHO = 12, WB_FILL = 13
};

typedef struct wb_node {
  size_t struct_size;
  uint32_t operation;
  uint32_t dtype;
  double number;
  wb_string name;
  const int64_t *integers;
  size_t integer_count;
  const wb_expression *operands;
  size_t operand_count;
} wb_node;

/* How Megatron cuts a parameter among its tensor-parallel ranks. A CONCAT along the cut axis is cut part by part (each
 * rank holds its share of every part); anything else is cut into equal boxes. */
enum { WB_SPLIT_NONE = 1, WB_SPLIT_AXIS_0 = 2, WB_SPLIT_AXIS_1 = 3, WB_SPLIT_AXIS_2 = 4 };

/* What the module that owns a parameter keeps as `_extra_state`. */
enum { WB_EXTRA_ABSENT = 1, WB_EXTRA_EMPTY = 2, WB_EXTRA_NONE = 3 };

/* Bits of wb_equation.flags. */
enum {
  WB_VOCABULARY = 1u, /* rows beyond the vocabulary are padding: more may be added, and are cut off again */
  WB_KEEP_DTYPE = 2u  /* never cast by the user's --torch-dtype: fp32 buffers */
};

/* Megatron parameter `stack` + layer + "." + `name` = expression. Outside a stack of layers `stack` is empty and the
 * name is whole. Checkpoints may store a stack's layers as one tensor with a leading layer axis; the host knows.
 * Of a parameter that every one of `experts` experts has, the name is that of grouped experts without the number
 * ("mlp.experts.linear_fc1.weight") and `expert` the number; elsewhere `experts` is 0. The host knows how checkpoints
 * name and join experts.
 * `name` and `layer` are those of torch_dist keys. Where the live model's differ, `live` is the name there and `live_layer`
 * the layer's number; `live` is empty where they do not. (What Megatron-Core's own checkpoints call otherwise the host
 * knows: parts of Mamba's in_proj, "transformer_layer" of prediction layers.)
 * Without an expression (0) it states no parameter, only that the module `name` keeps `extra_state` though no parameter
 * is named after it: its weight is tied, or stored in parts; or, with WB_EXTRA_ABSENT, that it keeps none where other
 * models' modules of that name do (a core attention of the model's own). */
typedef struct wb_equation {
  size_t struct_size;
  wb_string stack; /* "decoder.layers." */
  int64_t layer, layers;
  wb_string name; /* "self_attention.linear_qkv.weight" */
  wb_expression expression;
  uint32_t split;
  uint32_t extra_state;
  uint32_t flags;
  int64_t expert, experts;
  wb_string live;
  int64_t live_layer;
} wb_equation;

/* What is said of a Hugging Face tensor that no equation uses, or not the whole of. Always with a reason, which users read. */
enum {
  WB_TIED = 1,       /* a copy of `other`, on disk or not; checked to be equal where it is on disk */
  WB_DROPPED = 2,    /* Megatron has no place for it and recomputes it; copied from the reference on export */
  WB_SYNTHESISED = 3,/* not in the source: made of nothing when exporting */
  WB_CARRIED = 4,    /* Megatron has no place for it: kept beside the checkpoint and given back. A name that ends with
                        "*" stands for every tensor of the source that begins so and that no equation uses. */
  WB_COPY = 5,       /* a copy of `other` that checkpoints of this kind hold: tied where it is one, carried where it is not,
                        and written too where there is no reference to say whether it was there */
  WB_ZEROS = 6       /* said of a tensor that equations do use: its other elements are zeros, which is looked at on import,
                        and made again on export */
};

typedef struct wb_declaration {
  size_t struct_size;
  uint32_t kind;
  wb_string name;
  wb_string other;
  wb_string reason;
} wb_declaration;

typedef struct wb_tensor_info {
  size_t struct_size;
  uint32_t dtype;
  const int64_t *shape; /* the host's; valid until the call returns */
  size_t rank;
} wb_tensor_info;

/* A part of a model that another family knows: the language model of a vision-language model. Within to_megatron it
 * fills the Megatron document; within to_hugging_face the Hugging Face document; within equations it states them. */
typedef struct wb_rename {
  wb_string from, to;
} wb_rename;

typedef struct wb_default {
  wb_string path; /* as the part calls it: "num_hidden_layers" */
  wb_value value; /* of a kind without children */
} wb_default;

typedef struct wb_component {
  size_t struct_size;
  wb_string architecture; /* "MyModelForCausalLM", in whatever plugin */
  wb_string config;       /* path of its part of the Hugging Face document: "text_config"; empty: all of it */
  const wb_string *inherited; /* fields that the whole document states for the part, where it states them */
  size_t inherited_count;
  const wb_rename *renames; /* beginnings of its Hugging Face names; the first that fits is exchanged */
  size_t rename_count;
  wb_string megatron;     /* put before its Megatron names: "language_model." */
  const wb_default *defaults; /* what the part reads where its configuration leaves a field out */
  size_t default_count;
} wb_component;

/* ---- The host, as a plugin sees it ----------------------------------------------------------------------------- */

typedef struct wb_call wb_call; /* one use of a family by the host; opaque */

typedef struct wb_host {
  size_t struct_size;
  uint32_t abi_major, abi_minor;
  /* [any] The failure of this callback, in one sentence; the first one counts. */
  void (*fail)(wb_call *, wb_string sentence);
  /* [call] Something that the user should know but that stops nothing. */
  void (*note)(wb_call *, wb_string sentence);
  /* [call] The value at a dotted path ("rope_scaling.factor", "layer_types.0"): WB_OK, WB_ABSENT or WB_FAILED. */
  int32_t (*get)(wb_call *, uint32_t document, wb_string path, wb_value *out);
  /* [call] Sets a value; objects on the way are made. WB_OK or WB_FAILED. */
  int32_t (*set)(wb_call *, uint32_t document, wb_string path, const wb_value *value);
  /* [call] The Hugging Face tensor of that name in the source, or on export in the reference: WB_OK or WB_ABSENT.
   * There may be neither source nor reference; then every name is absent and has_source gives 0. */
  int32_t (*tensor)(wb_call *, wb_string name, wb_tensor_info *out);
  uint32_t (*has_source)(wb_call *);
  /* [call] Makes an expression; 0 on failure, which the host has recorded with the reason. */
  wb_expression (*expression)(wb_call *, const wb_node *node);
  /* [call] States an equation, or something about a tensor. WB_OK or WB_FAILED. */
  int32_t (*equation)(wb_call *, const wb_equation *equation);
  int32_t (*declare)(wb_call *, const wb_declaration *declaration);
  /* [any] A table of functions by id, or null. */
  const void *(*extension)(wb_string id);
  /* [call] Asks another family for a part. WB_OK or WB_FAILED. A part may have parts, to a depth of 4. */
  int32_t (*component)(wb_call *, const wb_component *component);
  /* [call] Sets `to` in the document that may be set to what the other one holds at `from`, with all its children: the
   * configuration object of an encoder, which both sides keep. What run_config.yaml says of Python is not taken along: an
   * object's `_target_` is left out, a reference to a dtype becomes its name. WB_OK, WB_ABSENT or WB_FAILED. */
  int32_t (*copy)(wb_call *, wb_string from, wb_string to);
  /* [call] From here on, in this family and its parts, the Hugging Face tensor `name` is this expression: of packed
   * experts, say, the entry of one. `tensor` does not see it. WB_OK or WB_FAILED. */
  int32_t (*substitute)(wb_call *, wb_string name, wb_expression expression);
} wb_host;

/* ---- The plugin, as the host sees it ---------------------------------------------------------------------------- */

typedef struct wb_family {
  size_t struct_size;
  wb_string id; /* "my_family" */
  const wb_string *architectures; /* of config.json: "MyModelForCausalLM" */
  size_t architecture_count;
  const wb_string *model_types;
  size_t model_type_count;
  /* [call] Reads the Hugging Face document and fills the Megatron document. */
  int32_t (*to_megatron)(const wb_host *, wb_call *);
  /* [call] Reads the Megatron document and fills the Hugging Face document, so that it stands alone. */
  int32_t (*to_hugging_face)(const wb_host *, wb_call *);
  /* [call] Reads the Hugging Face document and states every equation and declaration. What it leaves open the Megatron
   * document may say, which is empty where there is none. */
  int32_t (*equations)(const wb_host *, wb_call *);
  /* [call] Optional. Whether this family made the Megatron document, which names no architecture: WB_OK or WB_ABSENT. */
  int32_t (*recognises)(const wb_host *, wb_call *);
  /* [any] Optional. A table of functions by id, or null. */
  const void *(*extension)(wb_string id);
} wb_family;

typedef struct wb_plugin {
  size_t struct_size;
  uint32_t abi_major, abi_minor; /* of the header it was compiled with */
  wb_string id, version;         /* as in the manifest beside the library */
  const wb_family *families;
  size_t family_count, family_stride;
  /* [load] Optional. Proves to itself that it works here: WB_OK, or WB_FAILED and it is skipped. */
  int32_t (*self_check)(const wb_host *, wb_call *);
} wb_plugin;

/* [load] The one symbol a plugin exports. Null means that it cannot work here. */
#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const wb_plugin *wb_plugin_v1(void);

#ifdef __cplusplus
}
#endif

#endif
