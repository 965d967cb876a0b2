/// Everything of storage, for a quick start.
#pragma once

#include "cortex/database.hpp"
#include "cortex/schema.hpp"
#include "cortex/statement.hpp"
