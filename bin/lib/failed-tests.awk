# SPDX-License-Identifier: Apache-2.0
# Prints the failed tests of JUnit's XML reports, one per line: class, method and the beginning of the message.
BEGIN { RS = "<" }

function value(attribute) {
  return match($0, " " attribute "=\"[^\"]*\"") ? substr($0, RSTART + length(attribute) + 3, RLENGTH - length(attribute) - 4) : ""
}

function plain(text) {
  gsub(/&#1?[0-9];|[ \t\r\n]+/, " ", text)
  gsub(/&quot;/, "\"", text)
  gsub(/&apos;/, "'", text)
  gsub(/&lt;/, "<", text)
  gsub(/&gt;/, ">", text)
  gsub(/&amp;/, "\\&", text)
  gsub(/[[:cntrl:]]/, "?", text)
  sub(/^ +/, "", text)
  return text
}

/^testcase / {
  test = value("classname")
  sub(/.*\./, "", test)
  test = test "#" value("name")
}

/^(failure|error)[ >]/ && test != "" {
  printf "  %s: %.300s\n", plain(test), plain(value("message") == "" ? value("type") : value("message"))
  test = ""
}
