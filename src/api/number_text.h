#pragma once

#include "base/text.h"  // number_text
