# SPDX-License-Identifier: Apache-2.0
# Prints why Maven failed, from its output: a line for each goal, with its module and the beginning of the message, or
# the first errors if no goal failed.
function finish() {
  if (goal != "") printf "%.300s\n", goal
  goal = ""
}

!/^\[(ERROR|FATAL)\] / { next }

{
  gsub(/[[:cntrl:]]/, "?")
  sub(/^\[[A-Z]+\] +/, "")
  sub(/ *-> \[Help [0-9]+\]$/, "")
}

/^Failed to execute goal / {
  finish()
  goal = $0
  goals++
  next
}

# The message continues, for example with the first file.
goal != "" {
  if ($0 !~ /^($|See |To see |Re-run )/) goal = goal " " $0
  finish()
}

goals == 0 && errors < 3 && $0 != "" { error[++errors] = $0 }

END {
  finish()
  for (i = 1; goals == 0 && i <= errors; i++) printf "%.300s\n", error[i]
}
