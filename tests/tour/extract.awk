# SPDX-License-Identifier: MIT
# Prints program number `n` of the tour in elegans.h: from its "#include <elegans.h>" to the closing brace of main.
{ line = substr($0, 8) } # behind " *     "
line == "#include <elegans.h>" { found++ }
found == n && !done { print line; if (line == "}") done = 1 }
