/** @file
 * The library for C, and for other languages that can call C:
 *
 *   ddim_model *model;
 *   ddim_images *pictures;
 *   ddim_options *options = ddim_options_new();
 *   if (ddim_model_load("fashion-mnist", &model) == DDIM_OK &&
 *       ddim_options_set(options, "steps", "20") == DDIM_OK &&
 *       ddim_sample(model, options, &pictures) == DDIM_OK) ...
 *   else puts(ddim_last_error());
 *
 * Every function that can fail returns a ddim_status, and sets what it was to return only where
 * that is DDIM_OK. No exception leaves a function, and none ends the process. What a function
 * returns through a pointer to a pointer is the caller's, who frees it; freeing NULL does nothing.
 * Objects do not depend on each other: a model may be freed before pictures that it drew. Several
 * threads may use one model, and read one of the other objects, at the same time. */
#ifndef DDIM_C_H
#define DDIM_C_H

#include <stddef.h>
#include <stdint.h>

#include "ddim/export.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The values are the exit codes of the program. */
typedef enum ddim_status {
  DDIM_OK = 0,
  DDIM_USER = 1,          /**< an impossible request */
  DDIM_USAGE = 2,         /**< an option that there is not */
  DDIM_NUMERIC = 3,       /**< NaN or infinity in weights or activations */
  DDIM_CORRUPT = 4,       /**< a file that is not what it claims to be */
  DDIM_IO = 5,            /**< the system refused to read or write */
  DDIM_INTERNAL = 70,     /**< a defect in ddim; please report it */
  DDIM_INTERRUPTED = 130, /**< a progress function asked to stop */
} ddim_status;

typedef struct ddim_model ddim_model;     /**< a network with its forward process */
typedef struct ddim_options ddim_options; /**< how to draw, encode or decode */
typedef struct ddim_images ddim_images;   /**< pictures, or states of the same form */
typedef struct ddim_codes ddim_codes;     /**< pictures as noise, with the steps that lead back */

/** "0.1.0" */
DDIM_API const char* ddim_version(void);
/** What went wrong in the last call of this thread that failed: valid until its next one. */
DDIM_API const char* ddim_last_error(void);

/** `name`: all that `ddim sample --model` takes without the network. A model is taken as its files
 * describe it, without the program's --schedule, --beta-start, --beta-end, --T, --prediction,
 * --size and --no-verify: where a message names one of them, write the model anew with it (`ddim
 * convert`) and load that. What --as chooses is to be said as options. */
DDIM_API ddim_status ddim_model_load(const char* name, ddim_model** model);
/** The same with "precision", "memory", "device" and "weights" of options, which may be NULL. */
DDIM_API ddim_status ddim_model_load_with(const char* name, const ddim_options* options,
                                          ddim_model** model);
/** Also of a model that other objects came from. */
DDIM_API void ddim_model_free(ddim_model* model);
/** Of the pictures that it draws. NULL for what is not wanted. */
DDIM_API ddim_status ddim_model_shape(const ddim_model* model, int64_t* width, int64_t* height,
                                      int64_t* channels);
/** 0 for a model without classes; else classes are 0 to this - 1. */
DDIM_API int64_t ddim_model_num_classes(const ddim_model* model);
/** The name of a class, valid as long as the model; NULL where it has none. */
DDIM_API const char* ddim_model_class_name(const ddim_model* model, int64_t number);
/** 64 hexadecimal digits; valid as long as the model. */
DDIM_API const char* ddim_model_hash(const ddim_model* model);

/** NULL when there is no memory. */
DDIM_API ddim_options* ddim_options_new(void);
/** Calls that the options were given to have copied what they need. */
DDIM_API void ddim_options_free(ddim_options* options);
/** `name` and `value` are those of the flags of `ddim sample`, `ddim encode` and `ddim decode`, the
 * words of a name joined by `-` or `_`:
 *
 *   ddim_sample(): "sampler", "steps", "tau" (a name, or a list with commas), "steps_offset",
 *     "tolerance", "eta", "sigma_hat" ("true" or "false"; of it and "eta" the last one counts),
 *     "clip", "clip_range", "threshold", "threshold_max", "final_alpha", "count", "seed" (one),
 *     "first_image", "class" (numbers and names with commas, or "all"), "guidance", "null_class";
 *     with ddim_options_set_init() "strength" and "init_by";
 *   ddim_encode(): "steps", "tau", "steps_offset", "class", "guidance", "null_class", "exact"
 *     ("yes" or "no"; "tau" is then "quadratic" unless it is said), "dequantise";
 *   ddim_decode(): "clip", "clip_range", "threshold", "threshold_max", "class", "guidance",
 *     "null_class", "other_weights" ("yes": codes of another model, too);
 *   all of these: "threads", "batch";
 *   ddim_model_load_with(): "precision", "memory", "device", "weights".
 *
 * What a call has no use for is not looked at. One that it could use, but not beside the others, is
 * refused unless it is the default: a "threshold" needs a "clip" that has one. A wrong value may be
 * found only by the call that uses it. */
