// Catch2 in version 2 or 3, whichever is installed. What both name differently, tests spell one
// way: `Catch::Approx`, and `CORTEX_SKIP` for what this machine cannot show.
#pragma once

#if __has_include(<catch2/catch_all.hpp>)
#  include <catch2/catch_all.hpp>
#else
#  include <catch2/catch.hpp>
#endif

#include <iostream>

/// Ends a test case that cannot run here, before it has checked anything; ctest reports it as
/// skipped. Use it in the body of the test case itself.
#define CORTEX_SKIP(reason)                                                                        \
  do {                                                                                             \
    std::cout << "cortex test skipped: " << (reason) << '\n';                                      \
    SUCCEED("skipped");                                                                            \
    return;                                                                                        \
  } while (false)
