/* Draws 16 pictures with a model and writes them as one PNG.
 *   draw_pictures_c MODEL GRID.png */
#include <ddim/c.h>
#include <stdio.h>

static int show(void *user, int64_t done, int64_t total) {
  (void)user;
  fprintf(stderr, "\r%3d %%", (int)(100 * done / total));
  return 0; /* go on */
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: draw_pictures_c MODEL GRID.png\n");
    return 2;
  }
  ddim_model *model = NULL;
  ddim_images *pictures = NULL;
  ddim_options *options = ddim_options_new();
  ddim_options_set_progress(options, show, NULL);
  ddim_status status = ddim_options_set(options, "steps", "20");
  if (status == DDIM_OK) status = ddim_options_set(options, "count", "16");
  if (status == DDIM_OK) status = ddim_options_set(options, "seed", "7");
  if (status == DDIM_OK) status = ddim_model_load(argv[1], &model);
  if (status == DDIM_OK) status = ddim_sample(model, options, &pictures);
  if (status == DDIM_OK) status = ddim_images_write_grid(pictures, argv[2]);
  fprintf(stderr, "\n");
  if (status != DDIM_OK) fprintf(stderr, "%s\n", ddim_last_error());
  ddim_images_free(pictures);
  ddim_options_free(options);
  ddim_model_free(model);
  return status;
}
