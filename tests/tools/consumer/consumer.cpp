#include <ddim/ddim.h>

#include <iostream>

int main() {
  const ddim::Plan plan = ddim::make_plan(ddim::ForwardProcess{}, {.steps = 10, .eta = 0.5});
  std::cout << ddim::version() << ' ' << plan.nfe << '\n';
}
