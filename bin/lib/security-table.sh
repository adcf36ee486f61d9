# Prints how the attacks of the security tests went: row, test, result, for each way of making
# sandboxes. Reads what the tests wrote; fails if a row failed or a row that has tests did not run.
# To be sourced.
security_table() { # directory with rows.tsv and results.tsv, "complete" if every row should have run
  local directory=$1 complete=${2-}
  [[ -s $directory/rows.tsv && -s $directory/results.tsv ]] || return 0
  LC_ALL=C awk -F '\t' -v complete="$complete" '
    FILENAME ~ /rows\.tsv$/ { attack[$1] = $2; note[$1] = $3; rows++; next }
    {
      key = $1 SUBSEP $2
      profiles[$2]
      if (!seen[key, $4]++) tests[key] = tests[key] (tests[key] == "" ? "" : ", ") $4
      if ($3 == "ok") ok[key]++
      else if ($3 == "FAILED") bad[key]++
      else if ($5 != "") { reason[key] = $5 } else reason[key] = "not run"
    }
    END {
      printf "%-4s%-66s %-26s %s\n", "row", "attack: only acceptable outcome", "how sandboxes are made", "result, tests"
      for (r = 1; r <= rows; r++) {
        printed = 0
        for (p in profiles) {
          key = r SUBSEP p
          if (!(key in tests)) continue
          if (bad[key]) { result = "FAILED"; failed = 1 }
          else if (ok[key] && reason[key] != "") result = "ok, in part n/a: " reason[key]
          else if (ok[key]) result = "ok"
          else result = "n/a: " reason[key]
          if (note[r] != "" && result !~ /^n\/a/) result = result " (" note[r] ")"
          printf "%-4d%-66s %-26s %s  [%s]\n", r, attack[r], p, result, tests[key]
          printed = 1
        }
        if (!printed) {
          if (note[r] == "") { missing = 1; result = complete ? "NOT RUN" : "not run" } else result = note[r]
          printf "%-4d%-66s %-26s %s\n", r, attack[r], "any", result
        }
      }
      exit failed || (complete && missing)
    }' "$directory/rows.tsv" "$directory/results.tsv"
}
