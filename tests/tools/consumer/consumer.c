#include <ddim/c.h>
#include <stdio.h>

int main(void) {
  ddim_model *model = NULL;
  ddim_status status = ddim_model_load("no-such-model", &model);
  printf("%s %d\n", ddim_version(), (int)status);
  ddim_model_free(model);
  return 0;
}
