# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Prints the results of the security tests' attacks: row, test and result for each way of making sandboxes.
# Reads what the tests wrote. Fails if a row failed, did not run for one of these ways, or was left out there
# although neither the row nor its expected result allows that. To be sourced.
security_table() { # directory with rows.tsv, expected.tsv and results.tsv, "complete" if every row should have run
  local directory=$1 complete=${2-}
  local file
  for file in rows expected results; do
    [[ -s $directory/$file.tsv ]] || {
      echo "There is no table of the attacks: the tests did not write $directory/$file.tsv." >&2
      return 1
    }
  done
  LC_ALL=C awk -F '\t' -v complete="$complete" '
    function say(number, profile, result, tests) {
      printf "%-4d%-66s %-26s %s%s\n", number, attack[number], profile, result, tests == "" ? "" : "  [" tests "]"
    }
    function add(profile) { if (!(profile in known)) { known[profile]; profiles[++count] = profile } }
    FILENAME ~ /rows\.tsv$/ { attack[$1] = $2; note[$1] = $3; row[++rows] = $1; next }
    FILENAME ~ /expected\.tsv$/ { expected[$1, $2] = $3; how[$1, $2] = $4; add($2); next }
    {
      key = $1 SUBSEP $2
      add($2)
      if (!seen[key, $4]++) tests[key] = tests[key] (tests[key] == "" ? "" : ", ") $4
      if ($3 == "ok") ok[key]++
      else if ($3 == "FAILED") bad[key]++
      else reason[key] = $5 == "" ? "not run" : $5
    }
    END {
      printf "%-4s%-66s %-26s %s\n", "row", "attack: only acceptable outcome", "how sandboxes are made", "result, tests"
      for (line = 1; line <= rows; line++) {
        r = row[line] # numbers have gaps
        printed = 0
        for (i = 1; i <= count; i++) {
          p = profiles[i]
          key = r SUBSEP p
          if (!(key in tests)) {
            if (!(key in expected)) continue
            if (complete) missing = 1
            say(r, p, complete ? "NOT RUN" : "not run", "")
            printed = 1
            continue
          }
          # Only what depends on the host, or is said to be so there, may be left out.
          allowed = note[r] != "" || expected[key] == "n/a"
          if (bad[key]) { result = "FAILED"; failed = 1 }
          else if (reason[key] != "" && !allowed) { result = "FAILED: was not made: " reason[key]; failed = 1 }
          else if (ok[key] && reason[key] != "") result = "ok, in part n/a: " reason[key]
          else if (ok[key]) result = "ok"
          else result = "n/a: " reason[key]
          more = how[key] != "" && expected[key] == "ok" ? how[key] : note[r]
          if (more != "" && result !~ /^n\/a/) result = result " (" more ")"
          say(r, p, result, tests[key])
          printed = 1
        }
        if (!printed) {
          if (note[r] == "") { missing = 1; result = complete ? "NOT RUN" : "not run" } else result = note[r]
          say(r, "any", result, "")
        }
      }
      exit failed || (complete && missing)
    }' "$directory/rows.tsv" "$directory/expected.tsv" "$directory/results.tsv"
}
