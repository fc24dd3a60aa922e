#include "class_flags.h"

namespace ddim::cli {

void ClassFlags::add_to(Command command) {
  command
      .add_option(
          "--class", choice_.classes,
          "Class of the pictures, from 0, of a model trained with classes; several separated "
          "by commas are drawn in turn")
      .delimiter(',')
      .type_name("K[,K...]");
  command
      .add_option("--guidance", choice_.guidance,
                  "Classifier-free guidance: eps of no class + W (eps of the class - eps of no "
                  "class); 1 is none, others call the network twice a step")
      .type_name("W")
      .show_default();
  command
      .add_option("--null-class", choice_.null_class,
                  "The class that means none, where the model's configuration does not say it")
      .type_name("K");
}

}  // namespace ddim::cli
