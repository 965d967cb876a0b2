/// Everything of the runtime, for a quick start.
#pragma once

#include "cortex/clock.hpp"
#include "cortex/error.hpp"
#include "cortex/expected.hpp"
#include "cortex/future.hpp"
#include "cortex/handle.hpp"
#include "cortex/metrics.hpp"
#include "cortex/options.hpp"
#include "cortex/published.hpp"
#include "cortex/report.hpp"
#include "cortex/runtime.hpp"
#include "cortex/task.hpp"
#include "cortex/when_all.hpp"