DDIM_API ddim_status ddim_options_set(ddim_options* options, const char* name, const char* value);
/** Called now and then from any thread, one call at a time, with the number of network evaluations;
 * returns 0 to go on. Anything else ends the run with DDIM_INTERRUPTED. */
typedef int (*ddim_progress)(void* user, int64_t done, int64_t total);
/** Of the runs that get these options; NULL for none. */
DDIM_API void ddim_options_set_progress(ddim_options* options, ddim_progress progress, void* user);
/** Draw from these states, which are copied; NULL: from the seed. Sets the count, too: one that is
 * said later must be theirs. */
DDIM_API ddim_status ddim_options_set_noise(ddim_options* options, const ddim_images* states);

/** Start from these pictures (as many as are drawn, or one) instead of noise: image to image. White
 * areas of a mask (NULL: none) are redrawn, black ones kept. Both are copied; pictures NULL: start
 * from noise. "strength" (default 0.8, with a mask or the sampler adaptive 1) says which part of
 * the steps is taken. */
DDIM_API ddim_status ddim_options_set_init(ddim_options* options, const ddim_images* pictures,
                                           const ddim_images* mask);

/** Values [count, height, width, channels], -1 black to 1 white, which are copied. */
DDIM_API ddim_status ddim_images_new(int64_t count, int64_t width, int64_t height, int64_t channels,
                                     const float* values, ddim_images** images);
/** Picture files of the model's shape. `fit`: NULL, "crop-resize" or "pad" for other sizes. */
DDIM_API ddim_status ddim_images_load(const ddim_model* model, const char* const* paths,
                                      size_t num_paths, const char* fit, ddim_images** images);
/** A mask for ddim_options_set_init(); what is transparent in it counts as black. */
DDIM_API ddim_status ddim_mask_load(const ddim_model* model, const char* path, const char* fit,
                                    ddim_images** mask);
/** And the values that ddim_images_values() returned. */
DDIM_API void ddim_images_free(ddim_images* images);
/** NULL for what is not wanted. */
DDIM_API ddim_status ddim_images_size(const ddim_images* images, int64_t* count, int64_t* width,
                                      int64_t* height, int64_t* channels);
/** [count, height, width, channels]; valid as long as the images. */
DDIM_API const float* ddim_images_values(const ddim_images* images);
/** The same as bytes, 0 black to 255 white. `size`: of `bytes`, as many as there are values. */
DDIM_API ddim_status ddim_images_bytes(const ddim_images* images, uint8_t* bytes, size_t size);
/** All of them as one PNG file, which must not be there yet. */
DDIM_API ddim_status ddim_images_write_grid(const ddim_images* images, const char* path);

/** `options` may be NULL: the defaults. */
DDIM_API ddim_status ddim_sample(const ddim_model* model, const ddim_options* options,
                                 ddim_images** pictures);
/** The noise that `count` pictures of a seed start from. */
DDIM_API ddim_status ddim_draw_noise(const ddim_model* model, uint64_t seed, int64_t count,
                                     ddim_images** states);
/** States between 2 states (a line of `frames`) or 4 (frames x frames); see ddim/interpolate.h. */
DDIM_API ddim_status ddim_interpolate(const ddim_images* ends, int64_t frames,
                                      ddim_images** states);
/** Pictures as codes; see ddim/encode.h. */
DDIM_API ddim_status ddim_encode(const ddim_model* model, const ddim_images* pictures,
                                 const ddim_options* options, ddim_codes** codes);
/** The pictures that codes stand for. */
DDIM_API ddim_status ddim_decode(const ddim_model* model, const ddim_codes* codes,
                                 const ddim_options* options, ddim_images** pictures);
/** States that were taken from them stay. */
DDIM_API void ddim_codes_free(ddim_codes* codes);
/** The noise in the codes, one state for each picture. */
DDIM_API ddim_status ddim_codes_states(const ddim_codes* codes, ddim_images** states);
/** Of an exact encoding: the largest error of a pixel (-1 to 1) that was left in undoing a step. 0
 * of other codes, and of those that were read. */
DDIM_API double ddim_codes_residual(const ddim_codes* codes);
/** Safetensors files, as those of `ddim encode`. */
DDIM_API ddim_status ddim_codes_read(const char* path, ddim_codes** codes);
/** The file must not be there yet. */
DDIM_API ddim_status ddim_codes_write(const ddim_codes* codes, const char* path);

#ifdef __cplusplus
}
#endif

#endif
